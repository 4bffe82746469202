internal import ExchangeCore
internal import ExchangeTypes
public import JobMarket
public import OpenAIFormat
internal import WireProtocol

// What requests ask for beyond a model, and who can do it.
extension Dispatcher {
  /// When a request is worth sending again that found no worker online, in milliseconds: a worker that is started again is there
  /// within that.
  private static let offlineRetryDelay: UInt32 = 5_000

  /// The field of a request by which it asks for a capability.
  static let capabilityFields = [
    "tools": "tools", "structured_output": "response_format", "logprobs": "logprobs",
    "several_answers": "n", "token_id_prompt": "prompt", "echo": "echo",
    "tool_choice": "tool_choice", "logit_bias": "logit_bias",
  ]

  /// The workers of a model that are connected, or are believed to be while a new leader waits for them, of suppliers that
  /// take an account's jobs.
  private func servers(of model: String, for account: AccountID) -> [Planner.Server] {
    exchange.asks(model: model).filter { $0.tenancy.admits(account) }.map { server($0) }.filter {
      server in
      switch server.absence {
      case nil, .engineDown, .engineFull: true
      case .silent: graceUntil > 0 && sessions[server.ask.id.worker]?.isEnding == false
      case .offline, .draining: false
      }
    }
  }

  /// The model that a request gets: of those that it names and that its key may ask for, the first that a worker would take now
  /// if it had a slot free, or the first that a connected worker serves as it asks, or the first of all.
  func model(
    for message: Submit, asking request: InferenceRequest, _ terms: JobTerms, of caller: Caller
  ) -> String {
    guard !request.models.isEmpty else { return request.model }
    let delegated = exchange.delegation(of: caller.key)?.use?.models ?? []
    let named = ([request.model] + request.models.filter { $0 != request.model }).filter {
      delegated.isEmpty || delegated.contains($0)
    }
    return named.first { isTaken(as: $0, message, asking: request, terms, of: caller) }
      ?? named.first { model in
        servers(of: model, for: caller.account).contains { $0.obstacle(to: terms) == nil }
      }
      // What it may not have at all is refused by its name.
      ?? named.first ?? request.model
  }

  /// Whether a worker that is there would take a request for this one of its models, all slots of all being free and no engine
  /// full.
  private func isTaken(
    as model: String, _ message: Submit, asking request: InferenceRequest, _ terms: JobTerms,
    of caller: Caller
  ) -> Bool {
    let servers = servers(of: model, for: caller.account).filter(\.isThere)
    // Most that cannot take it are known without its order.
    guard servers.contains(where: { $0.obstacle(to: terms) == nil }),
      let order = try? order(
        message, asking: request, from: caller, isDryRun: true, model: model),
      order.refusal == nil, let bid = exchange.demand(of: order.submit)
    else { return false }
    let demand = Planner.Demand(
      job: JobID(0), bid: bid, excluded: [], goesOn: false, terms: terms, account: caller.account)
    return servers.contains { $0.misfit(to: demand) == nil }
  }

  /// What a request pays at most that names no ceiling and asks for more than a model; nil leaves that to the state
  /// machine, which knows nobody's capabilities.
  ///
  /// The cheapest worker of all may be one that it is not for: what counts is what the one asks that it would go to,
  /// the first of its order or else the cheapest that serves it.
  func ceilings(
    ofModel model: String, _ terms: JobTerms, of account: AccountID
  ) -> PricePair? {
    guard !terms.isEmpty else { return nil }
    // In the order of prices, of which the first of each place stays the first.
    func place(_ server: Planner.Server) -> Int {
      server.name.map(terms.preferences.place) ?? 0
    }
    return servers(of: model, for: account).filter { $0.obstacle(to: terms) == nil }
      .min { place($0) < place($1) }
      .map { Wish.ceilings(from: $0.ask.offer.prices) }
  }

  /// Why no worker will run a request, whatever it waits for; nil if one may.
  ///
  /// Only what connected workers say is known. While none is, a job waits for whoever comes, unless it asks not to
  /// (`servedOnly`): a person at the other end is better told.
  func refusal(
    ofModel model: String, _ terms: JobTerms, of account: AccountID, servedOnly: Bool
  ) -> Failure? {
    // Any worker serves who asks for nothing, and he waits for one: most requests are so.
    guard servedOnly || !terms.isEmpty else { return nil }
    // That there is no such model, or that nobody takes the account's jobs, is said by the state machine.
    guard exchange.asks(model: model).contains(where: { $0.tenancy.admits(account) }) else {
      return nil
    }
    let servers = servers(of: model, for: account)
    guard !servers.isEmpty else {
      guard servedOnly else { return nil }
      return Failure(
        refusing: .noWorkerOnline, details: [ErrorDetail(name: "model", value: model)],
        retryAfterMs: Self.offlineRetryDelay)
    }
    let able = servers.filter { $0.capabilities.isSuperset(of: terms.needs) }
    guard !able.isEmpty else {
      let lacking = terms.needs.names.filter { name in
        Capabilities.named.contains { known in
          known.name == name && !servers.contains { $0.capabilities.contains(known.capability) }
        }
      }
      // Each may have some, and none all.
      let missing = lacking.isEmpty ? terms.needs.names : lacking
      return Failure(
        refusing: .unsupportedParameter,
        "no worker of \(model) that is online can do \(missing.joined(separator: " and "))",
        instead: "leave it out, or ask for another model",
        details: missing.map { ErrorDetail(name: "capability", value: $0) }
          + missing.compactMap { Self.capabilityFields[$0] }.map {
            ErrorDetail(name: "field", value: $0)
          })
    }
    guard able.contains(where: { $0.obstacle(to: terms) == nil }) else {
      let names = Set(able.compactMap(\.name?.account))
      let online = names.sorted().prefix(8).joined(separator: ", ")
      return Failure(
        refusing: .noSupplierAdmitted, facts: "online are \(online)",
        details: [ErrorDetail(name: "model", value: model)])
    }
    return nil
  }
}

extension JobTerms {
  /// What a request asks for.
  init(_ request: InferenceRequest) {
    self.init(
      needs: Capabilities(request.features),
      preferences: request.provider.map(Preferences.init) ?? Preferences())
  }
}

extension Capabilities {
  /// What requests with these features need of an engine, or what an engine has that does them.
  public init(_ features: InferenceRequest.Features) {
    let all: [(InferenceRequest.Features, Capabilities)] = [
      (.tools, .tools), (.structuredOutput, .structuredOutput), (.logprobs, .logprobs),
      (.severalSequences, .severalAnswers), (.tokenIDPrompt, .tokenIDPrompt), (.echo, .echo),
      (.toolChoice, .toolChoice), (.logitBias, .logitBias),
    ]
    self.init(all.filter { features.contains($0.0) }.map(\.1))
  }
}

extension JobClass {
  /// What a request's `service_tier` means here; what it does not say is the class of most jobs.
  init(_ tier: ServiceTier?) {
    switch tier {
    case .priority, .fast: self = .interactive
    case .flex: self = .batch
    case .auto, .default, .scale, nil: self = .standard
    }
  }
}

extension Preferences {
  fileprivate init(_ provider: ProviderPreferences) {
    let sort: Sort? =
      switch provider.sort {
      case .price: .price
      case .throughput: .throughput
      case .latency: .latency
      case nil: nil
      }
    self.init(
      order: provider.order, only: provider.only, ignore: provider.ignore,
      allowsFallbacks: provider.allowFallbacks, sort: sort)
  }
}

extension Price {
  /// The lower of two ceilings, either of which may be absent.
  static func lower(_ one: Price?, _ other: UInt64?) -> Price? {
    guard let other = other.map({ Price(nanoPerMillion: $0) }) else { return one }
    return one.map { min($0, other) } ?? other
  }
}
