internal import Engines
internal import ExchangeTypes
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

extension EngineEnding {
  /// What an engine's ending is to the exchange.
  init(_ end: EngineEnd) {
    let usage = Usage(
      promptTokens: end.usage.map { UInt32(clamping: $0.promptTokens) },
      outputTokens: end.usage.map { UInt32(clamping: $0.completionTokens) })
    // An engine cannot have had more than there was.
    let cached = end.usage.flatMap { usage in
      usage.cachedTokens.map { UInt32(clamping: min($0, usage.promptTokens)) }
    }
    let reasoning = end.usage.flatMap { usage in
      usage.reasoningTokens.map { UInt32(clamping: min($0, usage.completionTokens)) }
    }
    self = .completed(
      FinishReason(engine: end.finishes.first?.reason), usage, cachedTokens: cached,
      reasoningTokens: reasoning)
  }

  /// What an engine's error is to the exchange.
  init(_ error: EngineError) {
    let code: ErrorCode
    switch error {
    case .cancelled:
      self = .cancelled
      return
    case .down: code = .engineUnreachable
    case .slow: code = .engineTimeout
    case .garbage: code = .engineGarbled
    case .truncated: code = .engineTruncated
    case .refused(_, let body) where body.isContextExceeded: code = .contextLengthExceeded
    // What an engine says is the request's fault is the consumer's to mend, and no other worker's to try.
    case .refused(status: 400, _), .refused(status: 413, _), .refused(status: 422, _):
      code = .malformedRequest
    case .refused, .failed: code = .engineError
    case .unfit: code = .unsupportedParameter
    case .oversized: code = .answerTooLarge
    case .busy(let retryAfter, _):
      self = .failed(
        EngineFault(
          .engineBusy, error.description,
          retryAfterMilliseconds: retryAfter.map {
            UInt64(max(0, $0.components.seconds)) * 1_000
          }))
      return
    case .abandoned: code = .internalError
    }
    self = .failed(EngineFault(code, error.description))
  }
}

extension EngineEnd {
  /// How each of several answers ended, as the last events of the output: a job has one ending for all of them.
  var choiceEndings: [GeneratedEvent] {
    guard finishes.count > 1 else { return [] }
    return finishes.map { finish in
      GeneratedEvent(
        choice: UInt16(clamping: finish.choice), kind: .delta, tokenCount: 0, ids: [],
        bytes: ChoiceEnding.delta(finish.reason))
    }
  }
}

extension FinishReason {
  /// The engine's word; one that is not OpenAI's means that the model stopped.
  init(engine word: String?) {
    switch word {
    case "length": self = .length
    case "tool_calls", "function_call": self = .toolCalls
    case "content_filter": self = .contentFilter
    default: self = .stop
    }
  }
}

extension GeneratedEvent {
  /// What an engine made, without the number that the attempt gives it.
  init(_ event: EngineEvent) {
    let (kind, bytes): (EventKind, [UInt8]) =
      switch event.content {
      case .text(let bytes): (.text, bytes)
      case .reasoning(let bytes): (.reasoning, bytes)
      case .verbatim(let bytes): (.delta, bytes)
      case .vector(let bytes): (.vector, bytes)
      }
    self.init(
      choice: UInt16(clamping: event.choice), kind: kind,
      tokenCount: UInt32(clamping: event.tokenCount), ids: event.tokenIDs ?? [], bytes: bytes,
      promptTokens: event.promptTokens.map { UInt32(clamping: $0) })
  }
}

extension EngineRequest {
  /// What the engine is sent for an order.
  init(_ order: EngineOrder, kind: EngineStatus.Kind) throws(RequestError) {
    let request = try InferenceRequest.parse(
      body: order.body, endpoint: InferenceRequest.Endpoint(order.endpoint))
    // The order's bound is for all answers together; an engine takes one for each.
    let each = max(1, Int(order.outputTokensMax) / max(1, request.sequences))
    self.init(
      request, model: order.model, maxTokens: each, kind: kind,
      goesOn: order.goesOn)
    begun = BegunOutput(
      endOf: request,
      in: order.output.map { (bytes: Int($0.bytes), tokens: Int($0.tokens), ids: $0.ids) })
  }
}
