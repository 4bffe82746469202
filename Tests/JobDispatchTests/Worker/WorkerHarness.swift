import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// A stream whose other end is the test.
final class FakeChannel: MessageChannel {
  let service: Service
  private(set) var sent: [any WireMessage] = []
  private(set) var isFinished = false
  private(set) var isAborted = false
  var outstandingBytes = 0
  /// Adds what is sent to `outstandingBytes`, as a peer that takes nothing would.
  var isStuck = false

  init(_ service: Service) { self.service = service }

  var isOpen: Bool { !isFinished && !isAborted }

  func send(_ message: any WireMessage) {
    guard isOpen else { return }
    sent.append(message)
    if isStuck {
      var writer = CanonicalWriter()
      message.encode(into: &writer)
      outstandingBytes += writer.bytes.count + 8
    }
  }
  func finish() { isFinished = true }
  func abort() { isAborted = true }
  func setReading(_ isReading: Bool) {}

  func all<Kind: WireMessage>(_ kind: Kind.Type) -> [Kind] { sent.compactMap { $0 as? Kind } }
  var events: [Event] { all(Chunk.self).flatMap(\.events) }
  /// Takes what has been sent, in order.
  func take() -> [any WireMessage] {
    defer { sent = [] }
    return sent
  }
}

/// A link to a coordinator that is the test.
final class FakeLink: WorkerLink {
  let node: ReplicaID
  private(set) var opened: [FakeChannel] = []
  var takesHostReports = false
  var takesEmbeddings = false

  init(_ node: UInt64) { self.node = ReplicaID(node) }

  func openStream(_ service: Service, owner: any MessageChannelOwner) -> any MessageChannel {
    let channel = FakeChannel(service)
    opened.append(channel)
    return channel
  }

  var registration: FakeChannel {
    get throws { try #require(opened.last { $0.service == .worker }) }
  }
  var slots: [FakeChannel] { opened.filter { $0.service == .slot && $0.isOpen } }
}

final class FakeClock: MonotonicClock {
  var now: UInt64 = 1_000_000
}

/// A worker process without engine, clock or network.
final class Bench: WorkerHost {
  let clock = FakeClock()
  let incarnation: UInt64
  private(set) var started: [(run: EngineRunID, order: EngineOrder)] = []
  private(set) var cancelled: [EngineRunID] = []
  private(set) var reading: [EngineRunID: Bool] = [:]
  private(set) var notes: [WorkerNote] = []
  private(set) var timesLeft = 0
  private var wakeAt: UInt64?
  private var machineOrNil: WorkerMachine?
  var machine: WorkerMachine {
    guard let machineOrNil else { preconditionFailure("made in init") }
    return machineOrNil
  }

  init(manyAttempts: Int = WorkerMachine.manyAttempts, incarnation: UInt64 = 77) {
    self.incarnation = incarnation
    machineOrNil = WorkerMachine(
      name: "w", incarnation: incarnation, host: self, clock: clock, manyAttempts: manyAttempts)
  }

  func startRun(_ run: EngineRunID, _ order: EngineOrder) { started.append((run, order)) }
  func cancelRun(_ run: EngineRunID) { cancelled.append(run) }
  /// What runs have made and the machine has not taken.
  private(set) var waiting: [EngineRunID: [GeneratedEvent]] = [:]
  func takeOutput(of run: EngineRunID) -> [GeneratedEvent] {
    waiting.removeValue(forKey: run) ?? []
  }
  /// How often the engine was to be asked how it is.
  private(set) var probes = 0
  func probeEngine() { probes += 1 }
  func setReading(_ run: EngineRunID, _ isReading: Bool) { reading[run] = isReading }
  func wake(at moment: UInt64) { wakeAt = moment }
  func random(below bound: UInt64) -> UInt64 { bound - 1 }
  /// What the worker states in the end, the newest last; it is signed with zeros.
  private(set) var stated: [[UInt8]] = []
  func signature(under statement: [UInt8]) -> [UInt8]? {
    stated.append(statement)
    return [UInt8](repeating: 0, count: 64)
  }
  func note(_ note: WorkerNote) { notes.append(note) }
  func left() { timesLeft += 1 }

  /// Lets time pass, firing the timer whenever it was asked for.
  func advance(_ milliseconds: UInt64) {
    let end = clock.now + milliseconds
    while let moment = wakeAt, moment <= end {
      clock.now = max(clock.now, moment)
      wakeAt = nil
      machine.timerFired()
    }
    clock.now = end
  }

  static func offers(_ model: String = "m", slots: UInt16 = 2) -> [OfferTerms] {
    [
      OfferTerms(
        model: model, context: 4_096, outputDefault: 512, slots: slots,
        priceInput: Price(nanoPerMillion: 1), priceOutput: Price(nanoPerMillion: 2),
        basis: .usage, bytesPerTokenFloor: 1, endpoints: [.chatCompletions])
    ]
  }

  /// A worker that a leader of `term` has registered, its slots parked.
  func register(
    slots: Int = 2, node: UInt64 = 1, term: UInt64 = 5, continues: Bool = true
  ) throws -> FakeLink {
    machine.engineReady(offers: Self.offers(), slots: slots, continues: continues)
    return try join(node: node, term: term)
  }

  /// A new leader on a new link, which accepts the worker.
  func join(node: UInt64, term: UInt64) throws -> FakeLink {
    let link = FakeLink(node)
    machine.linkUp(link)
    notice(node, term)
    try accept(link, term)
    return link
  }

  func notice(_ node: UInt64, _ term: UInt64) {
    machine.leaderNotice(LeaderNotice(term: Term(term), leader: ReplicaID(node), address: ""))
  }

  func accept(_ link: FakeLink, _ term: UInt64) throws {
    machine.received(
      .workerRegistered(
        WorkerRegistered(worker: WorkerID(9), term: Term(term), leaseMs: 4_000)),
      on: try link.registration)
  }

  /// The leader answers a heartbeat.
  func acknowledge(_ link: FakeLink, _ term: UInt64 = 5) throws {
    machine.received(
      .workerHeartbeatAck(WorkerHeartbeatAck(nonce: 0, term: Term(term))),
      on: try link.registration)
  }

  /// Assigns job 100 on `channel`.
  @discardableResult
  func assign(
    _ channel: FakeChannel, job: UInt64 = 100, epoch: UInt32 = 1, term: UInt64 = 5,
    recordSeq: UInt64 = 0
  ) -> EngineRunID? {
    let before = started.count
    machine.received(
      .assign(
        Assign(
          job: JobID(job), epoch: Epoch(epoch), term: Term(term), endpoint: .chatCompletions,
          model: "m", body: Array("{}".utf8), recordSeq: recordSeq,
          recordHash: Self.start(job).bytes, outputTokensMax: 1_000)),
      on: channel)
    return started.count > before ? started[before].run : nil
  }

  static func start(_ job: UInt64 = 100) -> ChainHash {
    ChainHash(cluster: ClusterID(1), job: JobID(job))
  }

  func settle(_ channel: FakeChannel, job: UInt64 = 100, epoch: UInt32 = 1, term: UInt64 = 5) {
    machine.received(
      .attemptSettled(AttemptSettled(job: JobID(job), epoch: Epoch(epoch), term: Term(term))),
      on: channel)
  }

  func cancel(_ channel: FakeChannel, job: UInt64 = 100, epoch: UInt32 = 1, term: UInt64 = 5) {
    machine.received(
      .attemptCancel(AttemptCancel(job: JobID(job), epoch: Epoch(epoch), term: Term(term))),
      on: channel)
  }

  func goOn(
    _ channel: FakeChannel, from seq: UInt64, job: UInt64 = 100, epoch: UInt32 = 1,
    term: UInt64
  ) {
    machine.received(
      .attemptContinue(
        AttemptContinue(job: JobID(job), epoch: Epoch(epoch), term: Term(term), fromSeq: seq)),
      on: channel)
  }

  /// The engine makes `texts`, each in a turn of its own.
  func produce(_ run: EngineRunID, _ texts: [String]) {
    for text in texts {
      machine.runProduced(
        run,
        [GeneratedEvent(choice: 0, kind: .text, tokenCount: 1, bytes: Array(text.utf8))])
    }
  }

  /// The engine makes a text, joined to what the machine has not taken, as a worker's process joins it.
  func make(_ run: EngineRunID, _ text: String) {
    let event = GeneratedEvent(choice: 0, kind: .text, tokenCount: 1, bytes: Array(text.utf8))
    let isNews = waiting[run] == nil
    var list = waiting[run] ?? []
    if list.isEmpty || !list[list.count - 1].merge(event) { list.append(event) }
    waiting[run] = list
    if isNews { machine.runHasOutput(run) }
  }

  func complete(_ run: EngineRunID) {
    machine.runProduced(run, takeOutput(of: run))
    machine.runEnded(
      run, .completed(.stop, Usage(promptTokens: 3, outputTokens: 4)))
  }
}

/// The chain hash after events, as a leader computes it.
func chain(_ events: [Event], job: UInt64 = 100) -> [UInt8] {
  Bench.start(job).appending(events).bytes
}

func text(_ events: [Event]) -> String {
  String(decoding: events.flatMap(\.bytes), as: UTF8.self)
}
