import Engines
import ExchangeTypes
import JobDispatch
import Links
import Logging
import NIOCore
import NIOPosix
import OpenAIFormat
import TemporaryDirectory
import Testing
import Transport
import WireProtocol

@testable import WorkerAgent

@Suite("The worker process")
struct WorkerAgentTests {
  @Test("of several answers each says how it ended; of one the job does")
  func choiceEndings() {
    func end(_ reasons: [String]) -> [GeneratedEvent] {
      EngineEnd(
        finishes: reasons.enumerated().map { .init(choice: $0, reason: $1) }, usage: nil,
        hasAllTokenIDs: false, promptTokenIDs: nil, tokenCount: 0,
        timing: .init(firstEvent: nil, total: .zero)
      ).choiceEndings
    }
    #expect(end(["length"]).isEmpty && end([]).isEmpty)
    let both = end(["length", "stop"])
    #expect(both.map(\.choice) == [0, 1] && both.allSatisfy { $0.kind == .delta })
    #expect(both.map(\.bytes) == [ChoiceEnding.delta("length"), ChoiceEnding.delta("stop")])
    #expect(both.allSatisfy { $0.tokenCount == 0 && $0.ids.isEmpty })
  }

  @Test(
    "a job goes through the engine to the leader, and a drain by the control socket ends the process"
  )
  func wholeLife() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let engine = try await ScriptedEngine.start(on: group, words: ["hello", " ", "world"])
    let coordinator = try await TestCoordinator.start(on: group)
    var configuration = WorkerConfiguration(
      endpoints: ["127.0.0.1:\(coordinator.port)"], name: "w", apiKey: "sy_1_x",
      security: .plaintextOnLoopback,
      engine: EngineSpec(baseURL: "http://127.0.0.1:\(engine.port)", slots: 2),
      live: .init(prices: PricePair(input: .zero, output: Price(nanoPerMillion: 5))))
    let directory = try TemporaryDirectory()
    configuration.directory = directory.path
    let agent = try await WorkerAgent.start(
      configuration, on: group, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
    async let life: Void = agent.run()

    let output = try await coordinator.output.get()
    #expect(output.text == "hello world")
    #expect(output.finished.finish == .stop && output.finished.error == 0)
    #expect(output.finished.usage == Usage(promptTokens: 7, outputTokens: 3))
    #expect(output.authorization == "Bearer sy_1_x")
    #expect(output.register.offers.map(\.model) == ["m"])
    #expect(try await agent.registered == WorkerID(9))

    let path = ControlSocket.path(in: directory.path)
    let status = try await ControlSocket.ask(.status, at: path, on: group)
    let json = try JSONValue.parse(Array(status.utf8))
    #expect(json["worker"]?.integer == 9 && json["engine_healthy"] == .boolean(true))
    #expect(json["engine_full_for_ms"] == .null)
    await #expect(throws: WorkerAgentError.alreadyRunning(socket: path)) {
      _ = try await WorkerAgent.start(
        configuration, on: group, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
    }
    _ = try await ControlSocket.ask(.drain, at: path, on: group)
    try await life
    #expect(try await coordinator.drained.get())
    // Who asks after the end is told as well.
    #expect(try await agent.registered == WorkerID(9))
    try await coordinator.close()
    try await engine.close()
    try await group.shutdownGracefully()
  }

  @Test("the built-in engine needs no server: its model is offered by token ids, and a job runs")
  func builtin() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let coordinator = try await TestCoordinator.start(on: group)
    let configuration = WorkerConfiguration(
      endpoints: ["127.0.0.1:\(coordinator.port)"], name: "w", apiKey: "sy_1_x",
      security: .plaintextOnLoopback,
      engine: try EngineSpec.parse("builtin,model=m,slots=1"),
      live: .init(prices: PricePair(input: .zero, output: Price(nanoPerMillion: 5))))
    let agent = try await WorkerAgent.start(
      configuration, on: group, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
    async let life: Void = agent.run()
    let output = try await coordinator.output.get()
    #expect(!output.text.isEmpty && output.finished.error == 0)
    #expect(output.register.offers.map(\.model) == ["m"])
    #expect(output.register.offers.map(\.basis) == [.tokenIDs])
    agent.apply(.init(prices: PricePair(input: .zero, output: Price(nanoPerMillion: 9)), slots: 3))
    let changed = try await coordinator.changed.futureResult.get()
    #expect(changed.offers.map(\.priceOutput.rawValue) == [9])
    #expect(changed.offers.map(\.slots) == [3])
    agent.drain()
    try await life
    #expect(try await coordinator.drained.get())
    try await coordinator.close()
    try await group.shutdownGracefully()
  }

  @Test("a model that is none ends the start, with what is wrong")
  func badModel() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let configuration = WorkerConfiguration(
      endpoints: ["127.0.0.1:1"], name: "w", apiKey: "sy_1_x", security: .plaintextOnLoopback,
      engine: try EngineSpec.parse("builtin:\(#filePath)"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    await #expect {
      _ = try await WorkerAgent.start(
        configuration, on: group, logger: Logger(label: "t") { _ in SwiftLogNoOpLogHandler() })
    } throws: { "\($0)".contains("at byte 0, the magic is") }
    try await group.shutdownGracefully()
  }

  @Test(
    "a link that drains when the worker has left, and is told things and closed after that, is not felt"
  )
  func lateEnd() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let logger = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
    let engine = OpenAICompatibleEngine(
      spec: EngineSpec(baseURL: "http://127.0.0.1:1"), logger: logger)
    let whenLeft = loop.makePromise(of: Void.self)
    let configuration = WorkerConfiguration(
      endpoints: [], name: "w", apiKey: "sy_1_x", security: .plaintextOnLoopback,
      engine: EngineSpec(baseURL: "http://127.0.0.1:1"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    try await loop.submit {
      func leave() -> (CoordinatorLink, NodeLink) {
        let shell = WorkerShell(
          configuration, engine: engine, loop: LinkLoop(loop),
          refusals: RefusalLog(label: "WorkerAgent"), logger: logger, whenLeft: whenLeft)
        let owner = CoordinatorLink(endpoint: "127.0.0.1:1", shell: shell, logger: logger)
        let link = shell.dialer.connect(to: owner.endpoint, as: shell.local, owner: owner)
        owner.stop()
        return (owner, link)
      }
      let (owner, link) = leave()
      owner.heard(LeaderNotice(term: Term(2), leader: ReplicaID(1), address: "a:1"), on: link)
      owner.draining(link)
      owner.closed(link, .broke("gone"))
      #expect(owner.node == nil)
      link.close()
    }.get()
    whenLeft.succeed()
    try await engine.shutdown()
    try await group.shutdownGracefully()
  }

  @Test("a coordinator that is linked under another name than the members' gets no second link")
  func otherName() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = group.next()
    let logger = Logger(label: "t") { _ in SwiftLogNoOpLogHandler() }
    let coordinator = try await TestCoordinator.start(on: group)
    let engine = OpenAICompatibleEngine(
      spec: EngineSpec(baseURL: "http://127.0.0.1:1"), logger: logger)
    let whenLeft = loop.makePromise(of: Void.self)
    let configuration = WorkerConfiguration(
      endpoints: ["localhost:\(coordinator.port)"], name: "w", apiKey: "sy_1_x",
      security: .plaintextOnLoopback, engine: EngineSpec(baseURL: "http://127.0.0.1:1"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    let shell = try await loop.submit {
      let shell = WorkerShell(
        configuration, engine: engine, loop: LinkLoop(loop),
        refusals: RefusalLog(label: "WorkerAgent"), logger: logger, whenLeft: whenLeft)
      shell.add("localhost:\(coordinator.port)")
      return NIOLoopBound(shell, eventLoop: loop)
    }.get()
    while try await loop.submit({ shell.value.links.first?.node == nil }).get() {
      await Task.yield()
    }
    let endpoints = try await loop.submit {
      shell.value.heard(others: [
        CoordinatorAddress(replica: ReplicaID(1), address: "127.0.0.1:\(coordinator.port)"),
        CoordinatorAddress(replica: ReplicaID(2), address: "127.0.0.1:1"),
      ])
      return shell.value.links.map(\.endpoint)
    }.get()
    #expect(endpoints == ["localhost:\(coordinator.port)", "127.0.0.1:1"])
    try await loop.submit { shell.value.machine.stop() }.get()
    try await whenLeft.futureResult.get()
    try await coordinator.close()
    try await engine.shutdown()
    try await group.shutdownGracefully()
  }

  @Test("a coordinator that stays away is told of once; later tries only to who looks closely")
  func toldOnce() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let configuration = WorkerConfiguration(
      endpoints: ["127.0.0.1:1"], name: "w", apiKey: "sy_1_x", security: .plaintextOnLoopback,
      engine: EngineSpec(baseURL: "http://127.0.0.1:1"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    let (logger, lines) = LoggedLine.logger()
    let agent = try await WorkerAgent.start(configuration, on: group, logger: logger)
    async let life: Void = agent.run()
    var told: [LoggedLine] = []
    for await line in lines where line.message == "no link" {
      told.append(line)
      if told.count == 3 { break }
    }
    #expect(told.map(\.level) == [.notice, .debug, .debug])
    #expect(told.allSatisfy { UInt64($0.fields["again_in_ms"] ?? "") != nil }, "\(told)")
    agent.stop()
    try await life
    #expect(try await agent.registered == nil)
    try await group.shutdownGracefully()
  }

  @Test("of a refusal it is said which side does not want the other")
  func whoRefuses() async throws {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let coordinator = try await TestCoordinator.start(on: group, accepting: [.gateway])
    // Without TLS a worker talks to nobody on another machine.
    let far = "192.0.2.1:1"
    let configuration = WorkerConfiguration(
      endpoints: ["127.0.0.1:\(coordinator.port)", far], name: "w", apiKey: "sy_1_x",
      security: .plaintextOnLoopback, engine: EngineSpec(baseURL: "http://127.0.0.1:1"),
      live: .init(prices: PricePair(input: .zero, output: .zero)))
    let (logger, lines) = LoggedLine.logger()
    let agent = try await WorkerAgent.start(configuration, on: group, logger: logger)
    async let life: Void = agent.run()
    var told: [String: String] = [:]
    for await line in lines where line.level == .error && line.fields["again_in_ms"] != nil {
      told[line.fields["endpoint"] ?? ""] = line.message
      if told.count == 2 { break }
    }
    #expect(
      told == [
        "127.0.0.1:\(coordinator.port)": "the coordinator refuses this worker",
        far: "this worker does not talk to the coordinator",
      ])
    agent.stop()
    try await life
    try await coordinator.close()
    try await group.shutdownGracefully()
  }

  @Test("who reads the engine waits while the buffer is full, and while reading is off")
  func runWaits() async throws {
    let run = EngineRun(on: MultiThreadedEventLoopGroup.singleton.any()) { _ in }
    let event = GeneratedEvent(choice: 0, kind: .delta, tokenCount: 1, bytes: Array("{}".utf8))
    for _ in 1..<EngineRun.eventsMax { #expect(try run.put(event) == nil) }
    let (ended, signal) = AsyncStream.makeStream(of: Int.self)
    let task = Task {
      try await run.put(event)?.get()
      signal.yield(1)
      try await run.put(event)?.get()
      signal.yield(2)
    }
    var taken = 0
    var passed = ended.makeAsyncIterator()
    run.setReading(false)
    while taken < EngineRun.eventsMax {
      taken += run.take().count
      await Task.yield()
    }
    #expect(taken == EngineRun.eventsMax, "the second put waits: reading is off")
    run.setReading(true)
    #expect(await passed.next() == 1)
    #expect(await passed.next() == 2)
    try await task.value
    #expect(run.take().count == 1)
  }

  @Test(
    "text that waits for the loop is one piece of all its tokens; what differs in kind, answer or ids is not"
  )
  func runJoins() throws {
    let run = EngineRun(on: MultiThreadedEventLoopGroup.singleton.any()) { _ in }
    func text(_ text: String, choice: UInt16 = 0, ids: [UInt32] = []) -> GeneratedEvent {
      GeneratedEvent(choice: choice, kind: .text, tokenCount: 1, ids: ids, bytes: Array(text.utf8))
    }
    #expect(try run.put(text("a")) == nil)
    #expect(run.take() == [text("a")])
    for word in ["b", "c", "d"] { _ = try run.put(text(word)) }
    _ = try run.put(text("e", choice: 1))
    for id in UInt32(7)...8 { _ = try run.put(text("f", choice: 1, ids: [id])) }
    _ = try run.put(GeneratedEvent(choice: 1, kind: .reasoning, tokenCount: 1, bytes: [65]))
    let large = GeneratedEvent(
      choice: 1, kind: .reasoning, tokenCount: 1, bytes: Array(repeating: 65, count: 4_096))
    _ = try run.put(large)
    let taken = run.take()
    #expect(taken.map(\.tokenCount) == [3, 1, 2, 1, 1] && taken.map(\.choice) == [0, 1, 1, 1, 1])
    #expect(taken[0].bytes == Array("bcd".utf8) && taken[2].ids == [7, 8] && taken[4] == large)
  }

  @Test("a cancelled run lets its waiting reader go, and takes no more")
  func runCancels() async throws {
    let run = EngineRun(on: MultiThreadedEventLoopGroup.singleton.any()) { _ in }
    run.setReading(false)
    let event = GeneratedEvent(choice: 0, kind: .text, tokenCount: 1, bytes: [65])
    let room = try #require(try run.put(event))
    let waiting = Task { try await room.get() }
    run.cancel()
    try await waiting.value
    #expect(throws: CancellationError.self) { try run.put(event) }
  }

  @Test("what an engine counts as cached and as reasoning is of what it counts at all")
  func details() {
    func ending(cached: Int?, reasoning: Int?) -> EngineEnding {
      EngineEnding(
        EngineEnd(
          finishes: [.init(choice: 0, reason: "stop")],
          usage: UsageReport(
            promptTokens: 5, completionTokens: 3, cachedTokens: cached, reasoningTokens: reasoning),
          hasAllTokenIDs: false, promptTokenIDs: nil, tokenCount: 3,
          timing: .init(firstEvent: nil, total: .zero)))
    }
    let usage = Usage(promptTokens: 5, outputTokens: 3)
    #expect(
      ending(cached: 4, reasoning: 2)
        == .completed(.stop, usage, cachedTokens: 4, reasoningTokens: 2))
    #expect(
      ending(cached: 9, reasoning: 9)
        == .completed(.stop, usage, cachedTokens: 5, reasoningTokens: 3))
    #expect(ending(cached: nil, reasoning: nil) == .completed(.stop, usage))
  }

  @Test("each error of an engine has its code")
  func errorCodes() {
    let body = EngineErrorBody.parse(Array("no".utf8))
    let expected: [(EngineError, ErrorCode)] = [
      (.down("x"), .engineUnreachable), (.slow(.firstEvent(.seconds(1))), .engineTimeout),
      (.garbage("x"), .engineGarbled), (.truncated("x"), .engineTruncated),
      (.refused(status: 400, body), .malformedRequest),
      (.refused(status: 422, body), .malformedRequest),
      (
        .refused(status: 400, EngineErrorBody(message: "", code: "context_length_exceeded")),
        .contextLengthExceeded
      ),
      (.refused(status: 500, body), .engineError), (.failed(body), .engineError),
      (.busy(retryAfter: nil, body), .engineBusy),
    ]
    for (error, code) in expected {
      #expect(EngineEnding(error) == .failed(EngineFault(code, error.description)))
    }
    #expect(EngineEnding(.cancelled) == .cancelled)
    let full = EngineError.busy(retryAfter: .seconds(3), body)
    #expect(
      EngineEnding(full)
        == .failed(
          EngineFault(.engineBusy, full.description, retryAfterMilliseconds: 3_000)))
  }

  @Test("finish reasons keep their meaning, whatever the engine calls them")
  func finishReasons() {
    let words = ["stop", "length", "tool_calls", "function_call", "content_filter", "eos"]
    #expect(
      words.map { FinishReason(engine: $0) } == [
        .stop, .length, .toolCalls, .toolCalls, .contentFilter, .stop,
      ])
  }
}
