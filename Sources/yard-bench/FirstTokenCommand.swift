internal import ArgumentParser
internal import Engines
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import Logging
internal import NIOPosix
internal import OpenAIFormat
internal import Synchronization
internal import Transport
internal import WireProtocol

/// How much later the first token arrives through a cluster than straight from the engine.
///
/// One process asks the engine and the cluster in turn, the same prompt, and takes the time to the first
/// event of each: what the machine does to one it does to the other.
struct FirstTokenCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "first-token",
    abstract: "Time to the first token, straight from the engine and through the cluster, in turn.")

  @Option(help: "The engine that the cluster's worker runs: http://host:port.")
  var engine: String
  @Option(help: "A coordinator: host:port.")
  var endpoint: String
  @Option(help: "An API key with scope submit.")
  var key: String
  @Option(help: "Directory with the cluster's ca.pem and a client certificate.")
  var identity: String
  @Option(help: "The model.")
  var model: String
  @Option(help: "How many pairs.")
  var rounds = 100

  func run() async throws {
    let spec = try EngineSpec.parse(engine)
    let direct = OpenAICompatibleEngine(spec: spec, logger: Logger(label: "yard-bench"))
    let client = await ExchangeClient(
      configuration: ClientConfiguration(
        endpoints: [endpoint], key: key,
        security: .mutualTLS(
          try IdentityDirectory(path: identity).load(now: Date()), allowing: [.coordinator]),
        software: "yard-bench"),
      on: MultiThreadedEventLoopGroup.singleton)
    var straight: [Double] = []
    var through: [Double] = []
    for round in 0..<(rounds + 5) {
      let first = try await timeDirect(direct)
      let second = try await timeThrough(client)
      // The first pairs open connections and warm caches.
      if round >= 5 {
        straight.append(first)
        through.append(second)
      }
    }
    await client.close()
    try await direct.shutdown()
    straight.sort()
    through.sort()
    let added = median(through) - median(straight)
    print(
      """
      {"rounds":\(rounds),"direct_ms":\(text(median(straight))),"cluster_ms":\(text(median(through))),\
      "added_ms":\(text(added)),"cluster_p95_ms":\(text(through[through.count * 95 / 100]))}
      """)
  }

  private func median(_ sorted: [Double]) -> Double { sorted[sorted.count / 2] }
  private func text(_ value: Double) -> String { String(format: "%.2f", value) }

  private func body() -> [UInt8] {
    ChatRequest(model: model, prompt: "Tell me a story.", maxTokens: 8).body()
  }

  private func timeDirect(_ engine: OpenAICompatibleEngine) async throws -> Double {
    let clock = ContinuousClock()
    let began = clock.now
    let first = FirstMoment()
    let parsed = try InferenceRequest.parse(body: body(), endpoint: .chatCompletions)
    _ = try await engine.run(
      EngineRequest(parsed, model: model, maxTokens: 8, kind: .llamaCpp)
    ) { _ in
      first.note(clock.now)
      return nil
    }
    return milliseconds(try first.value(), since: began)
  }

  private func timeThrough(_ client: ExchangeClient) async throws -> Double {
    let clock = ContinuousClock()
    let began = clock.now
    var generator = SystemRandomNumberGenerator()
    let updates = await client.run(
      Submit(
        requestKey: RequestKey(high: generator.next(), low: generator.next()), mode: .attached,
        endpoint: .chatCompletions, model: model, body: body(), maxInputPrice: nil,
        maxOutputPrice: nil, queueTimeoutMs: 0, follow: true, retentionMs: nil, durable: nil))
    var first: ContinuousClock.Instant?
    for try await update in updates {
      switch update {
      case .events: first = first ?? clock.now
      case .ended(let ended):
        guard ended.summary.state == .completed, let first else {
          throw ValidationError("a job ended as \(ended.summary.state): \(ended.summary.errorText)")
        }
        return milliseconds(first, since: began)
      case .accepted, .waiting, .reconnecting: break
      }
    }
    throw ValidationError("a stream ended without its job's end")
  }

  private func milliseconds(
    _ moment: ContinuousClock.Instant, since began: ContinuousClock.Instant
  ) -> Double {
    let parts = (moment - began).components
    return Double(parts.seconds) * 1_000 + Double(parts.attoseconds) / 1e15
  }
}

/// The first of several moments.
private final class FirstMoment: Sendable {
  private let moment = Mutex<ContinuousClock.Instant?>(nil)

  func note(_ now: ContinuousClock.Instant) { moment.withLock { if $0 == nil { $0 = now } } }

  func value() throws -> ContinuousClock.Instant {
    guard let moment = moment.withLock({ $0 }) else {
      throw ValidationError("the engine gave no token")
    }
    return moment
  }
}
