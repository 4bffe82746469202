internal import ExchangeTypes
public import TokenLedger
public import WireProtocol

// The journal's lines as the ledger has them, from the wire and to it.
extension JournalListing {
  /// The lines, in their order, with what those of kind sale say.
  public var transfers: [Transfer] {
    var sales = (self.sales ?? [])[...]
    return entries.map { entry in
      while let first = sales.first, first.transfer < entry.transfer { sales.removeFirst() }
      return Transfer(entry, sale: sales.first?.transfer == entry.transfer ? sales.first : nil)
    }
  }
}

extension Transfer {
  /// A transfer as the wire says it.
  public init(_ entry: TransferEntry, sale: JournalSale? = nil) {
    self.init(
      id: entry.transfer, debit: entry.debit, credit: entry.credit, amount: entry.amount,
      kind: Kind(entry.kind), job: entry.job, time: entry.time, group: entry.group,
      reverses: entry.reverses, sale: sale.map(Sale.init))
  }
}

extension Transfer.Kind {
  fileprivate init(_ kind: TransferKind) {
    self =
      switch kind {
      case .credit: .credit
      case .capture: .capture
      case .reversal: .reversal
      case .fee: .fee
      case .move: .move
      case .redemption: .redemption
      case .sale: .sale
      }
  }
}

extension Sale {
  fileprivate init(_ sale: JournalSale) {
    self.init(
      promptTokens: sale.promptTokens, cachedTokens: sale.cachedTokens,
      outputTokens: sale.outputTokens, charge: sale.charge, isOwn: sale.own)
  }
}

extension JournalSale {
  /// What a line says, if it is a sale.
  init?(_ transfer: Transfer) {
    guard let sale = transfer.sale else { return nil }
    self.init(
      transfer: transfer.id, promptTokens: sale.promptTokens, cachedTokens: sale.cachedTokens,
      outputTokens: sale.outputTokens, charge: sale.charge, own: sale.isOwn)
  }
}
