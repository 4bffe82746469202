public import TokenLedger
public import WireProtocol

extension Transfer {
  /// A transfer as the wire says it.
  public init(_ entry: TransferEntry) {
    let kind: Kind =
      switch entry.kind {
      case .credit: .credit
      case .capture: .capture
      case .reversal: .reversal
      case .fee: .fee
      case .move: .move
      case .redemption: .redemption
      }
    self.init(
      id: entry.transfer, debit: entry.debit, credit: entry.credit, amount: entry.amount,
      kind: kind, job: entry.job, time: entry.time, group: entry.group, reverses: entry.reverses)
  }
}
