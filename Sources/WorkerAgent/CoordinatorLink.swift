internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import Links
internal import Logging
internal import NIOCore
internal import Transport
internal import WireProtocol

/// The link to one endpoint, dialled again for ever; confined to the loop.
///
/// ```
/// waiting ──timer──► dialling ──established──► up
///    ▲                  │                      │
///    └──────────── closed, draining ◄──────────┘          stop: ends in any state
/// ```
final class CoordinatorLink: NodeLinkOwner {
  /// Milliseconds before the next try after a refusal that trying again does not mend.
  private static let refusedBackOff: UInt64 = 30_000

  /// An established link as the machine sees it: each connection is another.
  private final class Connection: WorkerLink {
    let node: ReplicaID
    private let link: NodeLink
    private let authorization: String

    init(_ link: NodeLink, node: ReplicaID, authorization: String) {
      self.link = link
      self.node = node
      self.authorization = authorization
    }

    var takesHostReports: Bool {
      link.remote?.features.contains(LocalNode.hostReports) == true
    }

    var takesEmbeddings: Bool {
      link.remote?.features.contains(LocalNode.embeddings) == true
    }

    func openStream(
      _ service: Service, owner: any MessageChannelOwner
    ) -> any MessageChannel {
      link.openStream(service, authorization: authorization, owner: owner)
    }
  }

  private enum State {
    case waiting(Scheduled<Void>?)
    case dialling(NodeLink)
    case up(NodeLink, Connection)
    case stopped
  }

  let endpoint: String
  private unowned let shell: WorkerShell
  /// A link that drains outlives the shell.
  private let trust: CoordinatorTrust
  private let logger: Logger
  private var state = State.waiting(nil)
  private var failures = 0
  /// Why there was no link the last time, so that one that stays away is told of once.
  private var lastReason: String?
  /// Who leads, as the link's end said before it was trusted.
  private var early: LeaderNotice?

  init(endpoint: String, shell: WorkerShell, logger: Logger) {
    self.endpoint = endpoint
    self.shell = shell
    trust = shell.trust
    var logger = logger
    logger[metadataKey: "endpoint"] = "\(endpoint)"
    self.logger = logger
  }

  /// The coordinator at the other end, while the link is up.
  var node: ReplicaID? {
    if case .up(_, let connection) = state { connection.node } else { nil }
  }

  func dial() {
    guard case .waiting = state else { return }
    state = .dialling(shell.dialer.connect(to: endpoint, as: shell.local, owner: self))
  }

  /// Closes the link for good.
  func stop() {
    let last = state
    state = .stopped
    switch last {
    case .waiting(let timer): timer?.cancel()
    case .dialling(let link), .up(let link, _): link.drain(reason: "the worker is leaving")
    case .stopped: break
    }
  }

  // MARK: NodeLinkOwner

  func established(_ link: NodeLink, with remote: RemoteNode) {
    trust.established(link) { [self] in admitted(link, remote) }
  }

  private func admitted(_ link: NodeLink, _ remote: RemoteNode) {
    guard case .dialling(let current) = state, current === link else { return link.close() }
    failures = 0
    lastReason = nil
    logger.info("linked", metadata: ["coordinator": "\(remote.node)"])
    let connection = Connection(
      link, node: ReplicaID(remote.node), authorization: shell.authorization)
    state = .up(link, connection)
    shell.machine.linkUp(connection)
    if let early { shell.heard(early) }
    early = nil
  }

  func heard(_ notice: LeaderNotice, on link: NodeLink) {
    // Who leads is nothing that a coordinator may say before it is known to be one.
    if case .up(let current, _) = state, current === link {
      shell.heard(notice)
    } else {
      early = notice
    }
  }

  func heard(_ notice: RevocationNotice, on link: NodeLink) {
    trust.heard(notice, on: link)
    if case .up(let current, _) = state, current === link, link.certificate != nil {
      shell.heard(others: notice.others ?? [])
    }
  }

  func draining(_ link: NodeLink) {
    logger.info("the coordinator closes the link")
    _ = ended(after: backOff(), link)
  }

  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {
    trust.closed(link)
    early = nil
    switch end {
    case .orderly: _ = ended(after: backOff(), link)
    case .broke(let reason), .nobodyListens(let reason):
      tell(.notice, "no link", reason, again: ended(after: backOff(), link))
    case .distrusted(let failure):
      tell(
        .error, "not a coordinator any more", failure.message,
        again: ended(after: Self.refusedBackOff, link))
    case .refused(let failure, by: let side):
      tell(
        .error,
        side == .here
          ? "this worker does not talk to the coordinator" : "the coordinator refuses this worker",
        "\(failure.code): \(failure.message)", again: ended(after: Self.refusedBackOff, link))
    }
  }

  /// Says why there is no link, and when it is tried again; what was said the last time too, only to who looks closely.
  private func tell(
    _ level: Logger.Level, _ what: Logger.Message, _ reason: String, again wait: UInt64?
  ) {
    var metadata: Logger.Metadata = ["reason": "\(reason)"]
    if let wait { metadata["again_in_ms"] = "\(wait)" }
    logger.log(level: reason == lastReason ? .debug : level, what, metadata: metadata)
    lastReason = reason
  }

  /// Dials again after `wait`, which is asked for only if somebody is there who waits: a link that drains when the
  /// worker has left is closed after the shell is gone.
  ///
  /// Returns the wait, in milliseconds; nil where nobody waits.
  private func ended(after wait: @autoclosure () -> UInt64, _ link: NodeLink) -> UInt64? {
    switch state {
    case .dialling(let current) where current === link: break
    case .up(let current, let connection) where current === link:
      shell.machine.linkDown(connection)
    case .waiting, .dialling, .up, .stopped: return nil
    }
    let bound = shell.loop.bind(self)
    let wait = wait()
    state = .waiting(
      shell.loop.eventLoop.scheduleTask(in: .milliseconds(Int64(wait))) { bound.value.dial() })
    return wait
  }

  private func backOff() -> UInt64 {
    failures += 1
    return Backoff.ofWorker.wait(after: failures, random: shell.random(below:))
  }
}
