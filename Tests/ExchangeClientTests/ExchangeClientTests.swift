import ExchangeClient
import ExchangeTypes
import JobDispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

private let cluster = ClusterID(7)

private func client(
  _ endpoints: [String], patience: UInt64 = 60_000, connections: Int = 1,
  cluster: ClusterID? = nil, bodyBytesTogetherMax: Int? = nil
) async -> ExchangeClient {
  var configuration = ClientConfiguration(
    endpoints: endpoints, key: "sy_1_x", security: .plaintextOnLoopback, clusterID: cluster,
    connections: connections, patience: patience, software: "test")
  configuration.bodyBytesTogetherMax = bodyBytesTogetherMax
  return await ExchangeClient(
    configuration: configuration, on: MultiThreadedEventLoopGroup.singleton)
}

private func text(_ events: [Event]) -> String {
  String(decoding: events.flatMap(\.bytes), as: UTF8.self)
}

/// A job of `count` events, as a leader sends it.
private struct Job: Sendable {
  let id = JobID(3)
  let events: [Event]
  let hashes: [ChainHash]

  init(count: Int, bytes: Int = 1) {
    var hash = ChainHash(cluster: cluster, job: JobID(3))
    var events: [Event] = []
    var hashes = [hash]
    for seq in 1...count {
      let event = Event(
        seq: UInt64(seq), choice: 0, kind: .text, tokenCount: 1, ids: [],
        bytes: Array(repeating: UInt8(97 + seq % 26), count: bytes))
      hash = hash.appending(event)
      events.append(event)
      hashes.append(hash)
    }
    self.events = events
    self.hashes = hashes
  }

  var accepted: Accepted {
    Accepted(job: id, commitIndex: LogIndex(4), duplicate: false, hold: Credits(nano: 9))
  }

  func message(_ range: ClosedRange<Int>) -> Events {
    Events(
      job: id, epoch: Epoch(1), events: Array(events[(range.lowerBound - 1)..<range.upperBound]),
      durableThrough: 0, hash: hashes[range.upperBound].bytes,
      mac: Array(repeating: 0, count: 32))
  }

  var ended: Ended {
    Ended(
      summary: JobSummary(
        job: id, state: .completed, model: "m", mode: .attached, createdAt: LogTime(rawValue: 0),
        epoch: Epoch(1), worker: WorkerID(1), promptTokens: .zero, outputTokens: .zero,
        charge: .zero, hold: .zero, lastSeq: UInt64(events.count), finish: .stop, error: 0,
        errorText: ""),
      hash: (hashes.last ?? hashes[0]).bytes, lastSeq: UInt64(events.count), untilDelivered: nil)
  }

  static func submit(bytes: Int = 1) -> Submit {
    Submit(
      requestKey: RequestKey(high: 1, low: 2), mode: .attached, endpoint: .chatCompletions,
      model: "m", body: Array(repeating: 1, count: bytes), maxInputPrice: nil, maxOutputPrice: nil,
      queueTimeoutMs: 0,
      follow: true, retentionMs: nil, durable: nil)
  }
}

/// How much of a stream has not left, as its coordinator's loop sees it now and then.
private final class Sender: @unchecked Sendable {
  // Unchecked, because `channel` is touched on the coordinator's loop only.
  var channel: (any MessageChannel)?
  private let seen = NIOLockedValueBox((outstanding: Int.max, times: 0))

  func look() {
    let outstanding = channel?.outstandingBytes ?? .max
    seen.withLockedValue {
      $0 = outstanding == $0.outstanding ? (outstanding, $0.times + 1) : (outstanding, 0)
    }
  }

  var outstanding: Int { seen.withLockedValue(\.outstanding) }
  /// Whether nothing has left between twenty looks.
  var isStill: Bool { seen.withLockedValue { $0.outstanding < .max && $0.times >= 20 } }
}

@Suite("The client", .timeLimit(.minutes(5)))
struct ExchangeClientTests {
  @Test("a call is answered")
  func call() async throws {
    let coordinator = try await Scripted { _, _, channel, _ in
      channel.answer(ModelListing(models: []))
    }
    let client = await client([coordinator.endpoint])
    #expect(try await client.call(ModelList()) == .modelListing(ModelListing(models: [])))
    await client.close()
    await coordinator.close()
  }

  @Test("a refusal is told as it is, and not tried again")
  func refusal() async throws {
    let tries = NIOLockedValueBox(0)
    let failure = Failure(.insufficientCredit, "needs 3, has 2")
    let coordinator = try await Scripted { _, _, channel, _ in
      tries.withLockedValue { $0 += 1 }
      channel.answer(failure)
    }
    let client = await client([coordinator.endpoint])
    await #expect(throws: ClientFailure.refused(failure)) { try await client.call(ModelList()) }
    #expect(tries.withLockedValue { $0 } == 1)
    await client.close()
    await coordinator.close()
  }

  @Test("requests with large bodies have a connection of their own, where the client wants that")
  func largeApart() async throws {
    let refusal = Failure(.insufficientCredit, "needs 3, has 2")
    let coordinator = try await Scripted { _, _, channel, _ in channel.answer(refusal) }
    for (most, connections) in [(100, [1, 2, 2, 2]), (nil, [1, 1, 1, 1])] {
      let client = await client([coordinator.endpoint], bodyBytesTogetherMax: most)
      for (bytes, count) in zip([100, 101, 1, 1_000], connections) {
        await #expect(throws: ClientFailure.refused(refusal)) {
          for try await _ in await client.run(Job.submit(bytes: bytes)) {}
        }
        #expect(coordinator.listener.connectionCount == count, "\(bytes) bytes")
      }
      // What only asks carries the same body.
      let question = DryRun(
        requestKey: RequestKey(high: 1, low: 2), endpoint: .chatCompletions, model: "m",
        body: Array(repeating: 1, count: 1_000), maxInputPrice: nil, maxOutputPrice: nil,
        servedOnly: true)
      await #expect(throws: ClientFailure.refused(refusal)) { try await client.call(question) }
      #expect(coordinator.listener.connectionCount == connections.last)
      await client.close()
      while coordinator.listener.connectionCount > 0 { await Task.yield() }
    }
    await coordinator.close()
  }

  @Test("a call goes on elsewhere when a coordinator is down, does not lead, or breaks off")
  func elsewhere() async throws {
    let down = try await Scripted { _, _, _, _ in }
    let gone = down.endpoint
    await down.close()
    let follower = try await Scripted(id: 2) { _, _, channel, _ in
      channel.answer(Failure(.notLeader, "another leads"))
    }
    let breaking = try await Scripted(id: 3) { _, _, channel, number in
      if number == 0 { channel.abort() } else { channel.answer(ModelListing(models: [])) }
    }
    let client = await client([gone, follower.endpoint, breaking.endpoint])
    #expect(try await client.call(ModelList()) == .modelListing(ModelListing(models: [])))
    await client.close()
    await follower.close()
    await breaking.close()
  }

  @Test("a refusal is told at once though another coordinator could not be reached before")
  func refusalAfterUnreached() async throws {
    let down = try await Scripted { _, _, _, _ in }
    let gone = down.endpoint
    await down.close()
    let refusal = Failure(.noWorkerOnline, "no worker is connected", retryAfterMs: 100)
    let leader = try await Scripted(id: 3) { _, _, channel, _ in channel.answer(refusal) }
    for isJob in [false, true] {
      let leaderless = try await Scripted(id: 2) { _, _, channel, _ in
        channel.answer(Failure(.unavailable, "nobody leads"))
      }
      let client = await client([leaderless.endpoint, gone, leader.endpoint])
      await #expect(throws: ClientFailure.refused(refusal)) {
        if isJob {
          for try await _ in await client.run(Job.submit()) {}
        } else {
          _ = try await client.call(ModelList())
        }
      }
      await client.close()
      await leaderless.close()
    }
    await leader.close()
  }

  @Test("new streams go to the leader once a coordinator has named it")
  func leader() async throws {
    let asked = NIOLockedValueBox<[Int]>([])
    let leader = try await Scripted(id: 2) { _, _, channel, _ in
      asked.withLockedValue { $0.append(2) }
      channel.answer(ModelListing(models: []))
    }
    let follower = try await Scripted(
      id: 1,
      notice: LeaderNotice(term: Term(3), leader: ReplicaID(2), address: leader.endpoint)
    ) { _, _, channel, _ in
      asked.withLockedValue { $0.append(1) }
      channel.answer(ModelListing(models: []))
    }
    let client = await client([follower.endpoint, leader.endpoint])
    // It moves once it has arrived there: so many calls take longer than that.
    for _ in 0..<5_000 where asked.withLockedValue({ $0 }).last != 2 {
      _ = try await client.call(ModelList())
    }
    #expect(asked.withLockedValue { $0 }.last == 2)
    await client.close()
    await leader.close()
    await follower.close()
  }

  @Test(
    "a client that moves asks where it was until it has arrived, and stays there if it does not")
  func moving() async throws {
    let asked = NIOLockedValueBox<[Int]>([])
    let down = try await Scripted(id: 2) { _, _, _, _ in }
    let gone = down.endpoint
    await down.close()
    // Takes connections, and says nothing on them.
    let silent = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
      .bind(host: "127.0.0.1", port: 0).get()
    let mute = "127.0.0.1:\(silent.localAddress?.port ?? 0)"
    for leader in [gone, mute] {
      let follower = try await Scripted(
        notice: LeaderNotice(term: Term(3), leader: ReplicaID(2), address: leader)
      ) { _, _, channel, number in
        asked.withLockedValue { $0.append(number) }
        channel.answer(ModelListing(models: []))
      }
      let client = await client([follower.endpoint, leader])
      for _ in 0..<5 { _ = try await client.call(ModelList()) }
      await client.close()
      await follower.close()
    }
    #expect(asked.withLockedValue { $0 } == Array(0..<5) + Array(0..<5), "on one connection each")
    try await silent.close()
  }

  @Test("a client reaches a cluster none of whose coordinators it was told of is left")
  func replaced() async throws {
    let successor = try await Scripted(id: 4) { _, _, channel, _ in
      channel.answer(ModelListing(models: []))
    }
    let first = try await Scripted(
      id: 1,
      notice: LeaderNotice(term: Term(3), leader: ReplicaID(4), address: successor.endpoint)
    ) { _, _, channel, number in
      // Behind what the client was told of there may be no way to the leader: it goes on asking there.
      if number == 0 {
        channel.answer(ModelListing(models: []))
      } else {
        channel.answer(Failure(.notLeader, "gone"))
      }
    }
    let client = await client([first.endpoint])
    for _ in 0..<2 {
      #expect(try await client.call(ModelList()) == .modelListing(ModelListing(models: [])))
    }
    await client.close()
    await first.close()
    await successor.close()
  }

  @Test("nobody answering ends in unavailable, with the last cause, within the client's patience")
  func unavailable() async throws {
    let down = try await Scripted { _, _, _, _ in }
    let gone = down.endpoint
    await down.close()
    let client = await client([gone], patience: 200)
    do {
      _ = try await client.call(ModelList())
      Issue.record("it was answered")
    } catch {
      guard case .unavailable(let cause, _) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(cause.contains(gone))
    }
    await client.close()
  }

  @Test("a coordinator of another cluster is refused")
  func otherCluster() async throws {
    let coordinator = try await Scripted(cluster: ClusterID(8)) { _, _, _, _ in }
    let client = await client([coordinator.endpoint], cluster: cluster)
    do {
      _ = try await client.call(ModelList())
      Issue.record("it was answered")
    } catch {
      guard case .refused(let failure) = error else {
        Issue.record("\(error)")
        return
      }
      #expect(failure.errorCode == .wrongCluster)
    }
    await client.close()
    await coordinator.close()
  }

  @Test("a link that one coordinator refuses goes to the next; what all refuse is refused")
  func refusedLinks() async throws {
    let strange = try await Scripted(cluster: ClusterID(8)) { _, _, _, _ in }
    let stranger = try await Scripted(cluster: ClusterID(8)) { _, _, _, _ in }
    let good = try await Scripted { _, _, channel, _ in channel.answer(ModelListing(models: [])) }
    let served = await client(
      [strange.endpoint, stranger.endpoint, good.endpoint], cluster: cluster)
    #expect(try await served.call(ModelList()) == .modelListing(ModelListing(models: [])))
    let refused = await client([strange.endpoint, stranger.endpoint], cluster: cluster)
    let failure = await #expect(throws: ClientFailure.self) {
      try await refused.call(ModelList())
    }
    guard case .refused(let reason) = failure, reason.errorCode == .wrongCluster else {
      Issue.record("\(String(describing: failure))")
      return
    }
    // One that refuses twice while another is down is still one opinion.
    let down = try await Scripted { _, _, _, _ in }
    await down.close()
    let waiting = await client(
      [strange.endpoint, down.endpoint], patience: 1_500, cluster: cluster)
    let last = await #expect(throws: ClientFailure.self) { try await waiting.call(ModelList()) }
    if case .unavailable = last {} else { Issue.record("\(String(describing: last))") }
    await waiting.close()
    await served.close()
    await refused.close()
    for coordinator in [strange, stranger, good] { await coordinator.close() }
  }

  @Test("a followed job's stream that breaks twice is delivered once and in order")
  func resumes() async throws {
    let job = Job(count: 9)
    let coordinator = try await Scripted { _, message, channel, _ in
      switch message {
      case .submit:
        channel.send(job.accepted)
        channel.send(job.message(1...3))
        channel.answer(Failure(.notLeader, "leadership lost"))
      case .follow(let follow) where follow.fromSeq == 4:
        #expect(follow.hash == job.hashes[3].bytes && follow.attach)
        channel.send(job.message(4...5))
        channel.finish()
      case .follow(let follow):
        #expect(follow.fromSeq == 6)
        channel.send(job.message(6...9))
        channel.answer(job.ended)
      default: Issue.record("\(message)")
      }
    }
    let client = await client([coordinator.endpoint])
    var delivered = ""
    var breaks = 0
    for try await update in await client.run(Job.submit()) {
      switch update {
      case .events(let events, _): delivered += text(events)
      case .reconnecting: breaks += 1
      default: break
      }
    }
    #expect(delivered == text(job.events) && breaks == 2)
    await client.close()
    await coordinator.close()
  }

  @Test("a spliced stream throws, and nothing of the splice is delivered")
  func splice() async throws {
    let job = Job(count: 6)
    let coordinator = try await Scripted { _, message, channel, _ in
      channel.send(job.accepted)
      channel.send(job.message(1...2))
      channel.send(job.message(4...6))
    }
    let client = await client([coordinator.endpoint])
    var delivered = ""
    do {
      for try await update in await client.run(Job.submit()) {
        if case .events(let events, _) = update { delivered += text(events) }
      }
      Issue.record("it ended")
    } catch ClientFailure.violated {
      #expect(delivered == text(Array(job.events[..<2])))
    }
    await client.close()
    await coordinator.close()
  }

  @Test("a consumer that waits holds the sender back, and loses nothing")
  func backPressure() async throws {
    // Far more than the window of a stream and all that is buffered on the way.
    let job = Job(count: 400, bytes: 8_192)
    let sender = Sender()
    let coordinator = try await Scripted { _, message, channel, _ in
      guard case .submit = message else {
        sender.look()
        return channel.answer(ModelListing(models: []))
      }
      channel.send(job.accepted)
      for seq in 1...400 { channel.send(job.message(seq...seq)) }
      channel.answer(job.ended)
      sender.channel = channel
    }
    let client = await client([coordinator.endpoint])
    var consumer = await client.run(Job.submit()).makeAsyncIterator()
    _ = try await consumer.next()
    // Calls share the connection: when nothing has moved during many of them, nothing will.
    while !sender.isStill { _ = try await client.call(ModelList()) }
    #expect(sender.outstanding > 1 << 20)
    var count = 0
    while let update = try await consumer.next() {
      if case .events(let events, _) = update { count += events.count }
    }
    #expect(count == 400)
    await client.close()
    await coordinator.close()
  }

  @Test("a consumer that leaves its loop leaves the job")
  func breakingOff() async throws {
    let job = Job(count: 3)
    let (ended, endings) = AsyncStream.makeStream(of: Int.self)
    let coordinator = try await Scripted(ended: { endings.yield($0) }) { _, _, channel, _ in
      channel.send(job.accepted)
      channel.send(job.message(1...2))
    }
    let client = await client([coordinator.endpoint])
    for try await update in await client.run(Job.submit()) {
      if case .events = update { break }
    }
    #expect(await ended.first { _ in true } == 0)
    await client.close()
    await coordinator.close()
  }

  @Test("many calls share one connection, and each gets its own answer")
  func multiplexed() async throws {
    let coordinator = try await Scripted { _, message, channel, _ in
      guard case .accountQuery(let query) = message else { return }
      channel.answer(
        AccountReport(
          summary: AccountSummary(
            account: query.account, name: "", kind: .consumer, balance: .zero, held: .zero,
            spent: .zero, earned: .zero)))
    }
    let client = await client([coordinator.endpoint])
    let answers = try await withThrowingTaskGroup(of: Bool.self) { group in
      for number: UInt64 in 1...50 {
        group.addTask {
          guard
            case .accountReport(let report) = try await client.call(
              AccountQuery(account: AccountID(number)))
          else { return false }
          return report.summary.account == AccountID(number)
        }
      }
      return try await group.reduce(into: 0) { $0 += $1 ? 1 : 0 }
    }
    #expect(answers == 50)
    await client.close()
    await coordinator.close()
  }
}
