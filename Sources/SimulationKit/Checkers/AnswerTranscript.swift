internal import ExchangeCore
internal import ExchangeTypes
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// What a consumer got of a stream over HTTP, read byte by byte as his client library reads it.
///
/// It knows nothing of the gateway's machines. A stream is whole, and ends as it promised: what was made, why it
/// ended, what it came to; or one typed error, and nothing behind it (P2).
struct AnswerTranscript {
  enum Form {
    /// Of OpenAI's API, with usage at its end.
    case chat
    /// Of a job's record, each event with its number.
    case events
  }

  /// How it ended.
  enum End: Equatable {
    /// With all that belongs there.
    case complete
    /// With a typed error: its code, and whether nothing of the stream had come before.
    case error(String, isFirst: Bool)
    /// The consumer wanted no more, or could not ask again.
    case left
  }

  private static let newline = UInt8(ascii: "\n")

  let form: Form
  private(set) var end: End?
  private(set) var text: [UInt8] = []
  /// The last event of a job's record.
  private(set) var lastSeq: UInt64 = 0
  private var waiting: [UInt8] = []
  private var finish: String?
  private var usage: (prompt: Int, completion: Int)?
  private var isDone = false
  private var errorCode: String?

  init(_ form: Form) { self.form = form }

  /// Its connection is gone with its gateway: what comes next comes on another one.
  mutating func interrupted() { waiting = [] }

  mutating func left() { end = .left }

  // MARK: Bytes

  /// The next bytes of a stream.
  mutating func take(_ bytes: [UInt8]) throws(TranscriptFlaw) {
    var place = max(1, waiting.count)
    waiting += bytes
    var begin = 0
    while place < waiting.count {
      // An empty line ends an event.
      if place > begin, waiting[place] == Self.newline, waiting[place - 1] == Self.newline {
        try read(Array(waiting[begin..<place - 1]))
        begin = place + 1
      }
      place += 1
    }
    waiting.removeFirst(begin)
  }

  /// A status that is no stream, with its body.
  mutating func refused(_ body: [UInt8]) throws(TranscriptFlaw) {
    guard let code = Self.json(body)?["error"]?["code"]?.string, !code.isEmpty else {
      throw TranscriptFlaw("a refusal without a code")
    }
    end = .error(code, isFirst: true)
  }

  /// The answer says that it has ended: properly, or by a connection that breaks.
  mutating func over(isBroken: Bool) throws(TranscriptFlaw) {
    guard waiting.isEmpty else { throw TranscriptFlaw("it ends in the middle of an event") }
    if isBroken {
      guard let errorCode else { throw TranscriptFlaw("it breaks off without an error") }
      end = .error(errorCode, isFirst: false)
    } else {
      guard isDone else { throw TranscriptFlaw("it ends without its end") }
      end = .complete
    }
  }

  private mutating func read(_ block: [UInt8]) throws(TranscriptFlaw) {
    let lines = block.split(separator: UInt8(ascii: "\n"))
    if lines.allSatisfy({ $0.first == UInt8(ascii: ":") }) { return }
    guard !isDone, errorCode == nil else { throw TranscriptFlaw("something comes behind its end") }
    func field(_ name: String) -> [UInt8]? {
      lines.first { $0.starts(with: (name + ": ").utf8) }.map {
        Array($0.dropFirst(name.count + 2))
      }
    }
    guard let data = field("data") else { throw TranscriptFlaw("an event without data") }
    if form == .chat, data == Array("[DONE]".utf8) {
      guard finish != nil, usage != nil else {
        throw TranscriptFlaw("it is done without reason and usage")
      }
      isDone = true
      return
    }
    guard let value = Self.json(data) else { throw TranscriptFlaw("an event that is no JSON") }
    if let error = value["error"], error != .null, form == .chat || field("event") != nil {
      guard let code = error["code"]?.string, !code.isEmpty else {
        throw TranscriptFlaw("an error without a code")
      }
      // The end of a job that has failed says so, and is an end all the same.
      if field("event") == Array("end".utf8) { return try readEnd(value) }
      errorCode = code
    } else if form == .chat {
      try readChunk(value)
    } else if field("event") == Array("end".utf8) {
      try readEnd(value)
    } else {
      try readEvent(value, id: field("id").map { String(decoding: $0, as: UTF8.self) })
    }
  }

  private mutating func readChunk(_ chunk: JSONValue) throws(TranscriptFlaw) {
    guard let choices = chunk["choices"]?.elements else {
      throw TranscriptFlaw("a chunk without choices")
    }
    if choices.isEmpty {
      guard finish != nil, usage == nil else { throw TranscriptFlaw("usage comes out of place") }
      return try readUsage(chunk["usage"])
    }
    guard choices.count == 1, choices[0]["index"]?.integer == 0, finish == nil else {
      throw TranscriptFlaw("a chunk that fits no answer")
    }
    if let reason = choices[0]["finish_reason"]?.string { finish = reason }
    text += (choices[0]["delta"]?["content"]?.string ?? "").utf8
  }

  private mutating func readUsage(_ value: JSONValue?) throws(TranscriptFlaw) {
    guard let prompt = value?["prompt_tokens"]?.integer,
      let completion = value?["completion_tokens"]?.integer
    else { throw TranscriptFlaw("usage without numbers") }
    usage = (prompt, completion)
  }

  private mutating func readEvent(_ event: JSONValue, id: String?) throws(TranscriptFlaw) {
    guard let seq = event["seq"]?.integer, id == "\(seq)" else {
      throw TranscriptFlaw("an event whose number is not its id")
    }
    guard UInt64(seq) == lastSeq + 1 else {
      throw TranscriptFlaw("event \(seq) comes after \(lastSeq)")
    }
    lastSeq += 1
    text += (event["text"]?.string ?? "").utf8
  }

  private mutating func readEnd(_ job: JSONValue) throws(TranscriptFlaw) {
    guard job["events"]?.integer == Int(lastSeq) else {
      throw TranscriptFlaw("the job has \(job["events"]?.integer ?? -1) events, \(lastSeq) came")
    }
    finish = job["finish_reason"]?.string
    try readUsage(job["usage"])
    isDone = true
  }

  private static func json(_ bytes: [UInt8]) -> JSONValue? { try? JSONValue.parse(bytes) }

  // MARK: At rest

  /// Codes that say nothing of how the job ended: its consumer, or what he had, was lost to the cluster.
  private static let unrelated: Set<String> = [
    "stream_diverged", "tail_invalid", "unavailable", "key_unavailable",
  ]

  /// Codes of refusals that say how things stand at the moment, and nothing of another request of the same name.
  private static let momentary = Set(
    [ErrorCode.queueTooLong, .noWorkerOnline, .rateLimitExceeded, .modelNotFound].map {
      HTTPRefusal($0, "").name
    })

  /// Compares it with its job at rest.
  ///
  /// - Parameters:
  ///   - events: the job's record.
  ///   - job: its end.
  ///   - isDurable: whether only committed events were asked for.
  ///   - wasAskedAgain: whether more than one request asked for the job: another may have made it.
  /// - Returns: what is wrong with it.
  func flaw(
    against events: [Event], of job: Job, isDurable: Bool, wasAskedAgain: Bool
  ) -> String? {
    let record = events.flatMap(\.bytes)
    guard let ending = job.ending else { return "its job has not ended" }
    switch end {
    case nil: return "nobody was told the end of a stream"
    case .left:
      return isDurable && form == .chat && !record.starts(with: text)
        ? "a stream of committed events is not the record's" : nil
    case .complete:
      if text != record { return "a stream that ended has other events than the record" }
      if usage?.completion != Int(ending.outputTokens.rawValue)
        || usage?.prompt != Int(ending.promptTokens.rawValue)
      {
        return "a stream ended with another usage than the bill's"
      }
      guard form == .chat else { return nil }
      if ending.state != .completed { return "a stream ended well, its job is \(ending.state)" }
      return finish == (ending.finish ?? .stop).name
        ? nil : "a stream ended with \(finish ?? "nothing"), its job otherwise"
    case .error(let code, let isFirst):
      if Self.unrelated.contains(code) { return nil }
      if wasAskedAgain, isFirst, Self.momentary.contains(code) { return nil }
      if code == HTTPRefusal(.internalError, "").name { return "a stream ended with \(code)" }
      if ending.state == .completed { return "a stream ended with \(code), its job is completed" }
      // Whoever is told the job's end has its whole record before.
      return isFirst || text == record ? nil : "a stream that ended with \(code) lacks events"
    }
  }
}
