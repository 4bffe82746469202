internal import ExchangeTypes
public import JobMarket

extension Planner {
  /// Why a worker gets no job at all now.
  public enum Absence: String, Hashable, Sendable {
    /// It has not registered since it went.
    case offline
    /// It takes no new job.
    case draining
    /// Its registration stream is gone; it is awaited for a lease.
    case silent
    /// Its engine does not answer; an older worker does not say whether it only has no room.
    case engineDown = "engine_down"
    /// Its engine has no room just now: the only absence that goes by itself.
    case engineFull = "engine_full"
  }

  /// What is in the way of a job at a server, in the order in which it is looked for.
  public enum Obstacle: Hashable, Sendable {
    /// The worker is not there for anybody.
    case absent(Absence)
    /// The offer does not serve the bid.
    case mismatch(Mismatch)
    /// An engine found the job too long for a context that is no smaller.
    case outgrown
    /// A part of the output is here, and the engine cannot go on from it.
    case cannotContinue
    /// The engine cannot do this.
    case lacks(Capabilities)
    /// The supplier does not take the account's jobs.
    case tenant
    /// The consumer does not want the worker.
    case unwanted
    /// The slots that are free are kept for the supplier's own jobs.
    case reserved
    /// Every slot has a job: with a full engine the only obstacle that goes by itself.
    case full
  }

  /// An offer of a model, and what the leader knows of who makes it.
  public struct Server: Hashable, Sendable {
    /// The offer with its version.
    public let ask: Ask
    /// Why its worker gets no job; nil if it may.
    public let absence: Absence?
    /// Whether its engine goes on from an output that another has begun.
    public let continuesOutput: Bool
    /// What its engine can do.
    public let capabilities: Capabilities
    /// How consumers name it; nil where they cannot.
    public let name: SupplierName?
    /// How fast it was.
    let speed: WorkerSpeed
    /// What it has read.
    let prefixes: PrefixMemory

    /// Joins the facts.
    init(
      ask: Ask, absence: Absence? = nil, continuesOutput: Bool, capabilities: Capabilities = .all,
      name: SupplierName? = nil, speed: WorkerSpeed = WorkerSpeed(),
      prefixes: PrefixMemory = PrefixMemory()
    ) {
      self.ask = ask
      self.absence = absence
      self.continuesOutput = continuesOutput
      self.capabilities = capabilities
      self.name = name
      self.speed = speed
      self.prefixes = prefixes
    }

    /// What a demand costs its engine, which need not read again what it has of the prompt.
    func work(for demand: Demand) -> Work {
      var work = demand.work
      work.prompt -= min(work.prompt, prefixes.known(of: demand.prefix))
      return work
    }

    /// Whether its worker is there, if perhaps with a full engine.
    var isThere: Bool { absence == nil || absence == .engineFull }

    /// What keeps a job from this server now however many slots are free; nil if nothing does.
    public func obstacle(to demand: Demand) -> Obstacle? {
      misfit(to: demand) ?? (absence == .engineFull ? .absent(.engineFull) : nil)
    }

    /// The same but for an engine's want of room: it is there for the job, as if all of its slots had one.
    func misfit(to demand: Demand) -> Obstacle? {
      if let absence, !isThere { return .absent(absence) }
      guard ask.tenancy.admits(demand.account) else { return .tenant }
      if let mismatch = ask.offer.mismatch(with: demand.bid) { return .mismatch(mismatch) }
      if let outgrown = demand.outgrown, ask.offer.context <= outgrown { return .outgrown }
      if demand.goesOn, !continuesOutput { return .cannotContinue }
      return obstacle(to: demand.terms)
    }

    /// What keeps a job on such terms from it, whatever its bid is.
    func obstacle(to terms: JobTerms) -> Obstacle? {
      let missing = terms.needs.subtracting(capabilities)
      guard missing.isEmpty else { return .lacks(missing) }
      return name.map(terms.preferences.admits) ?? true ? nil : .unwanted
    }
  }

  /// How well a server suits a demand: the least is chosen.
  struct Standing: Hashable, Comparable, Sendable {
    /// What one of two is chosen for, in the order in which they are compared.
    enum Ground: String, Hashable, Sendable {
      case failed, order, slower, dearer, loaded, busier, later
    }

    let wasExcluded: Bool
    let preference: Int
    let slowness: Double
    let price: UInt128
    /// Seconds until its slots would be through with what the worker has and the job, all of them at work.
    let load: Double
    let busy: Int
    let offer: OfferID

    init(of demand: Demand, at server: Server, busy: Int, inFlight: Work) {
      let preferences = demand.terms.preferences
      wasExcluded = demand.excluded.contains(server.ask.id.worker)
      preference = server.name.map(preferences.place) ?? 0
      slowness = server.slowness(by: preferences.sort, for: demand)
      price = server.ask.offer.prices.sum
      load =
        server.speed.seconds(for: inFlight + server.work(for: demand))
        / Double(server.ask.offer.slots)
      self.busy = busy
      offer = server.ask.id
    }

    static func < (left: Standing, right: Standing) -> Bool {
      if left.wasExcluded != right.wasExcluded { return right.wasExcluded }
      if left.preference != right.preference { return left.preference < right.preference }
      if left.slowness != right.slowness { return left.slowness < right.slowness }
      return (left.price, left.load, left.busy, left.offer)
        < (right.price, right.load, right.busy, right.offer)
    }

    /// What a better one is better by.
    func ground(behind better: Standing) -> Ground {
      if wasExcluded != better.wasExcluded { return .failed }
      if preference != better.preference { return .order }
      if slowness != better.slowness { return .slower }
      if price != better.price { return .dearer }
      if load != better.load { return .loaded }
      return busy != better.busy ? .busier : .later
    }
  }
}

extension Planner.Server {
  /// Seconds that decide before the price: per token, or to the first output of such a prompt; zero where the price
  /// decides, or nothing is known.
  func slowness(by sort: Preferences.Sort?, for demand: Planner.Demand) -> Double {
    switch sort {
    case nil, .price: 0
    case .throughput: speed.tokensPerSecond.map { 1 / $0 } ?? 0
    case .latency:
      speed.firstOutput.value(at: Double(demand.bid.promptBound.rawValue)).map { $0 / 1_000 } ?? 0
    }
  }
}

extension PricePair {
  /// Both together: what offers are compared by.
  var sum: UInt128 { UInt128(input.rawValue) + UInt128(output.rawValue) }
}

extension Planner.Obstacle {
  /// Its name for programs (`CandidateTerms.obstacle`).
  var name: String {
    switch self {
    case .absent(let absence): absence.rawValue
    case .mismatch(.endpoint): "endpoint"
    case .mismatch(.context): "context"
    case .mismatch(.inputPrice): "input_price"
    case .mismatch(.outputPrice): "output_price"
    case .outgrown: "outgrown"
    case .cannotContinue: "cannot_continue"
    case .lacks: "capability"
    case .tenant: "tenant"
    case .unwanted: "preference"
    case .reserved: "reserved"
    case .full: "full"
    }
  }

  /// The obstacle for people.
  var words: String {
    switch self {
    case .absent(.offline): "it is offline"
    case .absent(.draining): "it takes no new job"
    case .absent(.silent): "the leader does not hear from it"
    case .absent(.engineDown): "its engine does not answer"
    case .absent(.engineFull): "its engine has no room just now"
    case .mismatch(.endpoint): "it does not serve this kind of request"
    case .mismatch(.context(let needed, let limit)):
      "the prompt and an answer need about \(needed) tokens, and it has room for \(limit)"
    case .mismatch(.inputPrice(let ceiling, let ask)):
      "it asks \(ask.credits) per million prompt tokens; the request pays at most \(ceiling.credits)"
    case .mismatch(.outputPrice(let ceiling, let ask)):
      "it asks \(ask.credits) per million output tokens; the request pays at most \(ceiling.credits)"
    case .outgrown: "an engine found the prompt too long, and it has no more room than that one"
    case .cannotContinue: "its engine cannot go on from the output that there is"
    case .lacks(let missing): "its engine cannot do \(missing.names.joined(separator: " and "))"
    case .tenant: "its supplier does not take the account's jobs"
    case .unwanted: "the request's provider does not admit it"
    case .reserved: "its free slots are kept for its supplier's own jobs"
    case .full: "all of its slots have a job"
    }
  }
}

extension Price {
  /// Credits, as a decimal.
  var credits: Credits { Credits(nano: rawValue) }
}
