import Consensus
import Crypto
import ExchangeCore
import ExchangeTypes
import JobDispatch
import RaftEngine
import Testing
import WireProtocol

/// A disk in memory: what it holds is what a restart finds.
final class LeaderStore: ReplicaStore, @unchecked Sendable {
  private var hardState: HardState?
  private var entries: [LogEntry] = []
  private var rows: [UInt8: [[UInt8]: [UInt8]]] = [:]
  private var applied: AppliedMark?
  var isNearlyFull = false
  var isSpent = false

  func load() throws -> StoredReplica {
    StoredReplica(
      hardState: hardState, firstEntry: LogIndex(1), lastEntry: LogIndex(UInt64(entries.count)),
      applied: applied)
  }
  func write(
    _ batch: WriteBatch, completion: @escaping @Sendable (Result<Void, any Error>) -> Void
  ) {
    perform(batch)
    completion(.success(()))
  }
  func perform(_ batch: WriteBatch) {
    if let hardState = batch.hardState { self.hardState = hardState }
    if let first = batch.truncateFrom { entries.removeSubrange((Int(first.rawValue) - 1)...) }
    entries += batch.entries
    for row in batch.rows { rows[row.table, default: [:]][row.key] = row.value }
    if let mark = batch.applied { applied = mark }
  }
  func entries(from first: LogIndex, countMax: Int, bytesMax: Int) throws -> [LogEntry] {
    Array(entries.dropFirst(Int(first.rawValue) - 1).prefix(countMax))
  }
  func row(table: UInt8, key: [UInt8]) throws -> [UInt8]? { rows[table]?[key] }
  func scan(
    table: UInt8, prefix: [UInt8], from start: [UInt8],
    _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Bool
  ) throws {
    let sorted = (rows[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }
    for (key, value) in sorted {
      guard try body(key, value) else { return }
    }
  }

  // A sole voter has no follower that would need a snapshot.
  func scanStaged(
    table: UInt8, _ body: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {}
  func makeSnapshot(
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) { completion(.failure(SnapshotPostponed("nobody needs one"))) }
  func snapshotChunk(_ number: UInt32) throws -> Consensus.SnapshotChunk {
    throw SnapshotPostponed("there is none")
  }
  func dropSnapshot() {}
}

/// Seals with a SHA-256 key stream and a checked tag; notices a piece that is sealed twice.
///
/// A keyring too: what it is told is durable at once.
final class TestSealer: JobSealing, WrappingKeyStore {
  struct Refused: Error {}
  /// Keys of jobs.
  private(set) var made: UInt64 = 0
  private var sealed: Set<[UInt8]> = []
  /// Pieces that were opened.
  private(set) var opened = 0
  /// As after a wrapping key's destruction.
  var refusesUnwrap = false
  var ring: [UInt64: Secret] = [1: Secret([1])]

  var held: [UInt64] { Array(ring.keys) }
  func secret(of key: UInt64) -> Secret? { ring[key] }
  func draw(_ key: UInt64, completion: @escaping (Bool) -> Void) {
    ring[key] = Secret([UInt8(key & 255)])
    completion(true)
  }
  func keep(_ key: UInt64, _ secret: Secret, completion: @escaping (Bool) -> Void) {
    ring[key] = secret
    completion(true)
  }
  func destroy(_ keys: [UInt64], completion: @escaping (Bool) -> Void) {
    for key in keys { ring[key] = nil }
    completion(true)
  }

  func makeKey(under wrappingKey: UInt64) throws -> (key: JobKey, wrapped: [UInt8]) {
    guard ring[wrappingKey] != nil else { throw Refused() }
    made += 1
    var wrapped = CanonicalWriter()
    wrapped.write(wrappingKey)
    let secret = Array(SHA256.hash(data: Array("key \(made)".utf8)))
    wrapped.writeRaw(secret.map { $0 ^ 0x5A })
    return (JobKey(secret: Secret(secret)), wrapped.bytes)
  }
  func unwrap(_ wrapped: [UInt8]) throws -> JobKey {
    var reader = CanonicalReader(wrapped)
    guard !refusesUnwrap, ring[try reader.read(UInt64.self)] != nil else { throw Refused() }
    return JobKey(secret: Secret(try reader.readRaw(count: 32).map { $0 ^ 0x5A }))
  }
  func streamKey(of key: JobKey) -> [UInt8] { Array(SHA256.hash(data: key.secret.bytes)) }
  func seal(_ plain: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8] {
    let name = key.secret.bytes + Array("\(piece)".utf8)
    #expect(sealed.insert(name).inserted, "\(piece) was sealed twice")
    return mask(plain, name) + SHA256.hash(data: name + plain).prefix(16)
  }
  func open(_ sealed: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8] {
    opened += 1
    guard sealed.count >= 16 else { throw Refused() }
    let name = key.secret.bytes + Array("\(piece)".utf8)
    let plain = mask(Array(sealed.dropLast(16)), name)
    guard Array(SHA256.hash(data: name + plain).prefix(16)) == Array(sealed.suffix(16)) else {
      throw Refused()
    }
    return plain
  }
  private func mask(_ bytes: [UInt8], _ name: [UInt8]) -> [UInt8] {
    let stream = Array(SHA256.hash(data: name))
    return bytes.enumerated().map { $1 ^ stream[$0 % stream.count] }
  }
}

/// One stream to the leader, with the test at its other end.
final class Peer: MessageChannel {
  private(set) var sent: [any WireMessage] = []
  private(set) var isFinished = false
  private(set) var isAborted = false
  private(set) var isReading = true
  fileprivate(set) var hasClosed = false
  /// The leader has ended it, and has not been told that it has closed.
  fileprivate var hasEnded: Bool { (isFinished || isAborted) && !hasClosed }
  /// Takes nothing: what is sent adds up.
  var isStuck = false
  var outstandingBytes = 0
  fileprivate var owner: (any MessageChannelOwner)?

  func send(_ message: any WireMessage) {
    guard !isFinished, !isAborted, !hasClosed else { return }
    var writer = CanonicalWriter()
    message.encode(into: &writer)
    #expect(
      writer.bytes.count <= Int(type(of: message).kind.payloadMax),
      "\(type(of: message)) is larger than a frame may be")
    if isStuck { outstandingBytes += writer.bytes.count }
    sent.append(message)
  }
  func finish() { isFinished = true }
  func abort() { isAborted = true }
  func setReading(_ isReading: Bool) { self.isReading = isReading }

  func all<Kind: WireMessage>(_ kind: Kind.Type) -> [Kind] { sent.compactMap { $0 as? Kind } }
  func last<Kind: WireMessage>(_ kind: Kind.Type) throws -> Kind { try #require(all(kind).last) }
  var events: [Event] { all(Events.self).flatMap(\.events) }
  var failure: ErrorCode? { all(Failure.self).last?.errorCode }
}

/// A time of day that stands still until a test moves it.
final class FakeWallClock: WallClock {
  static let start: UInt64 = 1_000_000
  var secondsSince1970 = FakeWallClock.start
}

/// A coordinator that is its cluster's only voter, or has others that agree to all: real replica, real dispatcher, virtual time.
final class LeaderBench {
  static let secret = [UInt8](repeating: 9, count: 32)
  static let root = Credential(key: KeyID(1), secretHash: secret)
  static let cluster = ClusterID(7)

  let clock = FakeClock()
  let store = LeaderStore()
  let sealer = TestSealer()
  let issuer = TestIssuer()
  let wallClock = FakeWallClock()
  private(set) var dispatcher: Dispatcher
  private(set) var replica: Replica
  private var peers: [Peer] = []
  /// What is being written, the oldest first.
  private var writes: [WriteBatch] = []
  private var turnIsWanted = false
  private var nextRequest: UInt64 = 0
  var holdsWrites = false

  private let configuration: Dispatcher.Configuration
  private let stateVersionMax: UInt32
  private let voters: UInt64
  private let beside: (any DispatchWork)?
  /// The other voters, if there are any.
  var others: Yeasayers

  /// A leader of new books, or of `opened` ones: of a program that knew only state version 1.
  ///
  /// It raises them to what this program applies, or to `stateVersionMax`.
  init(
    opened: Bool = false, stateVersionMax: UInt32 = Exchange.stateVersionMax,
    keyInterval: UInt64 = 3_600_000, voters: UInt64 = 1,
    beside: (any DispatchWork)? = nil,
    configured change: (inout Dispatcher.Configuration) -> Void = { _ in }
  ) throws {
    var configuration = Dispatcher.Configuration(
      clusterID: Self.cluster, rootSecretHash: Self.secret, addresses: [:], software: "test")
    configuration.keySchedule = .init(interval: keyInterval)
    change(&configuration)
    self.configuration = configuration
    self.stateVersionMax = stateVersionMax
    self.voters = voters
    self.beside = beside
    others = Yeasayers(versionMax: stateVersionMax)
    let shell = Shell()
    if opened { store.perform(try Self.oldLog()) }
    (dispatcher, replica) = try Self.boot(
      configuration, stateVersionMax, voters, store, sealer, issuer, clock, wallClock,
      beside, shell)
    self.shell = shell
    shell.bench = self
    start()
    call(
      .accountCredit(
        .init(requestKey: requestKey(), account: AccountID(1), amount: Credits(nano: 1 << 50))))
  }

  private final class Shell: DispatcherShell, PeerTransport {
    weak var bench: LeaderBench?
    func wantsEndOfTurn() { bench?.wantsEndOfTurn() }
    func leadershipChanged(_ notice: LeaderNotice) {}
    func membersChanged(_ addresses: [ReplicaID: String]) {}
    func replicaDiverged(_ divergence: StateDivergence) { Issue.record("\(divergence)") }
    func replicaFailed(_ error: any Error) { Issue.record("the replica died: \(error)") }
    func openRelay(
      to leader: ReplicaID, service: Service, authorization: String,
      owner: any MessageChannelOwner
    ) -> (any MessageChannel)? { nil }
    func send(_ message: PeerMessage, to peer: ReplicaID) { bench?.others.hear(message, at: peer) }
    func certificatesRevoked() { bench?.revocations += 1 }
    func refused(_ what: String, _ failure: Failure, from origin: StreamOrigin) {
      bench?.refused.append(failure.errorCode)
    }
    func repeated(_ message: RepeatedMessage, under key: KeyID?, from origin: StreamOrigin) {
      bench?.repeated.append(message)
    }
  }
  private var shell: Shell
  /// How often the shell was told that certificates are revoked.
  private(set) var revocations = 0
  /// What the shell was told to count.
  private(set) var refused: [ErrorCode?] = []
  /// Messages that came again, as the shell was told.
  private(set) var repeated: [RepeatedMessage] = []

  /// The log that a first program left: members and books, and no state version raised.
  private static func oldLog() throws -> WriteBatch {
    let founding = try #require(
      Membership([RaftServer(id: ReplicaID(1), address: "m", role: .voter)]))
    let start = RaftStart.founding(founding)
    var builder = CommandBatch.Builder(time: LogTime(milliseconds: 1))
    let verdict = builder.append(
      .bootstrap(.init(clusterID: cluster, rootSecretHash: secret)))
    #expect(verdict == .taken)
    var batch = WriteBatch()
    batch.hardState = start.hardState
    batch.firstEntry = LogIndex(1)
    batch.entries =
      start.entries + [LogEntry(term: Term(1), kind: .command, payload: builder.payload)]
    return batch
  }

  private static func boot(
    _ configuration: Dispatcher.Configuration, _ stateVersionMax: UInt32, _ voters: UInt64,
    _ store: LeaderStore, _ sealer: TestSealer, _ issuer: TestIssuer, _ clock: FakeClock,
    _ wallClock: FakeWallClock, _ beside: (any DispatchWork)?,
    _ shell: Shell
  ) throws -> (Dispatcher, Replica) {
    let dispatcher = Dispatcher(
      configuration: configuration, clock: clock, sealer: sealer, keyring: sealer, issuer: issuer,
      signer: TestSigner(), wallClock: wallClock, beside: beside, shell: shell)
    let id = ReplicaID(1)
    let founding = try #require(
      Membership(
        (1...voters).map {
          RaftServer(id: ReplicaID($0), address: $0 == 1 ? "m" : "m\($0)", role: .voter)
        }))
    var members = Replica.Configuration(
      engine: .init(id: id, address: "m", seed: 3), founding: founding)
    members.stateVersionMax = stateVersionMax
    let replica = try Replica(
      configuration: members, store: store,
      startWrite: { [weak shell] in shell?.bench?.startWrite($0) }, startSnapshot: {},
      transport: shell, observer: dispatcher, now: clock.now)
    dispatcher.attach(replica)
    return (dispatcher, replica)
  }

  private func start() {
    replica.start()
    settle()
    for _ in 0..<100 where replica.role != .leader { advance(100) }
    precondition(replica.role == .leader, "no leader")
  }

  /// The process dies, with whatever it had not written, and a new one leads in a new term.
  func restart() throws {
    writes = []
    holdsWrites = false
    shell.bench = nil
    for peer in peers { peer.hasClosed = true }
    peers = []
    let shell = Shell()
    (dispatcher, replica) = try Self.boot(
      configuration, stateVersionMax, voters, store, sealer, issuer, clock, wallClock,
      beside, shell)
    self.shell = shell
    shell.bench = self
    start()
  }

  // MARK: The loop

  private func startWrite(_ batch: WriteBatch) { writes.append(batch) }
  func wantsEndOfTurn() { turnIsWanted = true }

  /// Runs everything that can run without time passing.
  func settle() {
    while true {
      if turnIsWanted {
        turnIsWanted = false
        dispatcher.endOfTurn()
      } else if !writes.isEmpty, !holdsWrites {
        let batch = writes.removeFirst()
        store.perform(batch)
        replica.writeFinished(.success(()), now: clock.now)
        dispatcher.endOfTurn()
      } else if let (answer, peer) = others.takeAnswer() {
        if case .keyring(let message) = answer {
          dispatcher.replica(replica, received: message, from: peer)
        } else {
          replica.receive(answer, from: peer, now: clock.now)
        }
        dispatcher.endOfTurn()
      } else if let peer = peers.first(where: \.hasEnded) {
        close(peer)
      } else {
        return
      }
    }
  }

  func advance(_ milliseconds: UInt64) {
    let end = clock.now + milliseconds
    var ticks = 0
    while dispatcher.nextDeadline <= end {
      clock.now = max(clock.now, dispatcher.nextDeadline)
      dispatcher.tick()
      settle()
      ticks += 1
      precondition(ticks < 100_000, "a deadline that does not move")
    }
    clock.now = end
    settle()
  }

  // MARK: Streams

  func open(
    _ service: Service, _ credential: Credential? = LeaderBench.root,
    from origin: StreamOrigin = StreamOrigin()
  ) -> Peer {
    let peer = Peer()
    peers.append(peer)
    peer.owner = dispatcher.open(
      service, on: peer, credential: credential, authorization: "", from: origin)
    settle()
    return peer
  }
  func say(_ message: Message, on peer: Peer) {
    guard !peer.hasClosed else { return }
    peer.owner?.received(message, on: peer)
    settle()
  }
  func close(_ peer: Peer) {
    guard !peer.hasClosed else { return }
    peer.hasClosed = true
    peers.removeAll { $0 === peer }
    peer.owner?.closed(peer)
    peer.owner = nil
    settle()
  }
  /// The peer takes what it has been sent.
  func drain(_ peer: Peer) {
    peer.outstandingBytes = 0
    peer.owner?.writable(peer)
    settle()
  }
  @discardableResult
  func call(_ message: Message, _ credential: Credential? = LeaderBench.root) -> Peer {
    let peer = open(.call, credential)
    say(message, on: peer)
    return peer
  }

  // MARK: Jobs

  func requestKey() -> RequestKey {
    nextRequest += 1
    return RequestKey(high: 1, low: nextRequest)
  }

  static func body(bytes: Int = 0, model: String = "m") -> [UInt8] {
    let text = String(repeating: "x", count: bytes)
    return Array(
      "{\"model\":\"\(model)\",\"max_tokens\":4000,\"messages\":[{\"role\":\"user\",\"content\":\"hi\(text)\"}]}"
        .utf8)
  }

  /// A request whose output cannot be continued.
  static let structured = Array(
    #"{"model":"m","max_tokens":4000,"messages":[{"role":"user","content":"hi"}],"response_format":{"type":"json_object"}}"#
      .utf8)

  func submission(
    mode: JobMode = .attached, key: RequestKey? = nil, body: [UInt8] = LeaderBench.body(),
    maxInputPrice: Price? = nil, maxOutputPrice: Price? = nil, timeout: UInt32 = 600_000,
    retention: UInt64? = nil, durable: Bool = false
  ) -> Submit {
    Submit(
      requestKey: key ?? requestKey(), mode: mode, endpoint: .chatCompletions, model: "m",
      body: body, maxInputPrice: maxInputPrice, maxOutputPrice: maxOutputPrice,
      queueTimeoutMs: timeout,
      follow: true, retentionMs: retention, durable: durable ? true : nil)
  }

  @discardableResult
  func submit(_ mode: JobMode = .attached, body: [UInt8] = LeaderBench.body()) -> Peer {
    let peer = open(.job)
    say(.submit(submission(mode: mode, body: body)), on: peer)
    return peer
  }

  func follow(
    _ job: JobID, from seq: UInt64 = 1, hash: [UInt8]? = nil, attach: Bool = true,
    tail: TailClaim? = nil, as credential: Credential = LeaderBench.root
  ) -> Peer {
    let peer = open(.job, credential)
    say(
      .follow(
        .init(
          job: job, fromSeq: seq, hash: hash, commitIndex: LogIndex(0), attach: attach, tail: tail,
          durable: nil)),
      on: peer)
    return peer
  }

  /// The key of an account that has no credit.
  func poorCredential() throws -> Credential {
    let account = try call(
      .accountCreate(.init(requestKey: requestKey(), name: "poor", kind: .consumer))
    ).last(AccountReport.self).summary.account
    let hash = [UInt8](repeating: 3, count: 32)
    let key = try call(
      .keyCreate(
        .init(
          requestKey: requestKey(), account: account, name: "k", scopes: [.submit],
          secretHash: hash, lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    return Credential(key: key, secretHash: hash)
  }

  /// Another account with credit, and a key of it that submits.
  func strangerCredential() throws -> (credential: Credential, account: AccountID) {
    let credential = try poorCredential()
    let account = try #require(replica.exchange.key(credential.key)?.account)
    call(
      .accountCredit(
        .init(requestKey: requestKey(), account: account, amount: Credits(nano: 1 << 40))))
    return (credential, account)
  }

  func job(_ id: JobID) throws -> Job { try #require(replica.exchange.job(id)) }
}

/// A worker's process, played by the test: an engine that says what it is told to.
final class WorkerPeer {
  let bench: LeaderBench
  let name: String
  var incarnation: UInt64
  let continues: Bool?
  let model: String
  let capabilities: UInt32?
  let endpoints: [Endpoint]
  var context: UInt32
  private(set) var registration: Peer
  private(set) var id = WorkerID(0)

  init(
    _ bench: LeaderBench, _ name: String = "w", incarnation: UInt64 = 1, slots: UInt16 = 4,
    price: UInt64 = 1_000_000, continues: Bool? = true, model: String = "m",
    capabilities: UInt32? = nil, endpoints: [Endpoint] = [.chatCompletions],
    context: UInt32 = 1 << 20
  ) throws {
    self.bench = bench
    self.endpoints = endpoints
    self.context = context
    self.name = name
    self.incarnation = incarnation
    self.continues = continues
    self.model = model
    self.capabilities = capabilities
    registration = bench.open(.worker)
    try register(slots: slots, price: price)
  }

  func register(slots: UInt16 = 4, price: UInt64 = 1_000_000) throws {
    registration = bench.open(.worker)
    bench.say(.workerRegister(announcement(slots: slots, price: price)), on: registration)
    id = try registration.last(WorkerRegistered.self).worker
  }

  func announcement(slots: UInt16, price: UInt64, incarnation: UInt64? = nil) -> WorkerRegister {
    WorkerRegister(
      name: name, incarnation: incarnation ?? self.incarnation,
      offers: [
        OfferTerms(
          model: model, context: context, outputDefault: min(512, context), slots: slots,
          priceInput: Price(nanoPerMillion: price),
          priceOutput: Price(nanoPerMillion: price * 2), basis: .chunkCount,
          bytesPerTokenFloor: 1, endpoints: endpoints)
      ], draining: false, continues: continues, capabilities: capabilities)
  }

  func heartbeat(isFull: Bool = false) {
    bench.say(
      .workerHeartbeat(
        .init(worker: id, nonce: 1, busy: 0, engineHealthy: !isFull, full: isFull)),
      on: registration)
  }

  /// Lets time pass while the worker gives signs of life.
  func alive(_ milliseconds: UInt64) {
    for _ in 0..<(milliseconds / 500) {
      bench.advance(500)
      heartbeat()
    }
  }

  func park(from origin: StreamOrigin = StreamOrigin()) -> Peer {
    let slot = bench.open(.slot, from: origin)
    bench.say(.park(.init(worker: id, slot: 0, incarnation: incarnation)), on: slot)
    return slot
  }

  func resume(_ attempt: Assign, from first: UInt64, through last: UInt64) -> Peer {
    let slot = bench.open(.slot)
    bench.say(
      .attemptResume(
        .init(
          worker: id, job: attempt.job, epoch: attempt.epoch, incarnation: incarnation,
          firstSeq: first, lastSeq: last, finished: false)), on: slot)
    return slot
  }

  func chunk(_ assign: Assign, _ events: [Event], on slot: Peer) {
    bench.say(.chunk(.init(job: assign.job, epoch: assign.epoch, events: events)), on: slot)
  }

  func finish(
    _ assign: Assign, _ events: [Event], on slot: Peer, _ finish: FinishReason = .stop,
    error: UInt16 = 0, text: String = "", retryElsewhere: Bool = false, hash: [UInt8]? = nil,
    promptTokens: UInt32 = 5, cachedTokens: UInt32? = nil, word: WorkerWord? = nil,
    reasoningTokens: UInt32? = nil
  ) {
    let chain = ChainHash(cluster: LeaderBench.cluster, job: assign.job).appending(events)
    bench.say(
      .attemptFinished(
        .init(
          job: assign.job, epoch: assign.epoch, finish: finish,
          usage: Usage(promptTokens: promptTokens, outputTokens: nil),
          lastSeq: UInt64(events.count), hash: hash ?? chain.bytes, error: error,
          errorText: text, retryElsewhere: retryElsewhere, cachedTokens: cachedTokens,
          word: word, reasoningTokens: reasoningTokens)), on: slot)
  }
}

/// Events numbered from `first`.
func output(_ range: ClosedRange<UInt64>, bytes: Int = 4) -> [Event] {
  range.map {
    Event(
      seq: $0, choice: 0, kind: .text, tokenCount: 1, ids: [],
      bytes: [UInt8](repeating: UInt8(truncatingIfNeeded: 97 + $0 % 26), count: bytes))
  }
}

/// The chain hash after events from the first on.
func chainHash(_ job: JobID, _ events: [Event]) -> [UInt8] {
  ChainHash(cluster: LeaderBench.cluster, job: job).appending(events).bytes
}

/// What a reader has been sent is one unbroken, vouched-for continuation of `before`.
func expectUnbroken(_ peer: Peer, after before: [Event] = [], of job: JobID) {
  var seen = before
  for message in peer.all(Events.self) {
    #expect(message.events.first?.seq == UInt64(seen.count) + 1)
    seen += message.events
    #expect(message.hash == chainHash(job, seen))
  }
}
