public import ExchangeTypes
public import JobMarket

/// Chooses a worker for each queued job, from facts that are true only now: who has a slot parked.
///
/// Pure: the same facts give the same plan. What it proposes is validated again by `apply`, so a plan
/// on stale facts costs a round trip, never correctness.
public enum Planner {
  /// An offer whose worker has a free slot.
  public struct Candidate: Hashable, Sendable {
    /// The offer with the version of its asks: `apply` refuses the assignment if it has changed.
    public let ask: Ask
    /// Attempts running on the worker now.
    public let busy: Int
    /// Slots parked and not reserved.
    public let free: Int
    /// Those of them that are not kept for the supplier's own jobs.
    public let freeForOthers: Int
    /// Whether its engine goes on from an output that another has begun.
    public let continuesOutput: Bool

    /// What its engine can do.
    public let capabilities: Capabilities
    /// How consumers name it; nil where they cannot.
    public let name: SupplierName?
    /// How fast it was.
    let speed: WorkerSpeed

    /// Joins the facts.
    init(
      ask: Ask, busy: Int, free: Int, freeForOthers: Int? = nil, continuesOutput: Bool,
      capabilities: Capabilities = .all, name: SupplierName? = nil,
      speed: WorkerSpeed = WorkerSpeed()
    ) {
      self.ask = ask
      self.busy = busy
      self.free = free
      self.freeForOthers = min(free, freeForOthers ?? free)
      self.continuesOutput = continuesOutput
      self.capabilities = capabilities
      self.name = name
      self.speed = speed
    }

    /// Whether it can take a job at all.
    public func serves(_ demand: Demand) -> Bool {
      ask.offer.mismatch(with: demand.bid) == nil && (continuesOutput || !demand.goesOn)
        && capabilities.isSuperset(of: demand.terms.needs)
        && name.map(demand.terms.preferences.admits) ?? true
        && ask.tenancy.admits(demand.account) && (isOwn(demand) || freeForOthers > 0)
    }

    /// Whether it is its supplier's own job, which may have the slots that are kept.
    func isOwn(_ demand: Demand) -> Bool { ask.tenancy.isOwn(demand.account) }
  }

  /// What a queued job demands.
  public struct Demand: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// What it needs and what it pays at most.
    public let bid: Bid
    /// Workers that have lost or refused it already.
    public let excluded: Set<WorkerID>
    /// Whether a part of its output is recorded, from which its next worker must go on.
    public let goesOn: Bool

    /// What it asks for beyond its bid.
    public let terms: JobTerms
    /// Whose job it is.
    public let account: AccountID

    /// Joins the demands.
    public init(
      job: JobID, bid: Bid, excluded: Set<WorkerID>, goesOn: Bool, terms: JobTerms = JobTerms(),
      account: AccountID = AccountID(0)
    ) {
      self.job = job
      self.bid = bid
      self.excluded = excluded
      self.goesOn = goesOn
      self.terms = terms
      self.account = account
    }
  }

  /// Pairs demands, in their order, with candidates: the cheapest ask first, then the least busy
  /// worker, then the lowest offer id.
  ///
  /// A worker that failed a job before is its last resort. Before the price comes the order that its consumer wants, and
  /// what he wants to be chosen by: a worker whose speed is not known yet is tried first, or it never would be.
  public static func plan(
    _ demands: [Demand], on candidates: [Candidate]
  ) -> [(job: JobID, candidate: Candidate)] {
    var free = candidates.map(\.free)
    var freeForOthers = candidates.map(\.freeForOthers)
    var busy = candidates.map(\.busy)
    var plan: [(JobID, Candidate)] = []
    for demand in demands {
      var best: Int?
      for (place, candidate) in candidates.enumerated() where free[place] > 0 {
        guard candidate.serves(demand) else { continue }
        guard candidate.isOwn(demand) || freeForOthers[place] > 0 else { continue }
        guard let held = best else {
          best = place
          continue
        }
        if rank(place) < rank(held) { best = place }
      }
      guard let place = best else { continue }
      free[place] -= 1
      if !candidates[place].isOwn(demand) { freeForOthers[place] -= 1 }
      busy[place] += 1
      plan.append((demand.job, candidates[place]))

      func rank(_ place: Int) -> Rank {
        let ask = candidates[place].ask
        let preferences = demand.terms.preferences
        return Rank(
          wasExcluded: demand.excluded.contains(ask.id.worker),
          preference: candidates[place].name.map(preferences.place) ?? 0,
          slowness: candidates[place].slowness(by: preferences.sort),
          price: UInt128(ask.offer.prices.input.rawValue)
            + UInt128(ask.offer.prices.output.rawValue),
          busy: busy[place], offer: ask.id)
      }
    }
    return plan
  }

  private struct Rank: Comparable {
    let wasExcluded: Bool
    let preference: Int
    let slowness: Double
    let price: UInt128
    let busy: Int
    let offer: OfferID

    static func < (left: Rank, right: Rank) -> Bool {
      if left.wasExcluded != right.wasExcluded { return right.wasExcluded }
      if left.preference != right.preference { return left.preference < right.preference }
      if left.slowness != right.slowness { return left.slowness < right.slowness }
      return (left.price, left.busy, left.offer) < (right.price, right.busy, right.offer)
    }
  }
}

extension Planner.Candidate {
  /// Seconds that decide before the price: per token, or to the first output; zero where the price decides, or nothing
  /// is known.
  fileprivate func slowness(by sort: Preferences.Sort?) -> Double {
    switch sort {
    case nil, .price: 0
    case .throughput: speed.tokensPerSecond.map { 1 / $0 } ?? 0
    case .latency: speed.firstOutput.map { $0 / 1_000 } ?? 0
    }
  }
}
