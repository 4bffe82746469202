internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import Foundation
internal import RaftEngine
internal import Storage

/// One replica on a real disk, a cluster of its own: what it is told is committed once its disk has it.
final class BenchedReplica: PeerTransport, ReplicaObserver {
  /// Why a run cannot go on.
  struct Failed: Error, CustomStringConvertible { let description: String }

  /// Rows of applied entries are written at least once in so many milliseconds, as a coordinator's are.
  private static let rowsInterval: UInt64 = 1_000

  private let store: LMDBReplicaStore
  private let path: String
  private var running: Replica?
  private var begun: [WriteBatch] = []
  private var outcomes: [Outcome] = []
  private var failure: (any Error)?
  private let began = ContinuousClock.now
  private var rowsFlushed: UInt64 = 0

  /// Where a write's end crosses from the disk's thread.
  private final class End: @unchecked Sendable {
    // The semaphore orders it: written before the signal, read after the wait.
    var result: Result<Void, any Error> = .success(())
    let signal = DispatchSemaphore(value: 0)
  }

  /// Makes the disk of a new cluster.
  static func found(at path: String) throws {
    try LMDBReplicaStore.bootstrap(
      directory: path, clusterID: ClusterID(7), replicaID: ReplicaID(1))
  }

  /// Starts on what the disk has.
  init(at path: String, keepLog: Int) throws {
    self.path = path
    let id = ReplicaID(1)
    store = try LMDBReplicaStore(directory: path, clusterID: ClusterID(7), replicaID: id)
    guard let alone = Membership([RaftServer(id: id, address: "here", role: .voter)]) else {
      preconditionFailure("one voter is a membership")
    }
    var configuration = Replica.Configuration(
      engine: RaftEngine.Configuration(id: id, address: "here", seed: 1), founding: alone)
    configuration.retention.trailingBytes = keepLog << 20
    configuration.retention.followersBytes = keepLog << 22
    let replica = try Replica(
      configuration: configuration, store: store,
      startWrite: { [unowned self] in begun.append($0) }, startSnapshot: {}, transport: self,
      observer: self, now: now)
    running = replica
    replica.start()
    try settle()
  }

  /// The state.
  var exchange: Exchange { replica.exchange }
  /// MiB that the directory takes from its file system.
  var mebibytes: Double {
    let names = FileManager.default.enumerator(atPath: path)?.allObjects as? [String] ?? []
    let blocks = names.reduce(0) { sum, name in
      var status = stat()
      return stat("\(path)/\(name)", &status) == 0 ? sum + Int(status.st_blocks) : sum
    }
    return Double(blocks) * 512 / 1_048_576
  }
  /// MiB of it that hold something.
  func usedMebibytes() throws -> Double { Double(try store.usedBytes()) / 1_048_576 }

  /// Applies commands, in as many entries as they need, with one write; answers what came of them.
  func apply(_ commands: [Command]) throws -> [Accepted] {
    var results: [ProposalResult] = []
    replica.submit(
      try entries(of: commands).map { payload in (payload, { results.append($0) }) }, now: now)
    try settle()
    if now > rowsFlushed + Self.rowsInterval {
      rowsFlushed = now
      replica.flushRows()
      replica.tick(now: now)
      try settle()
    }
    let outcomes = try results.flatMap { result -> [Outcome] in
      guard case .applied(let outcomes, _) = result else {
        throw Failed(description: "an entry was not applied: \(result)")
      }
      return outcomes
    }
    guard outcomes.count == commands.count else {
      throw Failed(description: "\(commands.count) commands have \(outcomes.count) outcomes")
    }
    return try outcomes.map { outcome in
      switch outcome {
      case .accepted(let accepted): return accepted
      case .rejected(let rejection): throw Failed(description: "refused: \(rejection)")
      }
    }
  }

  /// The payloads of full entries.
  private func entries(of commands: [Command]) throws -> [[UInt8]] {
    let time = LogTime(milliseconds: now)
    var entries: [[UInt8]] = []
    var builder = CommandBatch.Builder(time: time)
    for command in commands {
      switch builder.append(command) {
      case .taken: continue
      case .invalid: throw Failed(description: "a field is beyond its bound: \(command)")
      case .full:
        entries.append(builder.payload)
        builder = CommandBatch.Builder(time: time)
        guard builder.append(command) == .taken else {
          throw Failed(description: "a command fits into no entry: \(command)")
        }
      }
    }
    return entries + [builder.payload]
  }

  /// Ends the process, so to speak: nothing more is written.
  func stop() {
    running = nil
    store.close()
  }

  private var replica: Replica {
    guard let running else { preconditionFailure("it was stopped") }
    return running
  }

  private var now: UInt64 {
    let (seconds, attoseconds) = (ContinuousClock.now - began).components
    return UInt64(seconds) * 1_000 + UInt64(attoseconds) / 1_000_000_000_000_000
  }

  /// Writes until the replica has nothing more to write.
  private func settle() throws {
    while !begun.isEmpty {
      let batch = begun.removeFirst()
      let end = End()
      store.write(batch) {
        end.result = $0
        end.signal.signal()
      }
      end.signal.wait()
      try end.result.get()
      replica.writeFinished(.success(()), now: now)
      if let failure { throw failure }
    }
  }

  // MARK: Ports

  func send(_ message: PeerMessage, to peer: ReplicaID) {}
  func replica(_ replica: Replica, became role: ReplicaRole, term: Term) {
    // A leader needs an entry of its own term.
    guard role == .elected,
      let barrier = CommandBatch(time: LogTime(milliseconds: 0), commands: [.pulse]).payload()
    else { return }
    replica.submit([(barrier, { _ in })], now: now)
  }
  func replica(_ replica: Replica, members: Membership) {}
  func replica(_ replica: Replica, applied: Applied, at index: LogIndex) {}
  func replica(_ replica: Replica, diverged divergence: StateDivergence) {}
  func replica(_ replica: Replica, received message: KeyringMessage, from peer: ReplicaID) {}
  func replica(_ replica: Replica, failed error: any Error) { failure = error }
}
