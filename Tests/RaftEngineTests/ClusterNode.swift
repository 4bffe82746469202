import ExchangeTypes
import RaftEngine

/// What the replicated state machine of the tests holds: how many commands, and a hash over them.
struct MachineState: Hashable {
  var count: UInt64 = 0
  var hash: UInt64 = 14_695_981_039_346_656_037

  mutating func apply(_ payload: [UInt8]) {
    count += 1
    for byte in payload { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
  }

  var manifest: [UInt8] {
    var writer = CanonicalWriter()
    writer.write(count)
    writer.write(hash)
    return writer.bytes
  }

  init() {}

  init(manifest: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(manifest)
    count = try reader.read()
    hash = try reader.read()
    try reader.finish()
  }
}

/// What survives a crash.
struct Disk {
  var hardState: HardState?
  var snapshot: (metadata: SnapshotMetadata, manifest: [UInt8])?
  var first = LogIndex(1)
  var entries: [LogEntry] = []
  var applied = LogIndex(0)

  init(_ start: RaftStart) {
    hardState = start.hardState
    entries = start.entries
  }

  var start: RaftStart {
    RaftStart(
      hardState: hardState, snapshot: snapshot?.metadata, firstIndex: first, entries: entries,
      applied: applied)
  }
}

/// The log in memory, durable or not.
final class MemoryLog: RaftLog {
  var first: LogIndex
  var held: [LogEntry]
  var newest: (metadata: SnapshotMetadata, manifest: [UInt8])?

  init(_ disk: Disk) {
    first = disk.first
    held = disk.entries
    newest = disk.snapshot
  }

  func entries(from start: LogIndex, count: Int) -> [LogEntry] {
    guard start >= first else { return [] }
    let place = Int(start.rawValue - first.rawValue)
    return place + count <= held.count ? Array(held[place..<(place + count)]) : []
  }

  func snapshot() -> (metadata: SnapshotMetadata, manifest: [UInt8])? { newest }

  func entry(at index: LogIndex) -> LogEntry? { entries(from: index, count: 1).first }
}

extension [LogEntry] {
  /// Drops what is at or after `index` in a log that begins at `first`.
  mutating func truncate(from index: LogIndex, first: LogIndex) {
    removeLast(count - Swift.min(count, Int(index.rawValue - first.rawValue)))
  }

  /// Drops what is before `index` in a log that begins at `first`.
  mutating func trim(to index: LogIndex, first: LogIndex) {
    guard index > first else { return }
    removeFirst(Swift.min(count, Int(index.rawValue - first.rawValue)))
  }
}

/// A replica as the engine's README asks for: the shell that `Consensus` is in production.
final class ClusterNode {
  enum Write {
    case log(LogWrite)
    case install(SnapshotInstall)
  }

  let id: UInt64
  unowned let cluster: Cluster
  var disk: Disk
  private(set) var engine: RaftEngine?
  private(set) var log: MemoryLog
  private(set) var applied = LogIndex(0)
  private(set) var state = MachineState()
  private var members = Membership.none
  private var membersIndex = LogIndex(0)
  private var writes: [(at: UInt64, write: Write)] = []
  private(set) var installing = false
  var pausedUntil: UInt64 = 0
  /// Entries applied since the last snapshot that make the next; nil for never.
  var snapshotEvery: UInt64?
  var snapshotTrailing: UInt32 = 64
  private(set) var installs = 0
  private(set) var lastRefusal: RaftRefusal?
  private(set) var lastDrop: DropReason?
  private(set) var failure: RaftFailure?
  private var starts: UInt32 = 0

  init(id: UInt64, disk: Disk, in cluster: Cluster) {
    self.id = id
    self.disk = disk
    self.cluster = cluster
    log = MemoryLog(disk)
  }

  var isUp: Bool { engine != nil }
  var diskDue: UInt64? { writes.first?.at }
  var timerDue: UInt64? { engine?.nextTimeout }

  // MARK: - Life

  func start() {
    log = MemoryLog(disk)
    applied = disk.snapshot?.metadata.index ?? LogIndex(0)
    state = MachineState()
    if let snapshot = disk.snapshot { restore(snapshot.manifest) }
    members = disk.snapshot?.metadata.membership ?? .none
    membersIndex = disk.snapshot?.metadata.membershipIndex ?? LogIndex(0)
    writes = []
    installing = false
    pausedUntil = 0
    failure = nil
    starts += 1
    var configuration = RaftEngine.Configuration(
      id: ReplicaID(id), address: "node-\(id)", seed: UInt32(id) * 7919 + starts * 104_729)
    cluster.configure(&configuration)
    do {
      let engine = try RaftEngine(
        configuration: configuration, start: disk.start, log: log, at: cluster.now)
      self.engine = engine
      cluster.record("n\(id) starts")
      act(on: engine.firstUpdate, of: "start")
    } catch {
      fail(error)
    }
  }

  func crash() {
    if isUp { cluster.record("n\(id) crashes") }
    engine = nil
    writes = []
  }

  func restart() {
    crash()
    start()
  }

  private func fail(_ error: RaftFailure) {
    failure = error
    cluster.checker.violations.append("\(cluster.now) n\(id): \(error)")
    crash()
  }

  private func restore(_ manifest: [UInt8]) {
    do { state = try MachineState(manifest: manifest) } catch {
      cluster.checker.violations.append("n\(id): manifest \(error)")
    }
  }

  // MARK: - Events

  func handle(_ event: RaftEvent) {
    guard let engine else { return }
    do {
      let update = try engine.step(event, at: cluster.now)
      act(on: update, of: event.story)
    } catch {
      fail(error)
    }
  }

  /// Steps `event` and answers why it was not taken.
  func ask(_ event: RaftEvent) -> RaftRefusal? {
    handle(event)
    return lastRefusal
  }

  @discardableResult
  func submit(_ commands: String...) -> RaftRefusal? {
    ask(.submit(commands.map { .command(Array($0.utf8)) }))
  }

  private func act(on update: RaftUpdate, of event: String) {
    guard let engine else { return }
    lastRefusal = update.refusal
    lastDrop = update.dropped
    tell(update, event)
    if let hardState = update.hardState { disk.hardState = hardState }
    cluster.checker.check(hardState: engine.hardState, durable: disk.hardState, of: id)
    if let install = update.install {
      installing = true
      log.held = []
      log.first = install.snapshot.index.next
      enqueue(.install(install))
    }
    if let write = update.write {
      log.held.truncate(from: write.first, first: log.first)
      log.held += write.entries
      enqueue(.log(write))
    }
    for envelope in update.messages {
      cluster.send(envelope.message, from: id, to: envelope.to.rawValue)
    }
    if case .leader = update.role { cluster.checker.elected(id, engine, log) }
    apply()
  }

  private func enqueue(_ write: Write) {
    let latency = UInt64.random(in: cluster.weather.diskLatency, using: &cluster.random)
    writes.append((max(cluster.now + latency, writes.last?.at ?? 0), write))
  }

  func completeOldestWrite() {
    switch writes.removeFirst().write {
    case .log(let write):
      let first = disk.first
      disk.entries.truncate(from: write.first, first: first)
      disk.entries += write.entries
      handle(.persisted(through: write.number))
    case .install(let install):
      disk.snapshot = (install.snapshot, install.manifest)
      disk.entries = []
      disk.first = install.snapshot.index.next
      disk.applied = install.snapshot.index
      log.newest = disk.snapshot
      restore(install.manifest)
      applied = install.snapshot.index
      members = install.snapshot.membership
      membersIndex = install.snapshot.membershipIndex
      installing = false
      installs += 1
      handle(.snapshotInstalled(install.snapshot))
    }
  }

  // MARK: - State machine

  private func apply() {
    guard let engine, !installing else { return }
    while applied < engine.applicableIndex {
      guard let entry = log.entry(at: applied.next) else {
        cluster.checker.violations.append("n\(id) lacks committed entry \(applied.next)")
        return
      }
      applied = applied.next
      disk.applied = applied
      cluster.checker.committed(entry, at: applied, by: id, in: engine.term)
      switch entry.kind {
      case .command: state.apply(entry.payload)
      case .barrier: break
      case .change:
        members = Membership(encoded: entry.payload) ?? .none
        membersIndex = applied
      }
    }
    let since = applied.rawValue - (disk.snapshot?.metadata.index.rawValue ?? 0)
    if let snapshotEvery, since >= snapshotEvery { takeSnapshot() }
  }

  func takeSnapshot() {
    guard let term = engine?.term(at: applied) else { return }
    let metadata = SnapshotMetadata(
      index: applied, term: term, membership: members, membershipIndex: membersIndex)
    disk.snapshot = (metadata, state.manifest)
    log.newest = disk.snapshot
    handle(.snapshotTaken(metadata, trailing: snapshotTrailing))
    guard let first = engine?.firstIndex else { return }
    log.held.trim(to: first, first: log.first)
    log.first = max(log.first, first)
    let durableFirst = disk.first
    disk.entries.trim(to: first, first: durableFirst)
    disk.first = max(durableFirst, first)
  }
}
