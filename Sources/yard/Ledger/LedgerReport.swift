internal import ExchangeTypes
internal import TokenLedger

/// What a part of the journal comes to, for whoever runs the exchange: made of its transfers alone.
///
/// A reversal takes back from the sum that its transfer was counted in, where that transfer is in the same part. A supplier's own
/// jobs move nothing, and so are in no sum.
struct LedgerReport {
  /// Whole amounts may be taken back, so a sum has two sides.
  struct Sum {
    private(set) var given: UInt128 = 0
    private(set) var taken: UInt128 = 0

    mutating func add(_ amount: Credits) { given += UInt128(amount.rawValue) }
    mutating func takeBack(_ amount: Credits) { taken += UInt128(amount.rawValue) }

    /// What is left; a part of the journal may take back what an earlier one gave.
    var text: String {
      let (left, isOwed) = given >= taken ? (given - taken, false) : (taken - given, true)
      let whole = left / UInt128(Credits.nanoPerCredit)
      let rest = Credits(nano: UInt64(left % UInt128(Credits.nanoPerCredit)))
      let fraction = rest == .zero ? "" : String("\(rest)".dropFirst())
      return (isOwed && left > 0 ? "-" : "") + "\(whole)\(fraction)"
    }
  }

  /// Put into circulation.
  private(set) var issued = Sum()
  /// Taken out of it.
  private(set) var redeemed = Sum()
  /// The operator's part of charges.
  private(set) var fees = Sum()
  /// What suppliers had of charges.
  private(set) var earned = Sum()
  /// The same by supplier, in the order of their numbers.
  private(set) var suppliers: [(account: AccountID, earned: Sum)] = []
  /// What administrators moved.
  private(set) var moved = Sum()
  /// Jobs that were paid.
  private(set) var jobs = 0

  init(_ export: LedgerExport) {
    var bySupplier: [AccountID: Sum] = [:]
    var kinds: [TransferID: Transfer.Kind] = [:]
    var paid: Set<JobID> = []
    for transfer in export.transfers {
      kinds[transfer.id] = transfer.kind
      let earlier = transfer.reverses.flatMap { kinds[$0] }
      guard transfer.kind != .reversal || earlier != nil else { continue }
      let isBack = transfer.kind == .reversal
      func count(_ sum: inout Sum) {
        if isBack { sum.takeBack(transfer.amount) } else { sum.add(transfer.amount) }
      }
      switch earlier ?? transfer.kind {
      case .credit: count(&issued)
      case .redemption: count(&redeemed)
      case .fee: count(&fees)
      case .move: count(&moved)
      case .capture:
        count(&earned)
        count(&bySupplier[isBack ? transfer.debit : transfer.credit, default: Sum()])
      case .reversal: break
      }
      if !isBack, let job = transfer.job { paid.insert(job) }
    }
    jobs = paid.count
    suppliers = bySupplier.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }
}
