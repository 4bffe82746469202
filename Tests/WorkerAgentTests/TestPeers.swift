import ExchangeTypes
import JobDispatch
import Links
import NIOCore
import NIOHTTP1
import NIOPosix
import Transport
import WireProtocol

/// What a coordinator got for the one job that it assigns.
struct Output: Sendable {
  var text = ""
  var finished: AttemptFinished
  var authorization: String
  var register: WorkerRegister
}

/// A coordinator that leads, registers any worker, and assigns one job to the first slot parked.
final class TestCoordinator: NodeLinkOwner, MessageChannelOwner {
  struct Handle: Sendable {
    let port: Int
    let output: EventLoopFuture<Output>
    let drained: EventLoopFuture<Bool>
    /// The first registration that offers something else than the one before.
    let changed: EventLoopPromise<WorkerRegister>
    let listener: Listener
    fileprivate let promises: (output: EventLoopPromise<Output>, drained: EventLoopPromise<Bool>)
    /// What has not come by now does not come.
    func close() async throws {
      await listener.close()
      changed.fail(ChannelError.eof)
      promises.output.fail(ChannelError.eof)
      promises.drained.fail(ChannelError.eof)
    }
  }

  private let output: EventLoopPromise<Output>
  private let drained: EventLoopPromise<Bool>
  private let changed: EventLoopPromise<WorkerRegister>
  private var authorization = ""
  private var register: WorkerRegister?
  private var hasAssigned = false
  private var events: [Event] = []
  private let job = JobID(5)

  init(
    _ output: EventLoopPromise<Output>, _ drained: EventLoopPromise<Bool>,
    _ changed: EventLoopPromise<WorkerRegister>
  ) {
    self.output = output
    self.drained = drained
    self.changed = changed
  }

  static func start(
    on group: any EventLoopGroup, accepting roles: [NodeRole] = [.worker]
  ) async throws -> Handle {
    let loop = group.next()
    let output = loop.makePromise(of: Output.self)
    let drained = loop.makePromise(of: Bool.self)
    let changed = loop.makePromise(of: WorkerRegister.self)
    let listener = try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback, group: group
    ) { link in
      NodeLink.accept(
        link,
        as: LocalNode(
          role: .coordinator, clusterID: ClusterID(3), node: 1, name: "coordinator-1",
          incarnation: 1, software: "test"),
        accepting: roles, isPlaintext: true, refusals: RefusalLog(label: "Transport"),
        owner: TestCoordinator(output, drained, changed))
    }
    return Handle(
      port: listener.port, output: output.futureResult, drained: drained.futureResult,
      changed: changed, listener: listener, promises: (output, drained))
  }

  func established(_ link: NodeLink, with remote: RemoteNode) {
    link.tell(LeaderNotice(term: Term(4), leader: ReplicaID(1), address: ""))
  }
  func accepted(
    _ channel: LinkChannel, for service: Service, authorization: String, on link: NodeLink
  ) -> any MessageChannelOwner {
    self.authorization = authorization
    return self
  }
  func heard(_ notice: LeaderNotice, on link: NodeLink) {}
  func draining(_ link: NodeLink) {}
  func closed(_ link: NodeLink, _ end: NodeLinkEnd) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}

  func received(_ message: Message, on channel: any MessageChannel) {
    switch message {
    case .workerRegister(let message):
      if message.draining { drained.succeed(true) }
      if let register, register.offers != message.offers { changed.succeed(message) }
      register = message
      channel.send(WorkerRegistered(worker: WorkerID(9), term: Term(4), leaseMs: 4_000))
    case .workerHeartbeat(let message):
      channel.send(WorkerHeartbeatAck(nonce: message.nonce, term: Term(4)))
    case .park where !hasAssigned:
      hasAssigned = true
      channel.send(
        Assign(
          job: job, epoch: Epoch(1), term: Term(4), endpoint: .chatCompletions, model: "m",
          body: Array(#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#.utf8),
          recordSeq: 0, recordHash: ChainHash(cluster: ClusterID(3), job: job).bytes,
          outputTokensMax: 100))
    case .chunk(let message): events += message.events
    case .attemptFinished(let message):
      channel.send(AttemptSettled(job: job, epoch: Epoch(1), term: Term(4)))
      guard let register else { return }
      output.succeed(
        Output(
          text: String(decoding: events.flatMap(\.bytes), as: UTF8.self), finished: message,
          authorization: authorization, register: register))
    default: break
    }
  }
}

/// An engine that lists one model and answers every request with the same words.
struct ScriptedEngine: Sendable {
  let port: Int
  private let channel: any Channel

  static func start(on group: any EventLoopGroup, words: [String]) async throws -> ScriptedEngine {
    let channel = try await ServerBootstrap(group: group)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          try channel.pipeline.syncOperations.addHandler(Handler(words: words))
        }
      }
      .bind(host: "127.0.0.1", port: 0).get()
    return ScriptedEngine(port: channel.localAddress?.port ?? 0, channel: channel)
  }

  func close() async throws { try await channel.close() }

  private final class Handler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart
    private let words: [String]
    private var path = ""

    init(words: [String]) { self.words = words }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      switch unwrapInboundIn(data) {
      case .head(let head): path = head.uri
      case .body: break
      case .end: answer(context)
      }
    }

    private func answer(_ context: ChannelHandlerContext) {
      var status = HTTPResponseStatus.ok
      var type = "application/json"
      var body = ""
      switch path {
      case "/v1/models": body = #"{"object":"list","data":[{"id":"m","object":"model"}]}"#
      case "/v1/chat/completions":
        type = "text/event-stream"
        for word in words {
          body += #"data: {"choices":[{"index":0,"delta":{"content":""# + word + "\"}}]}\n\n"
        }
        body += "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n"
        body += "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":7,\"completion_tokens\":3}}\n\n"
        body += "data: [DONE]\n\n"
      default: status = .notFound
      }
      let headers: HTTPHeaders = ["content-type": type, "content-length": "\(body.utf8.count)"]
      context.write(
        wrapOutboundOut(
          .head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
        promise: nil)
      context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
      context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
  }
}
