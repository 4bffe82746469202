internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// The answer of `GET /v1/jobs/{id}/events`: a job's record as server-sent events, each with its number as id.
///
/// ```
/// waiting ──events, or 10 s without any──► streaming ──ended──► over: event `end` with the job
///    └── refused ──► over: a status            └── failed ──► over: event `error`, connection broken
/// ```
/// A reader that comes back with `Last-Event-ID` goes on after that event. It has no hash to tell what it was given by, so whoever
/// follows for it asks for committed events only.
public struct JobEventsAnswer: Sendable {
  private var hasBegun = false
  /// Whether everything has been said.
  public private(set) var isOver = false
  private var sentAt: UInt64

  /// Begins to answer at `now`, in monotonic milliseconds.
  public init(now: UInt64) { sentAt = now }

  /// The first event that a reader wants who has seen all up to `last`.
  ///
  /// - Parameter last: the value of `Last-Event-ID`, or nil.
  /// - Returns: the event's number, 1 for a reader that has seen nothing.
  /// - Throws: `malformed_request` where it is no number that was given.
  public static func start(after last: String?) throws(HTTPRefusal) -> UInt64 {
    guard let last, !last.isEmpty else { return 1 }
    guard last.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let number = UInt64(last), number < .max
    else {
      throw HTTPRefusal(.malformedRequest, "last-event-id is the number of an event")
    }
    return number + 1
  }

  /// Output came.
  public mutating func take(_ events: [Event], now: UInt64) -> HTTPReply {
    var body: [UInt8] = []
    for event in events { write(event, to: &body) }
    return send(body, now: now)
  }

  /// The job has settled, and all of its output has been taken.
  public mutating func end(_ ended: Ended, now: UInt64) -> HTTPReply {
    var writer = JSONWriter()
    JobSummaryAnswer.write(
      ended.summary, resumed: nil, cachedTokens: ended.cachedTokens,
      reasoningTokens: ended.reasoningTokens, to: &writer)
    var reply = send(
      Array("event: end\ndata: ".utf8) + writer.bytes + Array("\n\n".utf8), now: now)
    reply.end = .complete
    isOver = true
    return reply
  }

  /// There is no end to come.
  public mutating func fail(_ refusal: HTTPRefusal) -> HTTPReply {
    isOver = true
    guard hasBegun else { return refusal.reply }
    return HTTPReply(
      body: Array("event: error\ndata: ".utf8) + refusal.error.body + Array("\n\n".utf8),
      end: .broken)
  }

  /// Time has passed.
  public mutating func tick(now: UInt64) -> HTTPReply {
    guard !isOver, now >= sentAt + JobAnswer.pingInterval else { return .nothing }
    return send(AnswerStream.ping, now: now)
  }

  private mutating func send(_ body: [UInt8], now: UInt64) -> HTTPReply {
    sentAt = now
    defer { hasBegun = true }
    return HTTPReply(head: hasBegun ? nil : JobAnswer.streamHead, body: body)
  }

  private func write(_ event: Event, to output: inout [UInt8]) {
    output += "id: \(event.seq)\ndata: ".utf8
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("seq")
    writer.verbatim("\(event.seq)".utf8)
    writer.key("choice")
    writer.integer(Int(event.choice))
    writer.key("tokens")
    writer.integer(Int(event.tokenCount))
    let text = String(decoding: event.bytes, as: UTF8.self)
    switch event.kind {
    case .vector:
      writer.key("vector")
      writer.string(EmbeddingAnswer.base64(event.bytes))
    case .text:
      writer.key("text")
      writer.string(text)
    case .reasoning:
      writer.key("reasoning")
      writer.string(text)
    case .delta:
      // What is no JSON would break the event: it is then a string.
      writer.key("delta")
      if let line = EventLine.object(event.bytes) {
        writer.verbatim(line)
      } else {
        writer.string(text)
      }
    }
    writer.endObject()
    output += writer.bytes
    output += "\n\n".utf8
  }
}
