public import HTTP2Session
public import Identity
internal import NIOCore

/// One connection to one peer: who it is, and the streams.
///
/// Belongs to its loop.
///
/// ```
/// up ──drain / peer's GOAWAY──► draining ──last stream closed──► ended(.drained)
///  └──────────── close, silence, breach, broken socket ────────► ended(reason)
/// ```
///
/// All output of one turn of the loop leaves in as few writes as it takes; it is made only while the
/// socket takes it, so what a slow peer leaves waiting stays in the bounded queues of the streams.
///
/// One read can hold hundreds of small requests, and each costs what its owner does for it. So an accepting side
/// begins `requestsPerTurn` of them, or as many as take `turnMax`, and leaves the others, and all that came behind them, for
/// turns after those of the loop's other connections (`LoopTurns`); nothing more is read of this one meanwhile. Other
/// coordinators alone are not held to that: the log does not wait behind what they pass on.
public final class Link {
  /// The peer's certificate; `nil` for a stranger, and in plaintext.
  public let certificate: PeerCertificate?
  /// Who the peer is by its certificate.
  public var peer: PeerIdentity? { certificate?.identity }
  /// The peer's address, for logs.
  public let remoteAddress: String
  /// Whose it is, for what an address may cost.
  public let remotePrefix: AddressPrefix
  /// Where everything about the link is called.
  public let loop: LinkLoop
  /// What the peer may cost.
  public var limits: HTTP2Limits { session.limits }
  /// Why the link has ended, if it has.
  public private(set) var end: LinkEnd?

  private let channel: any Channel
  private let session: HTTP2Session
  private let settings: LinkSettings
  private let authority: String
  private let scheme: String
  private var streams: [StreamID: LinkStream] = [:]
  private var delegate: (any LinkDelegate)?
  /// Called once, when the peer's SETTINGS have arrived.
  private var whenUp: (() -> Void)?
  private var output: ByteBuffer
  /// The loop is between a read and its end: output waits for the end.
  private var isReading = false
  private var isFlushing = false
  private var isFlushScheduled = false
  private var flushTask: (@Sendable () -> Void)?
  /// Lets other connections have their turn, where there is anything that does.
  private let turns: LoopTurns?
  /// Whether what the peer sends waits for its turn: not on the dialing side, which begins no requests, nor of a coordinator.
  private let isHeldBack: Bool
  /// Bytes that were read and not yet given to the session.
  private var unread = ByteBuffer()
  /// Requests that were begun in this turn.
  private var begun = 0
  /// How long what came in this turn has kept the loop.
  private var spent = TimeAmount.zero
  /// Not all that was read is done, and a turn is asked for: nothing more is to be read until then.
  private(set) var isBehind = false
  private var heardAt: UInt64
  /// When the peer was asked for a sign of life, if nothing was heard since.
  private var askedAt: UInt64?
  private var keepAlive: RepeatedTask?
  /// Since when the socket takes nothing.
  private var unwritableSince: UInt64?
  /// Writes per flush before other connections of the loop get their turn: encrypting a mebibyte and giving it to the socket takes
  /// as long as a turn may.
  private static let writesPerFlush = 4
  private static let writeBytes = 64 << 10
  private static let keptBytes = 32 << 10
  /// Bytes given to the session at once (reliability: what one read can start is bounded).
  static let readBytes = 16 << 10
  /// Requests of one peer that are begun before other connections of the loop get their turn.
  static let requestsPerTurn = 16
  /// How long what one peer sent may keep the loop before other connections get their turn: one message can cost as much as a
  /// hundred requests.
  private static let turnMax = TimeAmount.milliseconds(2)

  init(
    channel: any Channel, role: HTTP2Session.Role, certificate: PeerCertificate?,
    authority: String, isPlaintext: Bool, settings: LinkSettings, turns: LoopTurns?,
    isHeldBack: Bool
  ) throws(HTTP2Error) {
    let now = LinkLoop.now
    self.turns = turns
    self.isHeldBack = isHeldBack && turns != nil
    self.channel = channel
    self.certificate = certificate
    self.settings = settings
    self.authority = authority
    scheme = isPlaintext ? "http" : "https"
    loop = LinkLoop(channel.eventLoop)
    remoteAddress = Self.text(channel.remoteAddress)
    remotePrefix = AddressPrefix(channel.remoteAddress)
    session = try HTTP2Session(role: role, limits: settings.limits(certificate?.identity), now: now)
    output = channel.allocator.buffer(capacity: 16 << 10)
    heardAt = now
    let bound = NIOLoopBound(Weak(self), eventLoop: channel.eventLoop)
    flushTask = { bound.value.link?.flushScheduled() }
  }

  private struct Weak {
    weak var link: Link?
    init(_ link: Link) { self.link = link }
  }

  // MARK: For owners

  /// Streams that are open.
  public var streamCount: Int { streams.count }

  /// Opens a stream with a request; only the dialing side may.
  ///
  /// - Parameters:
  ///   - path: which service (`:path`).
  ///   - headers: further header fields.
  ///   - handler: told what happens.
  /// - Returns: the stream, ready for `send`.
  /// - Throws: `HTTP2OpenRefusal`; the link goes on.
  public func open(path: String, headers: [HeaderField] = [], handler: any StreamHandler)
    throws(HTTP2OpenRefusal) -> LinkStream
  {
    loop.eventLoop.preconditionInEventLoop()
    guard end == nil else { throw .failed }
    let id = try session.openStream(
      path: path, scheme: scheme, authority: authority, headers: headers)
    let stream = LinkStream(id: id, link: self, handler: handler)
    streams[id] = stream
    scheduleFlush()
    return stream
  }

  /// Calls `body` once the loop's other connections have had their turn, never within this call; where nothing gives turns, at once.
  public func wait(_ body: @escaping () -> Void) {
    if let turns { turns.wait(body) } else { body() }
  }

  /// Takes no new streams, lets the open ones finish, then ends.
  public func drain() { act { $0.startDraining() } }

  /// Whether new streams are refused by this side.
  public var isDraining: Bool { session.isDraining }

  /// Ends the link at once: a GOAWAY is sent, open streams are lost.
  public func close() {
    guard end == nil else { return }
    session.terminate(.noError)
    finish(.closedHere)
  }

  // MARK: For streams

  func act(_ body: (HTTP2Session) -> Void) {
    loop.eventLoop.preconditionInEventLoop()
    guard end == nil else { return }
    body(session)
    scheduleFlush()
  }

  func outstanding(_ stream: StreamID) -> Int { session.outstanding(stream) }

  // MARK: For the channel handler

  func start(delegate: any LinkDelegate) {
    self.delegate = delegate
    if end == nil { startKeepAlive() }
  }

  func start(whenUp: @escaping () -> Void) {
    self.whenUp = whenUp
    flush()
  }

  func receive(_ buffer: ByteBuffer) {
    guard end == nil else { return }
    isReading = true
    heardAt = LinkLoop.now
    askedAt = nil
    var buffer = buffer
    if unread.readableBytes == 0 { unread = buffer } else { unread.writeBuffer(&buffer) }
    if !isBehind { take() }
  }

  private var hasTurn: Bool {
    !isHeldBack || (begun < Self.requestsPerTurn && spent < Self.turnMax)
  }

  /// Gives the session what was read, and the owners what that means, as far as this turn goes.
  private func take() {
    begun = 0
    spent = .zero
    handleEvents()
    while end == nil, hasTurn,
      let part = unread.readSlice(length: min(unread.readableBytes, Self.readBytes)),
      part.readableBytes > 0
    {
      do {
        try part.withUnsafeReadableBytes { try session.receive($0, now: heardAt) }
      } catch let error as HTTP2Error {
        // What the peer had started in the same read is not begun.
        return finish(.failed(error))
      } catch {
        return finish(.broken(reason: String(describing: error)))
      }
      handleEvents()
      // A reset that is owed frees its stream only when it is written: before the next part.
      if end == nil, unread.readableBytes > 0 { write() }
    }
    if unread.readableBytes > 0 { askForTurn() } else { unread = ByteBuffer() }
  }

  private func askForTurn() {
    guard end == nil, !isBehind, let turns else { return }
    isBehind = true
    turns.wait { [weak self] in self?.takeTurn() }
  }

  private func takeTurn() {
    isBehind = false
    guard end == nil else { return }
    // Nothing was read while it waited, signs of life included.
    heardAt = LinkLoop.now
    askedAt = nil
    isReading = true
    take()
    readComplete()
    // It was held back meanwhile.
    if end == nil, !isBehind { channel.read() }
  }

  func readComplete() {
    guard isReading else { return }
    isReading = false
    flush()
  }

  func writabilityChanged() {
    unwritableSince = channel.isWritable ? nil : LinkLoop.now
    if channel.isWritable { flush() }
  }

  func lost(_ reason: LinkEnd) {
    guard end == nil else { return }
    end = reason
    tellEnd(reason)
  }

  // MARK: Output

  private func scheduleFlush() {
    guard !isReading, !isFlushing, !isFlushScheduled, let flushTask else { return }
    isFlushScheduled = true
    loop.eventLoop.execute(flushTask)
  }

  private func flushInTurn() {
    guard let turns else { return scheduleFlush() }
    guard !isFlushScheduled else { return }
    isFlushScheduled = true
    turns.wait { [weak self] in self?.flushScheduled() }
  }

  private func flushScheduled() {
    isFlushScheduled = false
    flush()
  }

  private func flush() {
    guard end == nil, !isFlushing else { return }
    isFlushing = true
    var writes = 0
    while end == nil, write() {
      writes += 1
      if writes == Self.writesPerFlush {
        isFlushing = false
        return flushInTurn()
      }
    }
    isFlushing = false
    // Thousands of idle links must not each keep the buffer of their largest write.
    if output.storageCapacity > Self.keptBytes { output = ByteBuffer() }
    guard end == nil else { return }
    if let failure = session.failure {
      finish(.failed(failure))
    } else if session.isFinished, !session.hasEvents {
      finish(.drained)
    }
  }

  /// Writes what the session has, up to one buffer; whether there may be more.
  @discardableResult
  private func write() -> Bool {
    guard channel.isWritable else { return false }
    output.clear()
    session.drainOutput(bytesMax: Self.writeBytes) { output.writeBytes($0) }
    let haveOwnersActed = handleEvents()
    guard output.readableBytes > 0 else { return haveOwnersActed }
    channel.writeAndFlush(output, promise: nil)
    return true
  }

  // MARK: Events

  /// Tells the owners what happened, as far as this turn goes; whether anything had.
  @discardableResult
  private func handleEvents() -> Bool {
    var haveAny = false
    var since = NIODeadline.now()
    while end == nil {
      guard hasTurn else {
        if session.hasEvents { askForTurn() }
        break
      }
      guard let event = session.nextEvent() else { break }
      haveAny = true
      switch event {
      case .data(let id, let bytes):
        if let stream = streams[id] { stream.handler?.received(bytes, on: stream) }
      case .headers(let id, let fields): handleHeaders(id, fields)
      case .ended(let id): if let stream = streams[id] { stream.handler?.ended(stream) }
      case .writable(let id): if let stream = streams[id] { stream.handler?.writable(stream) }
      case .closed(let id, let code):
        streams.removeValue(forKey: id)?.finish(code == .noError ? .complete : .reset(code))
      case .settings:
        let waiting = whenUp
        whenUp = nil
        waiting?()
      case .goAway: delegate?.draining(self)
      case .pong: break
      }
      guard isHeldBack else { continue }
      let now = NIODeadline.now()
      spent = spent + (now - since)
      since = now
    }
    return haveAny
  }

  private func handleHeaders(_ id: StreamID, _ fields: [HeaderField]) {
    if let stream = streams[id] {
      let status = fields.first(":status").flatMap { Int($0) } ?? 0
      stream.handler?.responded(status: status, headers: fields, on: stream)
      return
    }
    begun += 1
    let stream = LinkStream(id: id, link: self, handler: nil)
    streams[id] = stream
    if let handler = delegate?.accepted(stream, headers: fields, on: self) {
      if end == nil { stream.handler = handler }
    } else {
      session.refuse(id)
    }
  }

  // MARK: The end

  private func startKeepAlive() {
    let interval = UInt64(clamping: settings.keepAliveMilliseconds)
    let timeout = UInt64(clamping: settings.keepAliveTimeoutMilliseconds)
    let tick = TimeAmount.milliseconds(Int64(clamping: max(1, min(interval, timeout))))
    let bound = NIOLoopBound(Weak(self), eventLoop: channel.eventLoop)
    keepAlive = loop.eventLoop.scheduleRepeatedTask(initialDelay: tick, delay: tick) { _ in
      bound.value.link?.checkAlive(interval: interval, timeout: timeout)
    }
  }

  private func checkAlive(interval: UInt64, timeout: UInt64) {
    // What the peer has sent meanwhile is not read: it is not he who keeps the link waiting.
    guard !isBehind else { return }
    let now = LinkLoop.now
    if session.role == .server {
      let stall = UInt64(clamping: settings.stallMilliseconds)
      if let unwritableSince, now - unwritableSince >= stall {
        return finish(.stalled(milliseconds: now - unwritableSince))
      }
      act { $0.resetStalled(for: stall, now: now) }
    }
    if let askedAt {
      // Counted from the question, so that a stall of this loop is not taken for the peer's silence.
      if now - askedAt >= timeout { finish(.silent(milliseconds: now - heardAt)) }
    } else if now - heardAt >= interval {
      askedAt = now
      act { $0.ping(now) }
    }
  }

  /// Ends the link from this side: the last output (a GOAWAY) leaves, then the connection is closed.
  private func finish(_ reason: LinkEnd) {
    guard end == nil else { return }
    // Before anything else: the write may end, and the channel report its close, within this call.
    end = reason
    output.clear()
    session.drainOutput(bytesMax: Self.writeBytes) { output.writeBytes($0) }
    let channel = channel
    let written = channel.eventLoop.makePromise(of: Void.self)
    channel.writeAndFlush(output, promise: written)
    // A peer that does not read must not hold the socket.
    let limit = channel.eventLoop.scheduleTask(in: .milliseconds(settings.lingerMilliseconds)) {
      channel.close(promise: nil)
    }
    written.futureResult.whenComplete { _ in
      limit.cancel()
      channel.close(promise: nil)
    }
    tellEnd(reason)
  }

  private func tellEnd(_ reason: LinkEnd) {
    keepAlive?.cancel()
    keepAlive = nil
    whenUp = nil
    let lost = streams.values.sorted { $0.id.rawValue < $1.id.rawValue }
    streams = [:]
    for stream in lost { stream.finish(.linkLost(reason)) }
    let last = delegate
    delegate = nil
    last?.closed(self, reason)
  }

  private static func text(_ address: SocketAddress?) -> String {
    guard let address else { return "unknown" }
    let host = address.ipAddress ?? "unix"
    let port = address.port ?? 0
    return hostAndPort(host, port)
  }
}
