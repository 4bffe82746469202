internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import RaftEngine
internal import TokenLedger
internal import WireProtocol

// A submit before it is proposed: what its body asks, what it may hold; then, unless that is refused already, under which key it is
// sealed, and by which command it goes.
extension Dispatcher {
  /// Tokens that a chat template may add to each message, and once to the whole prompt.
  ///
  /// Generous, for it bounds the hold; what is billed is what the engine counts.
  private static let templateTokensPerMessage = 16
  private static let templateTokens = 64
  /// The longest that a job waits for a worker when its client names no time, in milliseconds.
  private static let queueTimeoutDefault: UInt32 = 120_000
  /// The same for a batch job, whose place is behind all others': a day.
  private static let batchTimeoutDefault: UInt32 = 86_400_000

  /// What waits while the disk has no room is tried again after this long, in milliseconds.
  private static let roomDelay: UInt32 = 5_000

  /// What a submit is known by: the same account's same request is the same job.
  struct SubmitName: Hashable {
    let account: AccountID
    let request: RequestKey
  }

  /// A submit that is understood, and not sealed yet.
  struct Order {
    let request: InferenceRequest
    let terms: JobTerms
    /// Whether the state machine keeps terms yet.
    let hasTerms: Bool
    /// How much it minds waiting.
    let jobClass: JobClass
    /// What engines get.
    let body: [UInt8]
    /// What is proposed, but for its body's hash, key and seal.
    let submit: Command.Submit
    /// Why a dry run would not be proposed, by what this leader alone knows; nil if it would.
    let refusal: Failure?
  }

  /// Reads what a body asks: a short one at once, a long one beside the loop, while others are served.
  ///
  /// - Parameters:
  ///   - body: the request for inference.
  ///   - endpoint: which API it belongs to.
  ///   - isWanted: whether its stream still waits; once it does not, `then` is not called any more.
  ///   - then: told what it asks, or what is wrong with it.
  func read(
    _ body: [UInt8], for endpoint: ExchangeTypes.Endpoint, isWanted: @escaping () -> Bool,
    _ then: @escaping (Result<InferenceRequest, Failure>) -> Void
  ) {
    let read = { @Sendable () -> Result<InferenceRequest, Failure> in
      do throws(RequestError) {
        return .success(
          try InferenceRequest.parse(body: body, endpoint: InferenceRequest.Endpoint(endpoint)))
      } catch {
        return .failure(
          Failure(
            refusing: ErrorCode(error), error.description,
            details: error.field.map { [ErrorDetail(name: "field", value: $0)] } ?? []))
      }
    }
    guard let beside, body.count > Self.bodyBytesAtOnceMax else { return then(read()) }
    guard !beside.run(body.count, isWanted: isWanted, prepare: { read }, told: then) else { return }
    then(
      .failure(
        Failure(
          .overloaded, "as many large requests wait to be read as the leader keeps",
          retryAfterMs: UInt32(Self.retryDelay))))
  }

  /// Understands a submit, for the model that it gets or, where that is asked, for `wanted` of those that it names: nothing is
  /// changed by that.
  ///
  /// - Throws: what is wrong with the request, and, unless it is a dry run, why nobody would run it.
  func order(
    _ message: Submit, asking request: InferenceRequest, from caller: Caller,
    isDryRun: Bool = false, model wanted: String? = nil
  ) throws(Failure) -> Order {
    let isKnown =
      exchange.job(account: caller.account, requestKey: message.requestKey) != nil
      || submitting[SubmitName(account: caller.account, request: message.requestKey)] != nil
    guard isDryRun || !request.isDryRun else {
      throw Failure(
        refusing: .malformedRequest, "a request with dry_run is for DryRun: it makes no job",
        details: [ErrorDetail(name: "field", value: "dry_run")])
    }
    guard request.features.isDisjoint(with: [.media, .customTemplate]) else {
      throw Failure(
        refusing: .unsupportedParameter,
        "images, audio and a chat template of one's own cannot be priced before they run",
        details: request.unboundedField.map { [ErrorDetail(name: "field", value: $0)] } ?? [])
    }
    guard request.model == message.model else {
      throw Failure(
        refusing: .malformedRequest,
        "the body asks for model \"\(request.model)\", the submit for \"\(message.model)\"")
    }
    let terms = JobTerms(request)
    let model = wanted ?? model(for: message, asking: request, terms, of: caller)
    let hasTerms = exchange.stateVersion >= Exchange.jobTermsStateVersion
    // Where the state machine knows no classes yet, a tier is what it was: for engines.
    let jobClass =
      exchange.stateVersion >= Exchange.jobClassStateVersion
      ? JobClass(request.serviceTier) : .standard
    guard hasTerms || request.provider == nil else {
      throw Failure(
        .wrongState,
        "jobs have preferences from state version 3 on; the cluster is at "
          + "\(exchange.stateVersion)")
    }
    let refusal: Failure? =
      if isKnown {
        nil
      } else if replica.isDiskNearlyFull {
        Failure(refusing: .storageFull, retryAfterMs: Self.roomDelay)
      } else {
        overlong(request, model)
          ?? self.refusal(
            ofModel: model, terms, of: caller.account, servedOnly: message.servedOnly ?? false)
          ?? refusalOfWait(message, for: model, on: terms, in: jobClass, of: caller.account)
      }
    // What is refused so needs no seal, unless it is to be explained.
    if let refusal, !isDryRun { throw refusal }
    // Who asks what one of several models would come to seals nothing: the body is not rewritten for each of them.
    let body = wanted == nil ? request.bodyForEngines : request.body
    let bound = Self.bound(ofBytes: request.promptBytes, messages: request.messageCount)
    let contextUse = contextUse(of: request, model)
    let ceilings = ceilings(ofModel: model, terms, of: caller.account)
    let timeout = jobClass == .batch ? Self.batchTimeoutDefault : Self.queueTimeoutDefault
    let parts = (body.count + Self.partBytes - 1) / Self.partBytes
    let submit = Command.Submit(
      caller: caller.key, requestKey: message.requestKey, bodyHash: [], mode: message.mode,
      endpoint: message.endpoint, model: model, promptBound: TokenCount(bound),
      outputMax: outputBound(of: request, model, contextUse),
      inputCeiling: .lower(message.maxInputPrice, request.provider?.maxPromptPrice)
        ?? ceilings?.input,
      outputCeiling: .lower(message.maxOutputPrice, request.provider?.maxCompletionPrice)
        ?? ceilings?.output,
      queueTimeoutMilliseconds: message.queueTimeoutMs == 0 ? timeout : message.queueTimeoutMs,
      wrappedKey: [0], payload: Self.isInline(body) ? .inline(body) : .parts(UInt16(parts)),
      contextUse: contextUse)
    return Order(
      request: request, terms: terms, hasTerms: hasTerms, jobClass: jobClass, body: body,
      submit: submit, refusal: refusal)
  }

  /// How a request's prompt begins; nobody asks where there is one offer.
  func prefix(of order: Order, from caller: Caller) -> PromptPrefix {
    let model = order.submit.model
    guard exchange.asks(model: model).count > 1 else { return .empty }
    return PromptPrefix(of: order.request, for: model, of: caller.account)
  }

  /// The refusal of an input of embeddings that no offer of the model takes: of token ids, for of a text only the engine knows how
  /// many it is.
  private func overlong(_ request: InferenceRequest, _ model: String) -> Failure? {
    guard request.inputIDsMax > 0 else { return nil }
    let limit = exchange.asks(model: model).filter { $0.offer.endpoints.contains(.embeddings) }
      .map(\.offer.context.rawValue).max()
    guard let limit, request.inputIDsMax > limit else { return nil }
    return Failure(
      refusing: .contextLengthExceeded,
      "an input has \(request.inputIDsMax) token ids, and \(model) takes \(limit)",
      instead: "send shorter inputs", details: [ErrorDetail(name: "field", value: "input")])
  }

  /// The most tokens that prompts of so many bytes can be, with what a template adds.
  private static func bound(ofBytes bytes: Int, messages: Int) -> UInt64 {
    UInt64(bytes + messages * templateTokensPerMessage + templateTokens)
  }

  /// How a request likely uses contexts: what is likely of its longest prompt, or its number of token ids, which is no guess; nil where
  /// the state machine knows no such thing yet, and of embeddings.
  private func contextUse(of request: InferenceRequest, _ model: String) -> ContextUse? {
    guard request.endpoint != .embeddings,
      exchange.stateVersion >= Exchange.contextUseStateVersion
    else { return nil }
    let longest = request.promptBytes - request.promptBytesElsewhere
    // A template prints all messages of a chat, and one prompt of several.
    let messages = request.endpoint == .completions ? 1 : request.messageCount
    let prompt =
      request.features.contains(.tokenIDPrompt)
      ? UInt64(longest)
      : bytesPerToken.tokens(in: Self.bound(ofBytes: longest, messages: messages), of: model)
    return ContextUse(
      prompt: TokenCount(prompt), answers: UInt32(clamping: request.sequences))
  }

  /// The most tokens that all answers of a request may have together; nil leaves each to the offers' default.
  private func outputBound(
    of request: InferenceRequest, _ model: String, _ contextUse: ContextUse?
  ) -> TokenCount? {
    guard request.endpoint != .embeddings else { return nil }
    // Where the state machine does not know how many answers there are, their default is named.
    let isNamed = request.sequences > 1 && contextUse == nil
    let one =
      request.maxTokens.map { UInt64(clamping: $0) }
      ?? (isNamed ? exchange.model(model)?.outputDefault.rawValue : nil)
    // What overflows is refused as beyond every context.
    return one.map { one in
      let (all, overflow) = one.multipliedReportingOverflow(by: UInt64(request.sequences))
      return TokenCount(overflow ? .max : all)
    }
  }

  /// Most bytes of a body that fit into a part once they are sealed.
  private static let partBytes = Command.Limits.partBytesMax - SealedEvents.overheadBytes

  /// Whether a body rests with its submit, and not in parts that go before it.
  static func isInline(_ body: [UInt8]) -> Bool {
    body.count + SealedEvents.overheadBytes <= Command.Limits.inlineBytesMax
  }

  /// Hashes and seals an order's body: what is proposed for it, the parts of the body first.
  ///
  /// Both are work for each of its bytes, and come after whatever may refuse it.
  func sealed(
    _ order: Order, of message: Submit
  ) throws(Failure) -> (parts: [Command], submit: Command.Submit) {
    guard let wrappingKey = keys.sealing else {
      throw Failure(
        .unavailable, "no wrapping key is current yet; one is being handed round",
        retryAfterMs: 50)
    }
    do {
      let (key, wrapped) = try sealer.makeKey(under: wrappingKey)
      let (body, draft) = (order.body, order.submit)
      let hash = message.requestHash
      guard case .parts(let count) = draft.payload else {
        let sealed = try sealer.seal(body, as: .payload(part: 0), under: key)
        return ([], draft.with(bodyHash: hash, wrappedKey: wrapped, payload: .inline(sealed)))
      }
      var parts: [Command] = []
      for part in 0..<count {
        let start = Int(part) * Self.partBytes
        let bytes = Array(body[start..<min(body.count, start + Self.partBytes)])
        let sealed = try sealer.seal(bytes, as: .payload(part: UInt32(part)), under: key)
        parts.append(
          .payloadPart(
            .init(
              caller: draft.caller, requestKey: draft.requestKey, part: part, of: count,
              bytes: sealed)))
      }
      return (parts, draft.with(bodyHash: hash, wrappedKey: wrapped, payload: draft.payload))
    } catch {
      throw Failure(.internalError, "the request cannot be sealed: \(error)")
    }
  }

  /// The submit in the shortest form that says all.
  static func command(
    _ submit: Command.Submit, in jobClass: JobClass, on ask: Ask?, _ terms: JobTerms,
    retentionMs: UInt64?
  ) -> Command {
    let retention = retentionMs.map {
      Retention(kept: $0 == 0 ? .max : $0, untilDelivered: $0 == 0)
    }
    let assignment = ask.map {
      Command.SubmitRetained.Assignment(offer: $0.id, askVersion: $0.version)
    }
    if jobClass != .standard || !terms.isEmpty {
      let order = Command.SubmitOnTerms(
        submit: submit, terms: terms, retention: retention, assignment: assignment)
      return jobClass == .standard
        ? .submitOnTerms(order) : .submitInClass(.init(order: order, jobClass: jobClass))
    }
    if let retention {
      return .submitRetained(
        .init(submit: submit, retention: retention, assignment: assignment))
    }
    guard let ask else { return .submit(submit) }
    return .submitAssigned(.init(submit: submit, offer: ask.id, askVersion: ask.version))
  }
}

extension Command.Submit {
  /// The same with a body that is hashed and sealed.
  fileprivate func with(bodyHash: [UInt8], wrappedKey: [UInt8], payload: Payload) -> Self {
    Self(
      caller: caller, requestKey: requestKey, bodyHash: bodyHash, mode: mode, endpoint: endpoint,
      model: model, promptBound: promptBound, outputMax: outputMax, inputCeiling: inputCeiling,
      outputCeiling: outputCeiling, queueTimeoutMilliseconds: queueTimeoutMilliseconds,
      wrappedKey: wrappedKey, payload: payload, contextUse: contextUse)
  }
}
