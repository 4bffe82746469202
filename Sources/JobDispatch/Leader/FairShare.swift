internal import ExchangeCore
internal import ExchangeTypes
internal import HeapModule

/// Whose turn it is among the accounts whose jobs wait for a model: the one that has been served least.
///
/// The weighted virtual token counter of arXiv 2401.00588. An account's counter grows by what its jobs cost, divided by its weight; of those whose jobs
/// wait the least one is next. One that comes after a pause begins at the least of those that wait: what it did not
/// use meanwhile is nobody's debt.
///
/// A job is charged when it is given to a worker, with what it is thought to cost, so that an account with many jobs
/// cannot take many slots at once; when its attempt is over, the charge becomes what it did cost.
///
/// Invariants:
/// - A charge ends with its job's attempt, however that ends; of a model for which nobody waits and which nobody is
///   served, nothing is kept.
/// - While two accounts wait, the one that is behind is served before the other: their counters are never further apart than
///   what the jobs in flight cost, and one more.
///
/// Volatile: a new leader begins with nobody served.
struct FairShare: Sendable {
  /// What an output token weighs against a prompt token.
  static let outputWeight: UInt64 = 2
  /// The most that one job is charged: those in flight together are far from a counter's end.
  static let costMax: UInt64 = 1 << 40
  /// Where a counter stops: what nobody reaches who was ever idle.
  private static let servedMax: UInt64 = 1 << 62

  private struct Charge {
    let model: String
    let account: AccountID
    let weight: UInt32
    let cost: UInt64
  }

  private struct Share {
    /// What its jobs did cost whose attempts are over, from where it began.
    var served: UInt64 = 0
    /// What its jobs in flight are thought to cost.
    var pending: UInt64 = 0
    var inFlight = 0
    var waits = false

    var counter: UInt64 { served + pending }
    /// One without waiting jobs and without jobs in flight has no past.
    var isIdle: Bool { !waits && inFlight == 0 }
  }

  private var shares: [String: [AccountID: Share]] = [:]
  private var charges: [JobID: Charge] = [:]

  /// Whether nothing is kept.
  var isEmpty: Bool { shares.isEmpty && charges.isEmpty }

  /// What work costs an account of a weight, in hundredths.
  static func cost(_ work: Planner.Work, weight: UInt32 = AccountWeight.standard) -> UInt64 {
    let (output, overflow) = work.output.multipliedReportingOverflow(by: outputWeight)
    let (sum, carry) = work.prompt.addingReportingOverflow(output)
    let cost = overflow || carry ? costMax : min(costMax, sum)
    return weight == AccountWeight.standard
      ? cost : cost * UInt64(AccountWeight.standard) / UInt64(weight)
  }

  /// What an account has been served and is being served; 0 for one that is not known.
  func counter(of account: AccountID, for model: String) -> UInt64 {
    shares[model]?[account]?.counter ?? 0
  }

  /// Whether somebody's jobs wait for a model, as far as was said.
  func isWaited(for model: String) -> Bool {
    shares[model]?.values.contains(where: \.waits) ?? false
  }

  /// These accounts have jobs that wait for a model, and no others.
  ///
  /// One that did not wait before begins at the least of those that did, or that are served. What is only thought to be
  /// served does not count: an estimate that turns out too high would be others' debt.
  mutating func wait(_ accounts: [AccountID], for model: String) {
    var known = shares[model] ?? [:]
    let stayed = accounts.compactMap { account in
      known[account].flatMap { $0.waits ? $0.served : nil }
    }
    guard stayed.count < accounts.count || known.values.count(where: \.waits) > stayed.count
    else { return }
    let least = stayed.min() ?? known.values.map(\.served).min() ?? 0
    var next: [AccountID: Share] = [:]
    for account in accounts {
      var share = known.removeValue(forKey: account) ?? Share()
      if !share.waits { share.served = max(share.served, least) }
      share.waits = true
      next[account] = share
    }
    for (account, var share) in known {
      share.waits = false
      if !share.isIdle { next[account] = share }
    }
    shares[model] = next.isEmpty ? nil : next
  }

  /// A job is given to a worker; given to another, it is charged for that one alone.
  mutating func charge(
    _ job: JobID, of account: AccountID, for model: String, _ work: Planner.Work,
    weight: UInt32 = AccountWeight.standard
  ) {
    settle(job, at: nil)
    let cost = Self.cost(work, weight: weight)
    charges[job] = Charge(model: model, account: account, weight: weight, cost: cost)
    var share = shares[model]?[account] ?? Share()
    share.pending += cost
    share.inFlight += 1
    shares[model, default: [:]][account] = share
  }

  /// A job's attempt is over, and did cost so much; nil if it came to nothing.
  mutating func settle(_ job: JobID, at work: Planner.Work?) {
    guard let charge = charges.removeValue(forKey: job) else { return }
    guard var share = shares[charge.model]?[charge.account], share.inFlight > 0,
      share.pending >= charge.cost
    else { preconditionFailure("a charge of nobody") }
    share.pending -= charge.cost
    share.inFlight -= 1
    share.served = min(
      Self.servedMax, share.served + (work.map { Self.cost($0, weight: charge.weight) } ?? 0))
    shares[charge.model]?[charge.account] = share.isIdle ? nil : share
    if shares[charge.model]?.isEmpty == true { shares[charge.model] = nil }
  }

  // MARK: Turns

  /// One account's place while jobs are picked.
  struct Turn: Hashable, Comparable, Sendable {
    /// What it will have been served, with what has been picked of it.
    let counter: UInt64
    /// Whose.
    let account: AccountID
    /// What it counts for, in hundredths.
    let weight: UInt32

    static func < (left: Turn, right: Turn) -> Bool {
      (left.counter, left.account) < (right.counter, right.account)
    }
  }

  /// The turns of some accounts while jobs are picked: the least is next.
  struct Turns: Sendable {
    private var heap: Heap<Turn>

    init(_ turns: [Turn]) { heap = Heap(turns) }

    /// Takes the next one out; nil once there is none.
    mutating func next() -> Turn? { heap.popMin() }
    /// Puts one back, or in.
    mutating func insert(_ turn: Turn) { heap.insert(turn) }
  }

  /// The turns of some accounts whose jobs wait for a model.
  func turns(
    of accounts: [AccountID], for model: String,
    weight: (AccountID) -> UInt32 = { _ in AccountWeight.standard }
  ) -> Turns {
    Turns(
      accounts.map {
        Turn(counter: counter(of: $0, for: model), account: $0, weight: weight($0))
      })
  }
}

extension FairShare.Turn {
  /// The account's next turn, once a job of it has been looked at.
  func after(_ work: Planner.Work) -> FairShare.Turn {
    FairShare.Turn(
      counter: counter + max(1, FairShare.cost(work, weight: weight)), account: account,
      weight: weight)
  }
}
