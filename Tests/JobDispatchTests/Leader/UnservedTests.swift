import Consensus
import ExchangeCore
import ExchangeTypes
import RaftEngine
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Coordinators: what a client is told that cannot be served to the end")
struct UnservedTests {
  @Test(
    "an order whose leader goes is unknown, and is carried out once when it is asked again",
    arguments: [true, false])
  func outcomeUnknown(isWritten: Bool) throws {
    let bench = try LeaderBench()
    let order = Message.accountCreate(
      .init(requestKey: bench.requestKey(), name: "new", kind: .consumer))
    bench.holdsWrites = true
    let peer = bench.call(order)
    #expect(peer.sent.isEmpty)
    bench.dispatcher.replica(
      bench.replica, became: .follower(leader: nil), term: bench.replica.term)
    let failure = try peer.last(Failure.self)
    #expect(failure.errorCode == .outcomeUnknown)
    #expect(ErrorCode.outcomeUnknown.isRetryable && failure.retryAfterMs == 20)
    #expect(peer.isFinished && peer.sent.count == 1)

    bench.holdsWrites = false
    if isWritten { bench.settle() }
    try bench.restart()
    let account = try bench.call(order).last(AccountReport.self).summary.account
    #expect(try bench.call(order).last(AccountReport.self).summary.account == account)
    let listing = bench.call(.accountList(.init(after: AccountID(0), limit: 100)))
    #expect(try listing.last(AccountListing.self).accounts.count { $0.name == "new" } == 1)
  }

  /// A coordinator of three that only hears what the test says.
  private final class Follower: DispatcherShell, PeerTransport {
    let clock = FakeClock()
    let store = LeaderStore()
    private let sealer = TestSealer()
    private(set) var divergences: [StateDivergence] = []
    private var dispatcher: Dispatcher?
    private var replica: Replica?
    private var writes: [WriteBatch] = []

    func start() throws {
      let servers = (1...3).map {
        RaftServer(id: ReplicaID(UInt64($0)), address: "m\($0)", role: .voter)
      }
      let founding = try #require(Membership(servers))
      let dispatcher = Dispatcher(
        configuration: .init(
          clusterID: LeaderBench.cluster, rootSecretHash: LeaderBench.secret, addresses: [:],
          software: "test"), clock: clock, sealer: sealer, keyring: sealer, shell: self)
      let replica = try Replica(
        configuration: .init(
          engine: .init(id: ReplicaID(1), address: "m1", seed: 3), founding: founding),
        store: store, startWrite: { [weak self] in self?.writes.append($0) }, startSnapshot: {},
        transport: self, observer: dispatcher, now: clock.now)
      dispatcher.attach(replica)
      self.dispatcher = dispatcher
      self.replica = replica
      replica.start()
      settle()
    }

    private func settle() {
      while !writes.isEmpty {
        let batch = writes.removeFirst()
        store.perform(batch)
        replica?.writeFinished(.success(()), now: clock.now)
      }
    }

    func hear(_ message: PeerMessage, from peer: UInt64) {
      replica?.receive(message, from: ReplicaID(peer), now: clock.now)
      settle()
      repeat {
        turnIsWanted = false
        dispatcher?.endOfTurn()
      } while turnIsWanted
    }

    func hear(ofLeader leader: UInt64, term: UInt64) {
      hear(
        .raft(
          .appendEntries(
            .init(
              term: Term(term), prevLogIndex: LogIndex(1), prevLogTerm: Term(1),
              leaderCommit: LogIndex(1), entries: []))), from: leader)
    }

    /// Time passes.
    func wait(_ milliseconds: UInt64) {
      clock.now += milliseconds
      dispatcher?.tick()
      settle()
    }

    func close(_ peer: Peer) { owners[ObjectIdentifier(peer)]?.closed(peer) }
    private var owners: [ObjectIdentifier: any MessageChannelOwner] = [:]
    var nextDeadline: UInt64 { dispatcher?.nextDeadline ?? .max }

    func ask(
      _ message: Message?, _ credential: Credential? = LeaderBench.root, of service: Service = .call
    ) -> Peer {
      let peer = Peer()
      let owner = dispatcher?.open(
        service, on: peer, credential: credential, authorization: "", from: StreamOrigin())
      owners[ObjectIdentifier(peer)] = owner
      if let message { owner?.received(message, on: peer) }
      return peer
    }

    var applied: LogIndex { replica?.applied ?? LogIndex(0) }
    /// Streams that were to be passed on.
    var relayed = 0

    private var turnIsWanted = false
    func wantsEndOfTurn() { turnIsWanted = true }
    func leadershipChanged(_ notice: LeaderNotice) {}
    func membersChanged(_ addresses: [ReplicaID: String]) {}
    func replicaDiverged(_ divergence: StateDivergence) { divergences.append(divergence) }
    func replicaFailed(_ error: any Error) { Issue.record("the replica died: \(error)") }
    func openRelay(
      to leader: ReplicaID, service: Service, authorization: String,
      owner: any MessageChannelOwner
    ) -> (any MessageChannel)? {
      relayed += 1
      return nil
    }
    func send(_ message: PeerMessage, to peer: ReplicaID) {}
    func certificatesRevoked() {}
    func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin) {}
    func repeated(_ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin) {}
  }

  @Test(
    "a follower reads and passes on nothing of a stream that the leader would refuse for ever",
    arguments: [Service.call, .job])
  func refusedAtTheDoor(service: Service) throws {
    let follower = Follower()
    try follower.start()
    try follower.start()
    let made = KeyID(2)
    let secret = [UInt8](repeating: 5, count: 32)
    let request = RequestKey(high: 1, low: 1)
    var batch = CommandBatch.Builder(time: LogTime(milliseconds: 1))
    let commands: [Command] = [
      .bootstrap(.init(clusterID: LeaderBench.cluster, rootSecretHash: LeaderBench.secret)),
      .keyCreate(
        .init(
          caller: KeyID(1), requestKey: request, account: AccountID(1), name: "k", scopes: .admin,
          secretHash: secret)),
    ]
    for command in commands { #expect(batch.append(command) == .taken) }
    var revocation = CommandBatch.Builder(time: LogTime(milliseconds: 2))
    #expect(revocation.append(.keyRevoke(.init(caller: KeyID(1), key: made))) == .taken)
    func apply(_ payload: [UInt8], at index: UInt64) {
      follower.hear(
        .raft(
          .appendEntries(
            .init(
              term: Term(2), prevLogIndex: LogIndex(index - 1),
              prevLogTerm: Term(index == 2 ? 1 : 2),
              leaderCommit: LogIndex(index),
              entries: [LogEntry(term: Term(2), kind: .command, payload: payload)]))), from: 2)
      #expect(follower.applied == LogIndex(index))
    }
    apply(batch.payload, at: 2)

    // At the door: before a byte of a message has come.
    let nobody = follower.ask(nil, nil, of: service)
    #expect(nobody.failure == .unauthenticated && nobody.isFinished)
    // What this coordinator cannot know is the leader's to say: keys and secrets that are new.
    let unsure = [
      LeaderBench.root, Credential(key: made, secretHash: secret),
      Credential(key: made, secretHash: [UInt8](repeating: 6, count: 32)),
      Credential(key: KeyID(99), secretHash: secret),
    ]
    for (place, credential) in unsure.enumerated() {
      #expect(follower.ask(nil, credential, of: service).sent.isEmpty)
      _ = follower.ask(.modelList(.init()), credential, of: service)
      #expect(follower.relayed == place + 1)
    }
    // So is who they are, of whom this one could tell its status.
    let asked = follower.ask(.statusQuery(.init()), unsure[3])
    #expect(asked.failure == .unavailable && asked.isFinished)
    #expect(try asked.last(Failure.self).errorCode?.isRetryable == true)
    apply(revocation.payload, at: 3)
    let dead = follower.ask(nil, Credential(key: made, secretHash: secret), of: service)
    #expect(dead.failure == .unauthenticated && dead.isFinished)
    #expect(follower.relayed == unsure.count)
  }

  @Test(
    "who comes between two leaders waits for the next, a moment long, and then is told to try again"
  )
  func betweenLeaders() throws {
    let follower = Follower()
    try follower.start()
    let began = follower.clock.now
    // Nothing further is read while they wait.
    let early = follower.ask(.modelList(.init()))
    let gone = follower.ask(.modelList(.init()))
    #expect(early.sent.isEmpty && !early.isReading && follower.relayed == 0)
    #expect(follower.nextDeadline <= began + AwaitedLeader.waitMax)
    follower.close(gone)
    follower.wait(AwaitedLeader.waitMax - 1)
    let late = follower.ask(.modelList(.init()))
    #expect(early.sent.isEmpty)
    follower.wait(1)
    #expect(early.failure == .unavailable && early.isFinished && early.isReading)
    #expect(try early.last(Failure.self).retryAfterMs == 40)
    #expect(late.sent.isEmpty && gone.sent.isEmpty)

    follower.hear(ofLeader: 2, term: 2)
    #expect(follower.relayed == 1, "the one that waits and is there")
    #expect(late.isReading)
    // Status is a coordinator's own to tell, whoever leads.
    let other = Follower()
    try other.start()
    #expect(other.ask(.statusQuery(.init()), nil).failure == .unauthenticated)
  }

  @Test("more streams than there is room for are told at once to try again")
  func roomBetweenLeaders() throws {
    let follower = Follower()
    try follower.start()
    for _ in 0..<AwaitedLeader.streamsMax {
      #expect(follower.ask(.modelList(.init())).sent.isEmpty)
    }
    #expect(follower.ask(.modelList(.init())).failure == .unavailable)
    follower.hear(ofLeader: 2, term: 2)
    #expect(follower.relayed == AwaitedLeader.streamsMax)

    var waiting = AwaitedLeader()
    let large = Submit(
      requestKey: RequestKey(high: 1, low: 1), mode: .attached, endpoint: .chatCompletions,
      model: "m", body: [UInt8](repeating: 0, count: 1 << 20), maxInputPrice: nil,
      maxOutputPrice: nil, queueTimeoutMs: 0, follow: true, retentionMs: nil, durable: nil)
    func stream() -> AwaitedLeader.Stream {
      .init(
        newcomer: Newcomer(channel: Peer()), message: .submit(large), refusal: .noLeader,
        open: { _ in nil })
    }
    let taken = (1...20).count { _ in waiting.add(stream(), now: 0) }
    #expect(taken == 15)
    let early = waiting.takeFirst(now: 0, isOver: false)
    let first = waiting.takeFirst(now: 0, isOver: true)
    let fits = waiting.add(stream(), now: 0)
    #expect(early == nil && first != nil && fits)
  }

  @Test("who comes before an elected leader may answer is answered when it may")
  func beforeTheFirstEntry() throws {
    let bench = try LeaderBench()
    bench.dispatcher.replica(
      bench.replica, became: .follower(leader: nil), term: bench.replica.term)
    #expect(bench.replica.role == .leader && !bench.dispatcher.isActive)
    let early = bench.call(.modelList(.init()))
    #expect(early.sent.isEmpty)
    bench.dispatcher.replica(bench.replica, became: .leader, term: bench.replica.term)
    bench.settle()
    #expect(early.all(ModelListing.self).count == 1)
  }

  @Test("a coordinator whose state is not the majority's says so, and answers for its status alone")
  func replicaDiverged() throws {
    let follower = Follower()
    try follower.start()
    var builder = CommandBatch.Builder(time: LogTime(milliseconds: 1))
    let verdict = builder.append(
      .bootstrap(.init(clusterID: LeaderBench.cluster, rootSecretHash: LeaderBench.secret)))
    #expect(verdict == .taken)
    follower.hear(
      .raft(
        .appendEntries(
          .init(
            term: Term(2), prevLogIndex: LogIndex(1), prevLogTerm: Term(1),
            leaderCommit: LogIndex(2),
            entries: [LogEntry(term: Term(2), kind: .command, payload: builder.payload)]))),
      from: 2)
    #expect(follower.applied == LogIndex(2))
    #expect(follower.ask(.modelList(.init())).failure == .unavailable)

    let another = StateStatement(
      versionMax: 1, index: LogIndex(2), digest: StateDigest(), asks: false)
    follower.hear(.statement(another), from: 2)
    #expect(follower.divergences.isEmpty)
    follower.hear(.statement(another), from: 3)
    #expect(follower.divergences.map(\.index) == [LogIndex(2)])
    let failure = try follower.ask(.modelList(.init())).last(Failure.self)
    #expect(failure.errorCode == .replicaDiverged && ErrorCode.replicaDiverged.isRetryable)
    #expect(failure.message.contains("coordinator 1") && failure.details.count == 2)
    let status = try follower.ask(.statusQuery(.init())).last(StatusReport.self)
    #expect(status.divergedAt == LogIndex(2))
  }
}
