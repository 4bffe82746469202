public import ExchangeTypes

/// What a part of the journal comes to, for whoever runs the exchange: made of its transfers alone.
///
/// A reversal takes back from the sum that its transfer was counted in, where that transfer is in the same part. A supplier's own
/// jobs move nothing, and so are in no sum.
public struct LedgerReport: Sendable {
  /// Whole amounts may be taken back, so a sum has two sides.
  public struct Sum: Hashable, Sendable {
    private(set) var given: UInt128 = 0
    private(set) var taken: UInt128 = 0

    mutating func add(_ amount: Credits) { given += UInt128(amount.rawValue) }
    mutating func takeBack(_ amount: Credits) { taken += UInt128(amount.rawValue) }

    /// What is left, in credits; a part of the journal may take back what an earlier one gave.
    public var text: String {
      let (left, isOwed) = given >= taken ? (given - taken, false) : (taken - given, true)
      let whole = left / UInt128(Credits.nanoPerCredit)
      let rest = Credits(nano: UInt64(left % UInt128(Credits.nanoPerCredit)))
      let fraction = rest == .zero ? "" : String("\(rest)".dropFirst())
      return (isOwed && left > 0 ? "-" : "") + "\(whole)\(fraction)"
    }
  }

  /// Put into circulation.
  public private(set) var issued = Sum()
  /// Taken out of it.
  public private(set) var redeemed = Sum()
  /// The operator's part of charges.
  public private(set) var fees = Sum()
  /// What suppliers had of charges.
  public private(set) var earned = Sum()
  /// What administrators moved.
  public private(set) var moved = Sum()
  private var bySupplier: [AccountID: Sum] = [:]
  private var kinds: [TransferID: Transfer.Kind] = [:]
  private var paid: Set<JobID> = []

  /// A report about no transfer.
  public init() {}

  /// Jobs that were paid.
  public var jobs: Int { paid.count }

  /// What each supplier had of charges, in the order of their numbers.
  public var suppliers: [(account: AccountID, earned: Sum)] {
    bySupplier.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// Adds the journal's next transfer.
  public mutating func add(_ transfer: Transfer) {
    kinds[transfer.id] = transfer.kind
    let earlier = transfer.reverses.flatMap { kinds[$0] }
    guard transfer.kind != .reversal || earlier != nil else { return }
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
}
