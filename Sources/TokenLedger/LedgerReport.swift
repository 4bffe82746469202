public import ExchangeTypes

/// What a part of the journal comes to, for whoever runs the exchange: made of its transfers alone.
///
/// A reversal takes back from the sum that its transfer was counted in; one of a transfer from before the part, whose kind is not known, is
/// counted apart. It takes back no volume: what was delivered stays delivered. A supplier's own jobs move nothing, and so are in no sum but that of their charges.
public struct LedgerReport: Sendable {
  /// Whole amounts may be taken back, so a sum has two sides.
  public struct Sum: Hashable, Sendable {
    private(set) var given: UInt128 = 0
    private(set) var taken: UInt128 = 0

    mutating func add(_ amount: Credits) { given += UInt128(amount.rawValue) }
    mutating func takeBack(_ amount: Credits) { taken += UInt128(amount.rawValue) }

    /// What is left, in credits.
    public var text: String {
      let (left, isOwed) = given >= taken ? (given - taken, false) : (taken - given, true)
      let whole = left / UInt128(Credits.nanoPerCredit)
      let rest = Credits(nano: UInt64(left % UInt128(Credits.nanoPerCredit)))
      let fraction = rest == .zero ? "" : String("\(rest)".dropFirst())
      return (isOwed && left > 0 ? "-" : "") + "\(whole)\(fraction)"
    }
  }

  /// What jobs delivered.
  public struct Volume: Hashable, Sendable {
    /// How many were billed.
    public private(set) var jobs: UInt64 = 0
    /// Their prompt tokens, those that were cached among them.
    public private(set) var promptTokens: UInt128 = 0
    /// What engines had cached of these.
    public private(set) var cachedTokens: UInt128 = 0
    /// Their output tokens.
    public private(set) var outputTokens: UInt128 = 0
    /// What they were charged.
    public private(set) var charges = Sum()

    mutating func add(_ sale: Sale) {
      jobs += 1
      promptTokens += UInt128(sale.promptTokens.rawValue)
      cachedTokens += UInt128(sale.cachedTokens.rawValue)
      outputTokens += UInt128(sale.outputTokens.rawValue)
      charges.add(sale.charge)
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
  /// What was taken back of transfers from before the part: in no other sum.
  public private(set) var takenBackBefore = Sum()
  /// What was delivered to others than its supplier.
  public private(set) var sold = Volume()
  /// What was delivered where consumer and supplier were of one owner.
  public private(set) var ownUse = Volume()
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
    if let sale = transfer.sale {
      if sale.isOwn { ownUse.add(sale) } else { sold.add(sale) }
      return
    }
    kinds[transfer.id] = transfer.kind
    let earlier = transfer.reverses.flatMap { kinds[$0] }
    let isBack = transfer.kind == .reversal
    guard !isBack || earlier != nil else { return takenBackBefore.add(transfer.amount) }
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
    case .reversal, .sale: break
    }
    if !isBack, let job = transfer.job { paid.insert(job) }
  }
}
