import ExchangeTypes
import JobDispatch
import Links
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Transport
import WireProtocol

/// A coordinator that answers as its script says, on a real loopback connection, and keeps what it was told.
final class ScriptedCoordinator: Sendable {
  typealias Script = @Sendable (Message, any MessageChannel) -> Void

  /// What arrived, in order; a stream's end counts.
  enum Heard: Sendable, Equatable {
    case message(Message, authorization: String)
    case closed(Service)
  }

  let listener: Listener
  private let heard: AsyncStream<Heard>
  var endpoint: String { "127.0.0.1:\(listener.port)" }

  init(accepting roles: [NodeRole] = [.gateway], script: @escaping Script) async throws {
    let local = LocalNode(
      role: .coordinator, clusterID: JobScript.cluster, node: 1, name: "coordinator-1",
      incarnation: 1, software: "scripted")
    let (heard, continuation) = AsyncStream.makeStream(of: Heard.self)
    self.heard = heard
    listener = try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback,
      group: MultiThreadedEventLoopGroup.singleton.next()
    ) { link in
      NodeLink.accept(
        link, as: local, accepting: roles, isPlaintext: true,
        refusals: RefusalLog(label: "Transport"),
        owner: Acceptor(script: script, heard: continuation))
    }
  }

  /// The first that it hears from now on of which `pick` makes something.
  func hears<Value>(_ pick: (Heard) -> Value?) async -> Value? {
    for await next in heard {
      if let value = pick(next) { return value }
    }
    return nil
  }

  func close() async { await listener.close() }

  private final class Acceptor: NodeLinkOwner {
    private let script: Script
    private let heard: AsyncStream<Heard>.Continuation

    init(script: @escaping Script, heard: AsyncStream<Heard>.Continuation) {
      self.script = script
      self.heard = heard
    }

    func established(_ link: NodeLink, with remote: RemoteNode) {
      link.tell(LeaderNotice(term: Term(1), leader: ReplicaID(1), address: link.address))
    }
    func heard(_ notice: LeaderNotice, on link: NodeLink) {}
    func draining(_ link: NodeLink) {}
    func closed(_ link: NodeLink, _ end: NodeLinkEnd) {}

    func accepted(
      _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
    ) -> any MessageChannelOwner {
      Stream(service: service, authorization: authorization, script: script, heard: heard)
    }
  }

  private final class Stream: MessageChannelOwner {
    private let service: Service
    private let authorization: String
    private let script: Script
    private let heard: AsyncStream<Heard>.Continuation

    init(
      service: Service, authorization: String, script: @escaping Script,
      heard: AsyncStream<Heard>.Continuation
    ) {
      self.service = service
      self.authorization = authorization
      self.script = script
      self.heard = heard
    }

    func received(_ message: Message, on channel: any MessageChannel) {
      heard.yield(.message(message, authorization: authorization))
      script(message, channel)
    }
    func writable(_ channel: any MessageChannel) {}
    func closed(_ channel: any MessageChannel) { heard.yield(.closed(service)) }
  }
}

/// A job of some pieces of text, as a leader sends it.
struct JobScript: Sendable {
  static let cluster = ClusterID(7)
  let events: [Event]
  private let hashes: [ChainHash]

  init(_ texts: [String]) {
    var hash = ChainHash(cluster: Self.cluster, job: JobID(3))
    var events: [Event] = []
    var hashes = [hash]
    for (place, text) in texts.enumerated() {
      let event = Event(
        seq: UInt64(place + 1), choice: 0, kind: .text, tokenCount: 1, ids: [],
        bytes: Array(text.utf8))
      hash = hash.appending(event)
      events.append(event)
      hashes.append(hash)
    }
    self.events = events
    self.hashes = hashes
  }

  /// Takes a Submit, and sends the events one message each, with the end unless told otherwise.
  func run(on channel: any MessageChannel, ends: Bool = true, duplicate: Bool = false) {
    channel.send(
      Accepted(
        job: JobID(3), commitIndex: LogIndex(4), duplicate: duplicate, hold: Credits(nano: 9)))
    sendEvents(on: channel)
    if ends { end(on: channel) }
  }

  /// Sends the events one message each, as to who follows the job already.
  func sendEvents(on channel: any MessageChannel) {
    for event in events { channel.send(message(event)) }
  }

  func end(
    on channel: any MessageChannel, state: JobState = .completed, untilDelivered: Bool? = nil
  ) {
    channel.send(
      Ended(
        summary: summary(state), hash: (hashes.last ?? hashes[0]).bytes,
        lastSeq: UInt64(events.count), untilDelivered: untilDelivered))
    channel.finish()
  }

  func summary(_ state: JobState) -> JobSummary {
    JobSummary(
      job: JobID(3), state: state, model: "m", mode: .attached, createdAt: LogTime(rawValue: 0),
      epoch: Epoch(1), worker: WorkerID(1), promptTokens: TokenCount(2),
      outputTokens: TokenCount(UInt64(events.count)), charge: .zero, hold: .zero,
      lastSeq: UInt64(events.count), finish: state.isFinal ? .stop : nil, error: 0, errorText: "")
  }

  private func message(_ event: Event) -> Events {
    Events(
      job: JobID(3), epoch: Epoch(1), events: [event], durableThrough: 0,
      hash: hashes[Int(event.seq)].bytes, mac: Array(repeating: 0, count: 32))
  }
}
