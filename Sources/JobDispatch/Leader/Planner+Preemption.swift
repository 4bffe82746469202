internal import ExchangeTypes
internal import JobMarket

// Which running batch job gives its slot to a job that minds waiting more.
extension Planner {
  /// An attempt that may be taken from its worker for another job.
  struct Running: Hashable, Sendable {
    /// Its job.
    let job: JobID
    /// Whose it is.
    let account: AccountID
    /// Where it runs.
    let server: Server
    /// Tokens that its next worker computes anew: of the prompt at most, and of the output so far.
    let recomputed: UInt64

    /// Whether its slot is of use to a demand: a supplier's own job gives way to his own alone.
    func suits(_ demand: Demand) -> Bool {
      let tenancy = server.ask.tenancy
      return server.obstacle(to: demand) == nil
        && (!tenancy.isOwn(account) || tenancy.isOwn(demand.account))
    }
  }

  /// The attempt that gives its slot to a demand: first by where the demand would go if it had the choice, as in a plan,
  /// then the one with the least to compute anew, then the youngest.
  ///
  /// How loaded a worker is does not count: the slot is one of its own, and is only changed over.
  static func giver(to demand: Demand, among running: [Running]) -> Running? {
    let preferences = demand.terms.preferences
    func rank(_ attempt: Running) -> (Int, Int, Double, UInt128, UInt64, UInt64) {
      let server = attempt.server
      return (
        demand.excluded.contains(server.ask.id.worker) ? 1 : 0,
        server.name.map(preferences.place) ?? 0, server.slowness(by: preferences.sort, for: demand),
        server.ask.offer.prices.sum, attempt.recomputed, .max - attempt.job.rawValue
      )
    }
    return running.lazy.filter { $0.suits(demand) }.map { (rank: rank($0), attempt: $0) }
      .min { $0.rank < $1.rank }?.attempt
  }
}
