internal import ExchangeTypes
internal import JobMarket

// What an offer gets of the demand that there is, and what it would get at lower prices.
extension Planner {
  /// Why jobs come to an offer, or do not.
  struct Outlook: Sendable {
    /// How many of the demands would come at the present price.
    var comes = 0
    /// What keeps the others away, and how many each, the most first.
    var reasons: [(name: String, count: Int)] = []
    /// The present prices, and lower ones at which more would come, falling.
    var steps: [(prices: PricePair, comes: Int)] = []
  }

  /// The most prices that are tried, of others' asks and of demands' ceilings each.
  private static let triesMax = 12
  /// The most steps in an answer.
  private static let stepsMax = 8

  /// Asks the planner where each demand would go if every server that is there had a slot free, this one too.
  ///
  /// - Parameters:
  ///   - own: the offer.
  ///   - others: the other offers of its model, which take part as they are.
  ///   - demands: jobs that the model was asked for.
  /// - Returns: what comes, what keeps the others away, and at what prices they would come.
  static func outlook(
    of own: Candidate, beside others: [Candidate], for demands: [Demand]
  ) -> Outlook {
    let rivals = others.filter(\.server.isThere).map { $0.present().withRoom() }
    let present = own.present().withRoom()
    var outlook = Outlook()
    var reasons: [String: Int] = [:]
    for demand in demands {
      if let reason = reason(against: present, beside: rivals, demand) {
        reasons[reason, default: 0] += 1
      } else {
        outlook.comes += 1
      }
    }
    outlook.reasons = reasons.map { (name: $0.key, count: $0.value) }
      .sorted { ($1.count, $0.name) < ($0.count, $1.name) }
    outlook.steps = steps(of: present, beside: rivals, for: demands, from: outlook.comes)
    return outlook
  }

  /// Why a demand goes elsewhere, or nowhere; nil if it comes.
  private static func reason(
    against own: Candidate, beside rivals: [Candidate], _ demand: Demand
  ) -> String? {
    switch verdict(on: demand, at: own) {
    case .excluded(let obstacle): return obstacle.name
    case .ranked(let standing):
      var better: Standing?
      for rival in rivals {
        guard
          case .ranked(let other) = verdict(on: demand, at: rival),
          other < better ?? standing
        else { continue }
        better = other
      }
      return better.map { standing.ground(behind: $0).rawValue }
    }
  }

  private static func steps(
    of own: Candidate, beside rivals: [Candidate], for demands: [Demand], from comes: Int
  ) -> [(prices: PricePair, comes: Int)] {
    let present = own.ask.offer.prices
    var tried: [PricePair] = []
    for rival in rivals.prefix(triesMax) { tried.append(rival.ask.offer.prices.below) }
    let ceilings = demands.map {
      PricePair(
        input: min(present.input, $0.bid.ceilings.input),
        output: min(present.output, $0.bid.ceilings.output))
    }.sorted { $1.sum < $0.sum }
    for place in 0..<min(triesMax, ceilings.count) {
      tried.append(ceilings[place * ceilings.count / min(triesMax, ceilings.count)])
    }
    var steps = [(prices: present, comes: comes)]
    var seen: Set<PricePair> = [present]
    for prices in tried.sorted(by: { $1.sum < $0.sum })
    where prices.sum < present.sum && seen.insert(prices).inserted && steps.count < stepsMax {
      let repriced = own.asking(prices)
      let count = demands.count { reason(against: repriced, beside: rivals, $0) == nil }
      if count > steps[steps.count - 1].comes { steps.append((prices, count)) }
    }
    return steps
  }
}

extension Planner.Candidate {
  /// With a slot free, whatever it has now.
  fileprivate func withRoom() -> Planner.Candidate {
    Planner.Candidate(server: server, busy: busy, free: 1, inFlight: inFlight)
  }

  /// As if its worker were there.
  func present() -> Planner.Candidate {
    Planner.Candidate(
      server: server.with(server.ask.offer, absence: nil), busy: busy, free: free,
      freeForOthers: freeForOthers, inFlight: inFlight)
  }

  /// At other prices.
  fileprivate func asking(_ prices: PricePair) -> Planner.Candidate {
    let old = server.ask.offer
    let offer = Offer(
      model: old.model, context: old.context, outputDefault: old.outputDefault, slots: old.slots,
      prices: prices, basis: old.basis, bytesPerTokenFloor: old.bytesPerTokenFloor,
      endpoints: old.endpoints)
    return Planner.Candidate(
      server: server.with(offer, absence: server.absence), busy: busy, free: free,
      freeForOthers: freeForOthers, inFlight: inFlight)
  }
}

extension Planner.Server {
  fileprivate func with(_ offer: Offer, absence: Planner.Absence?) -> Planner.Server {
    Planner.Server(
      ask: Ask(id: ask.id, offer: offer, version: ask.version, tenancy: ask.tenancy),
      absence: absence,
      continuesOutput: continuesOutput, capabilities: capabilities, name: name, speed: speed,
      prefixes: prefixes)
  }
}

extension PricePair {
  /// The next lower prices: what is asked to be asked first.
  fileprivate var below: PricePair {
    func less(_ price: Price) -> Price {
      Price(nanoPerMillion: price.rawValue - min(1, price.rawValue))
    }
    return output > .zero
      ? PricePair(input: input, output: less(output))
      : PricePair(input: less(input), output: output)
  }
}
