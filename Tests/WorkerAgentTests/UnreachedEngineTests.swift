import Engines
import ExchangeTypes
import JobDispatch
import NIOCore
import NIOPosix
import Testing
import Transport

@testable import WorkerAgent

@Suite("An engine that a request could not reach")
struct UnreachedEngineTests {
  /// An engine that is not there for so many probes.
  private actor LostEngine: Engine {
    private(set) var missed = 0

    func miss(_ probes: Int) { missed = probes }

    func probe() async throws(EngineError) -> EngineStatus {
      guard missed == 0 else {
        missed -= 1
        throw .down("nobody is there")
      }
      return EngineStatus(
        kind: .generic, models: [.init(name: "m", contextTokens: 8)], slots: 1)
    }

    func resuming(_ request: EngineRequest) async -> EngineRequest { request }

    func run(
      _ request: EngineRequest, onEvent: @escaping EngineSink
    ) async throws(EngineError) -> EngineEnd {
      throw .cancelled
    }

    func shutdown() async throws {}
  }

  @Test("is asked at once, and soon again until it answers, whatever the usual interval is")
  func askedSoon() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let (logger, lines) = LoggedLine.logger()
    let engine = LostEngine()
    var configuration = WorkerConfiguration(
      endpoints: [], name: "w", apiKey: "sy_1_x", security: .plaintextOnLoopback,
      engine: EngineSpec(baseURL: "http://127.0.0.1:1"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    configuration.probeSeconds = 86_400
    let whenLeft = loop.makePromise(of: Void.self)
    let shell = try await loop.submit { [configuration] in
      let shell = WorkerShell(
        configuration, engine: engine, loop: LinkLoop(loop),
        refusals: RefusalLog(label: "WorkerAgent"), logger: logger, whenLeft: whenLeft)
      shell.start()
      return NIOLoopBound(shell, eventLoop: loop)
    }.get()
    var told = lines.makeAsyncIterator()
    while let line = await told.next(), line.message != "engine ready" {}
    await engine.miss(2)
    let run = EngineRunID(rawValue: 1 << 16)  // of the only slot, as the machine numbers them
    try await loop.submit {
      shell.value.machine.runEnded(
        run, .failed(EngineFault(.engineUnreachable, "refused")))
    }.get()
    var reasons: [String] = []
    while let line = await told.next(), line.message != "engine ready" {
      if line.message == "engine failing" { reasons.append(line.fields["reason"] ?? "") }
    }
    #expect(reasons.count == 2 && reasons.first == "refused", "\(reasons)")
    #expect(await engine.missed == 0)
    try await loop.submit { shell.value.machine.stop() }.get()
    try await whenLeft.futureResult.get()
    try await group.shutdownGracefully()
  }
}
