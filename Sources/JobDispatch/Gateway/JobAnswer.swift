public import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// The HTTP answer of one request for inference, from its job's updates.
///
/// ```
///           ┌── refused, failed before the first byte ──► over: a status and a body
/// waiting ──┤
///           └── events, or 10 s without any ──► streaming ──ended──► over: finish, usage, [DONE]
///                                                   └── failed ──► over: error event, connection broken
/// collecting (no stream wanted) ──ended──► over: the whole answer
/// vectors (embeddings) ──events──► begun ──ended──► over: usage, and the end of the JSON
///    └── refused, failed before the first: a status   └── failed ──► over: connection broken, for JSON has no place for an error
/// ```
/// The status is decided as late as possible, so that whatever goes wrong before the first piece of output is an
/// error that every client understands. The machine is told what happens and answers what to send.
public struct JobAnswer: Sendable {
  private enum State {
    case waiting(AnswerStream?)
    case streaming(AnswerStream)
    case collecting(WholeAnswer)
    case vectors(EmbeddingAnswer, hasBegun: Bool)
    case over
  }

  /// How long a consumer waits without a sign of life, in milliseconds: shorter than proxies' usual patience.
  public static let pingInterval: UInt64 = 10_000
  /// The most bytes that a whole answer may have.
  public static let wholeBytesMax = 8 << 20

  private let call: InferenceCall
  private let created: Int
  private var state: State
  private var accepted: Accepted?
  private var identity: AnswerIdentity?
  /// When something was last sent, in monotonic milliseconds.
  private var sentAt: UInt64

  /// Begins to answer.
  ///
  /// - Parameters:
  ///   - call: what was asked.
  ///   - created: seconds since 1970.
  ///   - now: monotonic milliseconds.
  public init(_ call: InferenceCall, created: Int, now: UInt64) {
    self.call = call
    self.created = created
    sentAt = now
    state =
      if call.endpoint == .embeddings {
        .vectors(EmbeddingAnswer(inputs: call.sequences, encoding: call.encoding), hasBegun: false)
      } else {
        call.stream ? .waiting(nil) : .collecting(WholeAnswer(endpoint: call.endpoint))
      }
  }

  /// Whether everything has been said.
  public var isOver: Bool {
    if case .over = state { true } else { false }
  }

  /// The job, once it is known.
  public var job: JobID? { accepted?.job }

  // MARK: What happens

  /// The job is committed.
  public mutating func accept(_ accepted: Accepted) {
    self.accepted = accepted
    let identity = AnswerIdentity(
      job: accepted.job.rawValue, endpoint: call.endpoint, created: created,
      model: accepted.model ?? call.model)
    self.identity = identity
    if case .waiting = state {
      state = .waiting(AnswerStream(identity, wantsUsage: call.wantsUsage))
    }
  }

  /// Output came.
  public mutating func take(_ events: [Event], now: UInt64) -> HTTPReply {
    guard events.allSatisfy({ Int($0.choice) < call.sequences }) else {
      return fail(HTTPRefusal(.engineGarbled, "the engine answered more often than it was asked"))
    }
    guard events.allSatisfy({ ($0.kind == .vector) == (call.endpoint == .embeddings) }) else {
      return fail(HTTPRefusal(.engineGarbled, "the engine gave another output than was asked for"))
    }
    switch state {
    case .over, .waiting(nil): return .nothing
    case .vectors(var answer, let hasBegun):
      var body: [UInt8] = []
      do throws(EmbeddingList.Flaw) {
        for event in events { try answer.add(event.bytes, of: Int(event.choice), to: &body) }
      } catch {
        return fail(HTTPRefusal(.engineGarbled, "the engine gave \(error)"))
      }
      state = .vectors(answer, hasBegun: true)
      return HTTPReply(head: hasBegun ? nil : jsonHead, body: body)
    case .collecting(var answer):
      state = .over  // lets go of the answer, so that adding to it copies nothing
      for event in events { answer.take(event) }
      state = .collecting(answer)
      guard !answer.isOverfull else {
        return fail(
          HTTPRefusal(
            .answerTooLarge, "the answer has more parts than a gateway adds up: ask for a stream"))
      }
      guard answer.byteCount <= Self.wholeBytesMax else {
        return fail(
          HTTPRefusal(
            .answerTooLarge,
            "the answer has more than \(Self.wholeBytesMax) bytes: ask for a stream"
          ))
      }
      return .nothing
    case .waiting(var stream?):
      var body: [UInt8] = []
      for event in events { stream.take(event, to: &body) }
      state = .streaming(stream)
      sentAt = now
      return HTTPReply(head: head, body: body)
    case .streaming(var stream):
      state = .over
      var body: [UInt8] = []
      body.reserveCapacity(events.count * 256)
      for event in events { stream.take(event, to: &body) }
      state = .streaming(stream)
      sentAt = now
      return HTTPReply(body: body)
    }
  }

  /// The job has settled, and all of its output has been taken.
  public mutating func end(_ ended: Ended) -> HTTPReply {
    if var refusal = HTTPRefusal(ended.summary) {
      if call.submit.mode == .submitted { refusal.keep() }
      return fail(refusal)
    }
    let finish = (ended.summary.finish ?? .stop).name
    let usage = UsageReport(
      promptTokens: Int(clamping: ended.summary.promptTokens.rawValue),
      completionTokens: Int(clamping: ended.summary.outputTokens.rawValue),
      cachedTokens: ended.cachedTokens.map { Int($0) },
      reasoningTokens: ended.reasoningTokens.map { Int($0) })
    if case .vectors(var answer, let hasBegun) = state {
      var body: [UInt8] = []
      do throws(EmbeddingList.Flaw) {
        try answer.finish(
          model: identity?.model ?? call.model, promptTokens: usage.promptTokens, to: &body)
      } catch {
        return fail(HTTPRefusal(.engineGarbled, "the engine gave \(error)"))
      }
      state = .over
      return HTTPReply(head: hasBegun ? nil : jsonHead, body: body, end: .complete)
    }
    defer { state = .over }
    switch state {
    case .over, .waiting(nil), .vectors: return .nothing
    case .collecting(let answer):
      guard let identity else { return .nothing }
      return .json(
        answer.body(identity, finish: finish, usage: usage), fields: jobFields)
    case .waiting(var stream?):
      var body: [UInt8] = []
      stream.finish(finish, to: &body)
      stream.done(usage, to: &body)
      return HTTPReply(head: head, body: body, end: .complete)
    case .streaming(var stream):
      var body: [UInt8] = []
      stream.finish(finish, to: &body)
      stream.done(usage, to: &body)
      return HTTPReply(body: body, end: .complete)
    }
  }

  /// There is no end to come.
  public mutating func fail(_ refusal: HTTPRefusal) -> HTTPReply {
    defer { state = .over }
    var refusal = refusal
    if refusal.job == nil { refusal.job = accepted?.job }
    refusal.add(accepted?.rate)
    switch state {
    case .over: return .nothing
    case .waiting, .collecting, .vectors(_, hasBegun: false): return refusal.reply
    case .vectors: return HTTPReply(end: .broken)
    case .streaming:
      var body: [UInt8] = []
      AnswerStream.error(refusal.error, to: &body)
      return HTTPReply(body: body, end: .broken)
    }
  }

  /// Time has passed.
  public mutating func tick(now: UInt64) -> HTTPReply {
    guard now >= sentAt + Self.pingInterval else { return .nothing }
    switch state {
    case .over, .collecting, .vectors, .waiting(nil): return .nothing
    case .waiting(let stream?):
      sentAt = now
      state = .streaming(stream)
      return HTTPReply(head: head, body: AnswerStream.ping)
    case .streaming:
      sentAt = now
      return HTTPReply(body: AnswerStream.ping)
    }
  }

  // MARK: Parts

  private var head: HTTPReply.Head {
    var head = Self.streamHead
    head.fields += jobFields
    return head
  }

  private var jsonHead: HTTPReply.Head {
    HTTPReply.Head(
      status: 200, fields: [.init("content-type", "application/json")] + jobFields)
  }

  /// How a stream begins: nobody between is to collect it.
  static let streamHead = HTTPReply.Head(
    status: 200,
    fields: [
      .init("content-type", "text/event-stream"), .init("cache-control", "no-cache"),
      .init("x-accel-buffering", "no"),
    ])

  private var jobFields: [HTTPReply.Field] {
    accepted.map { [.init(HTTPReply.jobField, "\($0.job)")] + RateFields.of($0.rate) } ?? []
  }
}

extension AnswerStream {
  fileprivate mutating func take(_ event: Event, to output: inout [UInt8]) {
    switch event.kind {
    case .text: text(event.bytes, choice: Int(event.choice), to: &output)
    case .reasoning: reasoning(event.bytes, choice: Int(event.choice), to: &output)
    case .delta: verbatim(event.bytes, choice: Int(event.choice), to: &output)
    case .vector: break  // of embeddings alone
    }
  }
}

extension WholeAnswer {
  fileprivate mutating func take(_ event: Event) {
    switch event.kind {
    case .text: text(event.bytes, choice: Int(event.choice))
    case .reasoning: reasoning(event.bytes, choice: Int(event.choice))
    case .delta: verbatim(event.bytes, choice: Int(event.choice))
    case .vector: break  // of embeddings alone
    }
  }
}
