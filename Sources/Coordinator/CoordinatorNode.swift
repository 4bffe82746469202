internal import Consensus
public import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import Links
internal import Logging
public import NIOCore
internal import NIOPosix
internal import RaftEngine
internal import Storage
internal import Transport
internal import WireProtocol

/// A coordinator process: replica, dispatcher and connections on one event loop.
///
/// ```
/// made ──start──► running ──stop──► handing over ──another leads, or in 1.5 s──► draining ──in 2 s──► stopped
///                    └── the replica dies ──► `onFailure`: the process must end
/// ```
public final class CoordinatorNode: Sendable {
  /// How long links may take to finish what is open on them when the node stops, in milliseconds.
  private static let drainMilliseconds: Int64 = 2_000

  private let eventLoop: any EventLoop
  private let listener: Listener
  private let store: LMDBReplicaStore
  /// Where long requests are read.
  private let threads: WorkThreads
  private let running: NIOLoopBound<Running>
  /// Where it listens, with the port that the system chose if it was asked to.
  public let address: String

  /// What lives on the loop.
  private struct Running {
    let host: ReplicaHost
    let links: PeerLinks
    let strangers: StrangersBytes
  }

  private init(
    eventLoop: any EventLoop, listener: Listener, store: LMDBReplicaStore, threads: WorkThreads,
    running: NIOLoopBound<Running>
  ) {
    self.eventLoop = eventLoop
    self.listener = listener
    self.store = store
    self.threads = threads
    self.running = running
    address = "\(listener.host):\(listener.port)"
  }

  /// Opens the directory, joins the cluster and listens.
  ///
  /// - Parameters:
  ///   - configuration: what the process is told.
  ///   - group: its first loop is the node's.
  ///   - onFailure: called once if the replica dies; nothing may be said or written afterwards, so the
  ///     process must end.
  /// - Returns: the running node.
  /// - Throws: what makes it impossible: a directory of another cluster or in use, a port in use, a
  ///   certificate that does not fit.
  public static func start(
    _ configuration: CoordinatorConfiguration, on group: any EventLoopGroup,
    onFailure: @escaping @Sendable (any Error) -> Void
  ) async throws -> CoordinatorNode {
    let log = Logger(label: "Coordinator")
    let eventLoop = group.next()
    guard configuration.members[configuration.replica] != nil else {
      throw StartFailure.notAMember(configuration.replica)
    }
    let founding = configuration.members.keys.sorted().map {
      Member(id: $0, address: configuration.members[$0] ?? "", role: .voter)
    }
    guard let membership = configuration.joins ? Membership.none : Membership(founding) else {
      throw StartFailure.badMembers
    }
    // Before the directory becomes a replica's for good.
    let security = try security(of: configuration)

    try LMDBReplicaStore.bootstrap(
      directory: configuration.directory, clusterID: configuration.clusterID,
      replicaID: configuration.replica)
    let store = try LMDBReplicaStore(
      directory: configuration.directory, clusterID: configuration.clusterID,
      replicaID: configuration.replica,
      options: .init(diskBudgetBytes: configuration.diskBudgetBytes))
    // The dispatcher has one piece under way at a time.
    let threads = WorkThreads(count: 1)
    do {
      // Two lists that differ would found two clusters under one id, each with a majority of its own.
      let named = Set(configuration.members.keys)
      guard try configuration.joins || !store.load().isNew || named == configuration.founders
      else {
        throw StartFailure.notTheFounders(named: named, founders: configuration.founders)
      }
      var generator = SystemRandomNumberGenerator()
      let local = LocalNode(
        role: .coordinator, clusterID: configuration.clusterID,
        node: configuration.replica.rawValue, name: "coordinator-\(configuration.replica)",
        incarnation: generator.next(),
        features: [
          LocalNode.stateStatements, LocalNode.revocationNotices, LocalNode.hostReports,
          LocalNode.embeddings,
        ],
        software: configuration.software)
      let engine = RaftEngine.Configuration(
        id: configuration.replica, address: configuration.members[configuration.replica] ?? "",
        seed: UInt32(truncatingIfNeeded: generator.next()))

      let refusals = RefusalLog(label: "Coordinator")
      let running = try await eventLoop.submit {
        var replica = Replica.Configuration(engine: engine, founding: membership)
        replica.retention = configuration.live.retention
        if let versionMax = configuration.stateVersionMax { replica.stateVersionMax = versionMax }
        let host = try ReplicaHost(
          configuration: configuration, founding: replica, store: store,
          refusals: refusals, threads: threads, eventLoop: eventLoop, log: log)
        host.failed = { onFailure($0) }
        let dialer = NodeDialer(
          security: security.dialer, on: LinkLoop(eventLoop), refusals: refusals)
        let links = PeerLinks(
          local: local, dialer: dialer, host: host, eventLoop: eventLoop, log: log)
        return NIOLoopBound(
          Running(host: host, links: links, strangers: StrangersBytes()), eventLoop: eventLoop)
      }.get()

      let isPlaintext = security.isPlaintext
      let listener = try await Listener.bind(
        host: configuration.host, port: configuration.port, security: security.listener,
        refusals: refusals, group: eventLoop
      ) { link in
        NodeLink.accept(
          link, as: local, accepting: NodeRole.allCases, isPlaintext: isPlaintext,
          among: running.value.strangers, refusals: refusals,
          owner: running.value.links.makeOwner())
      }
      try await eventLoop.submit {
        let others = configuration.members.filter { $0.key != configuration.replica }
        running.value.links.follow(others)
        running.value.host.start(links: running.value.links)
      }.get()
      return CoordinatorNode(
        eventLoop: eventLoop, listener: listener, store: store, threads: threads,
        running: running)
    } catch {
      await threads.close()
      store.close()
      throw error
    }
  }

  /// Runs with these settings from now on; all of them in one turn of the loop.
  public func apply(_ live: CoordinatorConfiguration.Live) {
    eventLoop.execute { [running] in running.value.host.apply(live) }
  }

  /// Hands leadership over, lets open streams end for a moment, and closes everything.
  ///
  /// It passes requests to the new leader until its links are closed, so that a stop in order is not felt.
  public func stop() async {
    let running = running
    let log = Logger(label: "Coordinator")
    await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
      eventLoop.execute {
        running.value.host.handOver { ending in
          log.info("leadership handed over before the end", metadata: ["ending": "\(ending)"])
          continuation.resume()
        }
      }
    }
    await listener.drain(within: Self.drainMilliseconds)
    let stopped = eventLoop.submit {
      running.value.host.stop()
      running.value.links.stop()
    }
    do {
      try await stopped.get()
    } catch {
      log.error(
        "the loop ended before the node did", metadata: ["error": "\(error)"])
    }
    await threads.close()
    store.close()
  }

  private struct Securities {
    let listener: LinkSecurity
    let dialer: LinkSecurity
    let isPlaintext: Bool
  }

  private static func security(of configuration: CoordinatorConfiguration) throws -> Securities {
    switch configuration.security {
    case .plaintextOnLoopback:
      return Securities(
        listener: .plaintextOnLoopback, dialer: .plaintextOnLoopback, isPlaintext: true)
    case .identity(let identity):
      let name = "coordinator-\(configuration.replica)"
      guard identity.identity.role == .coordinator, identity.identity.name == name else {
        throw StartFailure.wrongIdentity(have: identity.identity.description, want: name)
      }
      return Securities(
        listener: .serverTLS(identity, allowing: [.coordinator, .worker, .gateway, .client]),
        dialer: .mutualTLS(identity, allowing: [.coordinator]), isPlaintext: false)
    }
  }
}

/// Why a coordinator cannot start as it was told to.
public enum StartFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// Its own id is not among the members.
  case notAMember(ReplicaID)
  /// A cluster would begin with others than it was made for.
  case notTheFounders(named: Set<ReplicaID>, founders: Set<ReplicaID>)
  /// The members are none, too many, or one of them twice.
  case badMembers
  /// The certificate is somebody else's.
  case wrongIdentity(have: String, want: String)

  /// What is wrong, and what would be right.
  public var description: String {
    switch self {
    case .notAMember(let id):
      "coordinator \(id) is not among the peers: --peers must name every coordinator, this one too"
    case .notTheFounders(let named, let founders):
      "--peers names \(words(named)), but the cluster was made for \(words(founders)): at its first start a "
        + "coordinator must be given all of them and no other"
    case .badMembers:
      "the peers are none, too many, or name one id or address twice"
    case .wrongIdentity(let have, let want):
      "the identity directory is that of \(have); this node is coordinator \(want)"
    }
  }

  private func words(_ ids: Set<ReplicaID>) -> String {
    let list = ids.sorted().map { "\($0)" }.joined(separator: ", ")
    return ids.count == 1 ? "coordinator \(list)" : "coordinators \(list)"
  }
}
