public import ExchangeTypes
public import JobMarket

/// Chooses a worker for each queued job, from facts that are true only now: who has a slot parked.
///
/// Pure: the same facts give the same plan. What it proposes is validated again by `apply`, so a plan
/// on stale facts costs a round trip, never correctness. Whoever asks why a job is where it is gets the verdicts that
/// a plan is made of (`Dispatcher+Why`): there is no second copy of the rules.
public enum Planner {
  /// An offer whose worker may have free slots.
  public struct Candidate: Hashable, Sendable {
    /// The offer, and who makes it.
    public let server: Server
    /// Attempts running on the worker now.
    public let busy: Int
    /// Slots parked and not reserved.
    public let free: Int
    /// Those of them that are not kept for the supplier's own jobs.
    public let freeForOthers: Int
    /// What the attempts that run on the worker have between them.
    public let inFlight: Work

    /// Joins the facts; none of the free slots is kept unless that is said.
    public init(
      server: Server, busy: Int, free: Int, freeForOthers: Int? = nil, inFlight: Work = Work()
    ) {
      self.server = server
      self.busy = busy
      self.free = free
      self.freeForOthers = min(free, freeForOthers ?? free)
      self.inFlight = inFlight
    }

    /// The offer with the version of its asks: `apply` refuses the assignment if it has changed.
    public var ask: Ask { server.ask }

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
    /// What it will cost an engine, as far as that is known.
    public let work: Work
    /// How its prompt begins, if that is known.
    let prefix: PromptPrefix
    /// A context for which an engine found it too long, however many tokens were likely; nil if none did.
    let outgrown: TokenCount?

    /// Joins the demands; where its work is not known, it is the most that its bid allows.
    public init(
      job: JobID, bid: Bid, excluded: Set<WorkerID>, goesOn: Bool, terms: JobTerms = JobTerms(),
      account: AccountID = AccountID(0), work: Work? = nil
    ) {
      self.init(
        job: job, bid: bid, excluded: excluded, goesOn: goesOn, terms: terms, account: account,
        work: work, prefix: .empty)
    }

    /// The same of a prompt that begins so, and was too long for such a context.
    init(
      job: JobID, bid: Bid, excluded: Set<WorkerID>, goesOn: Bool, terms: JobTerms = JobTerms(),
      account: AccountID = AccountID(0), work: Work? = nil, prefix: PromptPrefix,
      outgrown: TokenCount? = nil
    ) {
      self.job = job
      self.bid = bid
      self.excluded = excluded
      self.goesOn = goesOn
      self.terms = terms
      self.account = account
      self.work = work ?? Work(of: bid)
      self.prefix = prefix
      self.outgrown = outgrown
    }
  }

  /// What a demand finds at a candidate.
  enum Verdict: Hashable, Sendable {
    /// It is not taken.
    case excluded(Obstacle)
    /// It would be; the least standing is chosen.
    case ranked(Standing)
  }

  /// Judges one candidate, which has so much room and work at the moment.
  static func verdict(
    on demand: Demand, at candidate: Candidate, free: Int, freeForOthers: Int, busy: Int,
    inFlight: Work
  ) -> Verdict {
    if let obstacle = candidate.server.obstacle(to: demand) { return .excluded(obstacle) }
    guard free > 0 else { return .excluded(.full) }
    guard candidate.isOwn(demand) || freeForOthers > 0 else { return .excluded(.reserved) }
    return .ranked(Standing(of: demand, at: candidate.server, busy: busy, inFlight: inFlight))
  }

  /// Judges one candidate as it is.
  static func verdict(on demand: Demand, at candidate: Candidate) -> Verdict {
    verdict(
      on: demand, at: candidate, free: candidate.free, freeForOthers: candidate.freeForOthers,
      busy: candidate.busy, inFlight: candidate.inFlight)
  }

  /// Pairs demands, in their order, with candidates: the cheapest ask first, then the worker whose slots would be through
  /// soonest with what it has and what it has not read of the job, then the least busy one, then the lowest offer id.
  ///
  /// A worker that failed a job before is its last resort. Before the price comes the order that its consumer wants, and
  /// what he wants to be chosen by: a worker whose speed is not known yet is tried first, or it never would be.
  public static func plan(
    _ demands: [Demand], on candidates: [Candidate]
  ) -> [(job: JobID, candidate: Candidate)] {
    var free = candidates.map(\.free)
    var freeForOthers = candidates.map(\.freeForOthers)
    var busy = candidates.map(\.busy)
    var inFlight = candidates.map(\.inFlight)
    var plan: [(JobID, Candidate)] = []
    for demand in demands {
      var best: (place: Int, standing: Standing)?
      for (place, candidate) in candidates.enumerated() where free[place] > 0 {
        guard
          case .ranked(let standing) = verdict(
            on: demand, at: candidate, free: free[place], freeForOthers: freeForOthers[place],
            busy: busy[place], inFlight: inFlight[place])
        else { continue }
        if let held = best, held.standing < standing { continue }
        best = (place, standing)
      }
      guard let (place, _) = best else { continue }
      free[place] -= 1
      if !candidates[place].isOwn(demand) { freeForOthers[place] -= 1 }
      busy[place] += 1
      inFlight[place] = inFlight[place] + demand.work
      plan.append((demand.job, candidates[place]))
    }
    return plan
  }

  /// What a plan would make of one demand alone: the candidates that would take it, the one that would be chosen first, then
  /// the others in their order.
  static func verdicts(
    on demand: Demand, among candidates: [Candidate]
  ) -> [(candidate: Candidate, verdict: Verdict)] {
    let judged = candidates.map { candidate in
      (candidate: candidate, verdict: verdict(on: demand, at: candidate))
    }
    let ranked = judged.compactMap { candidate, verdict -> (Candidate, Standing)? in
      if case .ranked(let standing) = verdict { (candidate, standing) } else { nil }
    }
    let excluded = judged.filter { if case .excluded = $0.verdict { true } else { false } }
    return ranked.sorted { $0.1 < $1.1 }.map { ($0.0, .ranked($0.1)) } + excluded
  }
}
