internal import NIOCore
internal import NIOHTTP1

/// Reads one answer whole, on its connection's loop: probes, examinations, embeddings.
final class AnswerReading: EngineWork {
  /// How much, how long, and what it means if that was too short.
  struct Limits: Sendable {
    var bytesMax = OpenAICompatibleEngine.answerBytesMax
    var time: Duration
    var expiry: EngineError
  }

  private let request: OutgoingRequest
  private let limits: Limits
  private let client: EngineClient
  private var head: HTTPResponseHead?
  private var body: [UInt8] = []
  private var timer: Scheduled<Void>?
  private var exchange: HTTPExchange?
  private var done: ((Result<(HTTPResponseHead, [UInt8]), EngineError>) -> Void)?

  init(_ request: OutgoingRequest, _ limits: Limits, client: EngineClient) {
    self.request = request
    self.limits = limits
    self.client = client
  }

  func begin(_ done: @escaping (Result<(HTTPResponseHead, [UInt8]), EngineError>) -> Void) {
    self.done = done
    let bound = NIOLoopBound(self, eventLoop: client.loop)
    timer = client.loop.scheduleTask(in: TimeAmount(limits.time)) {
      bound.value.finish(.failure(bound.value.limits.expiry))
    }
    exchange = client.send(request, to: self)
  }

  func cancel() { finish(.failure(.cancelled)) }

  private func finish(_ result: Result<(HTTPResponseHead, [UInt8]), EngineError>) {
    guard let done else { return }
    self.done = nil
    timer?.cancel()
    timer = nil
    exchange?.cancel()
    exchange = nil
    done(result)
  }
}

extension AnswerReading: ResponseReader {
  func received(_ head: HTTPResponseHead) { self.head = head }

  func received(_ bytes: [UInt8]) {
    body += bytes
    if body.count > limits.bytesMax {
      finish(.failure(.garbage("an answer larger than any should be")))
    }
  }

  func ended() {
    finish(head.map { .success(($0, body)) } ?? .failure(.garbage("an answer without a head")))
  }

  func failed(_ error: EngineError) { finish(.failure(error)) }
}
