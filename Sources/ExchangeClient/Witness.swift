internal import JobDispatch
internal import Links
internal import NIOCore
internal import Transport
internal import WireProtocol

/// A link of a client on which it only listens: to a coordinator that none of its lanes is at.
///
/// All lanes go to the leader, and only another coordinator would say that this one is revoked.
///
/// ```
/// idle ──a lane dials──► dialing ──► listening ──a lane comes to its endpoint──► idle
///  ▲                        └── closed ──┴──► pause ──► dialing the next endpoint
///  └── no endpoint is left, or there are no certificates
/// ```
final class Witness: NodeLinkOwner {
  private weak var client: LoopClient?
  private let endpoints: [String]
  private var link: NodeLink?
  private var endpoint = ""
  private var place = 0
  private var backoff = Backoff(limit: 5_000)
  private var timer: Scheduled<Void>?
  private var isNeedless = false

  init(client: LoopClient, endpoints: [String]) {
    self.client = client
    self.endpoints = endpoints
  }

  /// Looks whether there is somebody to listen to, and somebody else than those that the lanes are at.
  func look() {
    guard let client, !client.hasClosed, !isNeedless, timer == nil else { return }
    let used = client.usedEndpoints
    if let link {
      guard used.contains(endpoint) else { return }
      self.link = nil
      link.drain(reason: "listening elsewhere")
    }
    for _ in endpoints {
      place = (place + 1) % endpoints.count
      if used.contains(endpoints[place]) { continue }
      endpoint = endpoints[place]
      link = client.connect(to: endpoint, owner: self)
      return
    }
  }

  func close() {
    isNeedless = true
    timer?.cancel()
    timer = nil
    link?.close()
  }

  // MARK: NodeLinkOwner

  func established(_ link: NodeLink, with remote: RemoteNode) {
    guard let client else { return link.close() }
    guard link.certificate != nil else { return close() }
    backoff.reset()
    client.trust.established(link) {}
  }

  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func heard(_ notice: RevocationNotice, on link: NodeLink) {
    client?.trust.heard(notice, on: link)
  }
  func draining(_ link: NodeLink) {}

  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {
    client?.trust.closed(link)
    guard self.link === link else { return }
    self.link = nil
    guard let client, !isNeedless else { return }
    let wait = backoff.next(random: client.random())
    let bound = NIOLoopBound(self, eventLoop: client.eventLoop)
    timer = client.eventLoop.scheduleTask(in: .milliseconds(Int64(wait))) {
      bound.value.timer = nil
      bound.value.look()
    }
  }
}
