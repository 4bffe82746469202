internal import NIOCore
internal import NIOHTTP1
internal import OpenAIFormat

/// Reads one stream, on its connection's loop, in step with whoever takes its events.
///
/// ```
/// asked ──head──► reading ⇄ handing on ──the stream's end──► draining ──the body's end, or 1 s──► over
///   │                └── no stream: its body is the refusal ──► over
///   └── slow, failed, cancelled, in any state ──► over
/// ```
/// Invariants: the socket is not read while the taker has no room (what it still holds comes at once if the engine closes); what has
/// come is handed on before an end or a failure is told.
final class StreamReading: EngineWork {
  private let request: EngineRequest
  private let client: EngineClient
  /// Nil once it is over: who takes may hold what is waited for.
  private var onEvent: EngineSink?
  private var reader: StreamReader
  private var watchdog: StreamWatchdog
  private var timer: Scheduled<Void>?
  private var exchange: HTTPExchange?
  private var done: ((Result<EngineEnd, EngineError>) -> Void)?

  /// What has come and has not been taken yet.
  private var events: [EngineEvent] = []
  /// The taker has no room.
  private var isHeld = false
  private var isHandingOn = false
  /// How the stream ended; what is left is the end of its connection's work.
  private var end: EngineEnd?
  /// How the body ended: whole if there is no error.
  private var ending: Result<Void, EngineError>?
  /// The head of an answer that is no stream, and its body so far.
  private var other: (head: HTTPResponseHead, body: [UInt8])?

  init(
    _ request: EngineRequest, limits: OpenAICompatibleEngine.Limits, client: EngineClient,
    onEvent: @escaping EngineSink
  ) {
    self.request = request
    self.client = client
    self.onEvent = onEvent
    reader = StreamReader(sequences: request.sequences)
    watchdog = StreamWatchdog(limits: limits)
  }

  func begin(_ done: @escaping (Result<EngineEnd, EngineError>) -> Void) {
    self.done = done
    watch()
    exchange = client.send(
      OutgoingRequest(
        method: .POST, path: request.route, body: request.body, accept: "text/event-stream"),
      to: self)
  }

  func cancel() { finish(.failure(.cancelled)) }

  private func finish(_ result: Result<EngineEnd, EngineError>) {
    guard let done else { return }
    self.done = nil
    onEvent = nil
    timer?.cancel()
    timer = nil
    exchange?.cancel()
    exchange = nil
    done(result)
  }

  /// Looks whether a wait has expired, now and when it may have.
  private func watch() {
    timer?.cancel()
    let bound = NIOLoopBound(self, eventLoop: client.loop)
    timer = client.loop.scheduleTask(in: TimeAmount(watchdog.nextLook)) { bound.value.look() }
  }

  private func look() {
    timer = nil
    // A timer that is due with others is called even if one of those has ended the request.
    guard done != nil else { return }
    switch watchdog.verdict {
    case .goesOn: watch()
    case .isSlow(let wait): finish(.failure(.slow(wait)))
    case .isDrained: finish(end.map { .success($0) } ?? .failure(.cancelled))
    }
  }

  /// Hands on what has come, until there is no room.
  private func handOn() {
    guard !isHandingOn else { return }
    isHandingOn = true
    while !isHeld, let onEvent, !events.isEmpty || hasMore() {
      watchdog.noteEvent()
      do {
        if let room = try onEvent(events.removeFirst()) { hold(until: room) }
      } catch {
        finish(.failure(.ended(by: error)))
      }
    }
    isHandingOn = false
    if !isHeld { exchange?.resume() }
  }

  private func hold(until room: EventLoopFuture<Void>) {
    isHeld = true
    exchange?.pause()
    let bound = NIOLoopBound(self, eventLoop: client.loop)
    room.hop(to: client.loop).whenComplete { result in
      let reading = bound.value
      reading.isHeld = false
      guard reading.done != nil else { return }
      switch result {
      case .success: reading.handOn()
      case .failure(let error): reading.finish(.failure(.ended(by: error)))
      }
    }
  }

  /// All that has come is handed on: ends what has ended, or waits for more; true where the end has brought events of its own.
  private func hasMore() -> Bool {
    if end == nil {
      do throws(EngineError) {
        try conclude()
      } catch {
        finish(.failure(error))
        return false
      }
      if !events.isEmpty { return true }
    }
    guard let end else {
      watchdog.resume()
      return false
    }
    if ending == nil {
      watchdog.drain()
      watch()
    } else {
      finish(.success(end))
    }
    return false
  }

  /// Ends the stream, if it has ended.
  private func conclude() throws(EngineError) {
    if let flaw = reader.flaw { throw flaw }
    if !reader.isDone {
      guard let ending else { return }
      try ending.get()
    }
    // Its last events, as all others, may wait for the taker as long as he likes.
    watchdog.suspend()
    (events, end) = try reader.finish(timing: watchdog.timing())
  }
}

extension StreamReading: ResponseReader {
  func received(_ head: HTTPResponseHead) {
    let type = head.headers.first(name: "content-type") ?? ""
    if head.status != .ok || type.hasPrefix("application/json") { other = (head, []) }
  }

  func received(_ bytes: [UInt8]) {
    if other != nil {
      other?.body += bytes
      if other?.body.count ?? 0 > OpenAICompatibleEngine.answerBytesMax {
        finish(.failure(.garbage("an answer larger than any should be")))
      }
      return
    }
    // Until the connection can be used again, or the watchdog cuts it.
    guard end == nil else { return }
    watchdog.suspend()
    events += reader.read(bytes)
    handOn()
  }

  func ended() {
    if let (head, body) = other { return finish(.failure(Self.refusal(head, body))) }
    ending = .success(())
    handOn()
  }

  func failed(_ error: EngineError) {
    ending = .failure(error)
    handOn()
  }

  private static func refusal(_ head: HTTPResponseHead, _ body: [UInt8]) -> EngineError {
    guard head.status == .ok else { return OpenAICompatibleEngine.refusal(head, body) }
    let type = head.headers.first(name: "content-type") ?? ""
    return .garbage(
      "\(type) instead of an event stream: \(EngineErrorBody.parse(body).message.prefix(256))")
  }
}
