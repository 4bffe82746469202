import Glibc
import HTTP2Session
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport

/// Peers that write their frames by hand, to a listener with one loop: who gets it, and when.
@Suite("The loop's turns", .timeLimit(.minutes(5)))
struct TurnTests {
  @Test(
    "a peer with hundreds of requests in one read gets as many begun as a turn has, then another is heard"
  )
  func fairness() async throws {
    let order = Order()
    let listener = try await order.listen()
    let (busy, other) = (try RawPeer(listener.port), try RawPeer(listener.port))
    // Both are up before the first of all requests.
    for peer in [busy, other] {
      try peer.open(1)
      await order.hears(1)
    }
    // When the first of the many is begun, the loop stands still until the other's request is in its socket.
    let standstill = order.standStill()
    try busy.open(200)
    await standstill.reached()
    try other.open(1)
    standstill.end()
    await order.hears(201)
    let begun = order.begun.dropFirst(2)
    let place = try #require(begun.firstIndex(of: other.port)) - 2
    #expect(place >= 1 && place < 100, "heard after \(place) of 200")
    try busy.answered(201)
    await listener.close()
  }

  @Test("a peer whose requests take long has fewer begun in a turn")
  func length() async throws {
    let order = Order()
    let listener = try await order.listen()
    let busy = try RawPeer(listener.port)
    // Fewer than a turn may begin; the first of them keeps the loop for longer than a turn may.
    let standstill = order.standStill()
    try busy.open(10)
    await standstill.reached()
    // What the loop is given meanwhile it does when the turn is over.
    let begun = order.loop.submit { order.begun.count }
    let began = LinkLoop.now
    while LinkLoop.now < began + 10 { try await Task.sleep(for: .milliseconds(1)) }
    standstill.end()
    #expect(try await begun.get() == 1)
    await order.hears(10)
    try busy.answered(10)
    await listener.close()
  }

  @Test("what was left for later turns is begun in its order, and all of it, over many reads")
  func order() async throws {
    let order = Order()
    let listener = try await order.listen()
    let peer = try RawPeer(listener.port)
    for _ in 0..<4 { try peer.open(1_000) }
    await order.hears(4_000)
    let inOrder = Array(stride(from: Int32(1), to: 8_000, by: 2))
    #expect(order.streams == inOrder)
    try peer.answered(4_000)
    await listener.close()
  }

  @Test("what is sent at once on a dialed link leaves in turns, between which others are heard")
  func output() async throws {
    let (order, net) = (Order(), TestNet())
    let (listener, target) = (
      try await order.listen(), try await net.listen(.hoard, settings: order.settings)
    )
    let turns = try await Listener.Turns.make(for: order.loop, host: "127.0.0.1", port: 0)
    let link = try await net.dial(
      target.port, settings: order.settings, on: LinkLoop(order.loop, turns: turns))
    let other = try RawPeer(listener.port)
    try other.open(1)
    await order.hears(1)
    let standstill = Standstill()
    let left = NIOLockedValueBox(0)
    async let sent: Void = link.run { link, peer in
      let streams = try (0..<8).map { _ in try peer.open(link) }
      for stream in streams { stream.send([UInt8](repeating: 1, count: 1 << 20)) }
      let bound = NIOLoopBound(streams, eventLoop: order.loop)
      order.atNext {
        left.withLockedValue { $0 = bound.value.reduce(0) { $0 + $1.outstanding } }
      }
      standstill.stand()
    }
    await standstill.reached()
    try other.open(1)
    standstill.end()
    try await sent
    await order.hears(1)
    #expect(left.withLockedValue { $0 } > 7 << 20, "heard after more than a mebibyte")
    try other.answered(2)
    try await link.run { link, _ in link.close() }
    for one in [listener, target] { await one.close() }
    turns.close()
  }

  @Test("a peer that ends with requests left takes them with it, and the listener closes")
  func departure() async throws {
    let order = Order()
    let listener = try await order.listen()
    let peer = try RawPeer(listener.port)
    let standstill = order.standStill()
    try peer.open(500)
    await standstill.reached()
    peer.hangUp()
    standstill.end()
    await order.ends()
    #expect(order.begun.count < 500)
    await listener.close()
    #expect(listener.connectionCount == 0)
  }
}

/// The server's side of these tests: in which order requests were begun, by the port of who sent them.
private final class Order: Sendable {
  private struct State {
    var begun: [(port: Int, stream: Int32)] = []
    var standstill: Standstill?
    var atNext: (@Sendable () -> Void)?
  }
  private let state = NIOLockedValueBox(State())
  private let seen: AsyncStream<Bool>
  private let tell: AsyncStream<Bool>.Continuation
  /// The listener's.
  let loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()

  init() { (seen, tell) = AsyncStream.makeStream() }

  var begun: [Int] { state.withLockedValue { $0.begun.map(\.port) } }
  var streams: [Int32] { state.withLockedValue { $0.begun.map(\.stream) } }

  let settings = LinkSettings(limits: { _ in .authenticatedNode })

  func listen() async throws -> Listener {
    try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback, settings: settings,
      group: loop
    ) { _ in Server(order: self) }
  }

  /// Makes the loop stand still at the next request, until it is told to go on.
  func standStill() -> Standstill {
    let standstill = Standstill()
    state.withLockedValue { $0.standstill = standstill }
    return standstill
  }

  /// Calls `body` on the loop when the next request is begun.
  func atNext(_ body: @escaping @Sendable () -> Void) {
    state.withLockedValue { $0.atNext = body }
  }

  /// Waits for so many more requests.
  func hears(_ count: Int) async {
    var left = count
    for await isRequest in seen where isRequest {
      left -= 1
      if left == 0 { return }
    }
  }

  /// Waits for the end of a link.
  func ends() async { for await isRequest in seen where !isRequest { return } }

  private func note(_ stream: StreamID, from address: String) {
    let port = Int(address.split(separator: ":").last ?? "") ?? 0
    let (standstill, atNext) = state.withLockedValue { state in
      state.begun.append((port, stream.rawValue))
      defer { (state.standstill, state.atNext) = (nil, nil) }
      return (state.standstill, state.atNext)
    }
    atNext?()
    standstill?.stand()
    tell.yield(true)
  }

  private final class Server: LinkDelegate, StreamHandler {
    let order: Order
    init(order: Order) { self.order = order }
    func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
      -> (any StreamHandler)?
    {
      order.note(stream.id, from: link.remoteAddress)
      stream.respond(status: 200)
      stream.end()
      return self
    }
    func draining(_ link: Link) {}
    func closed(_ link: Link, _ end: LinkEnd) { order.tell.yield(false) }
    func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {}
    func received(_ bytes: [UInt8], on stream: LinkStream) {}
    func ended(_ stream: LinkStream) {}
    func writable(_ stream: LinkStream) {}
    func closed(_ stream: LinkStream, _ end: StreamEnd) {}
  }
}

/// A place at which the loop waits for the test.
private final class Standstill: Sendable {
  private let lock = ConditionLock(value: false)
  private let arrived: AsyncStream<Void>
  private let arrive: AsyncStream<Void>.Continuation
  init() { (arrived, arrive) = AsyncStream.makeStream() }
  /// Called on the loop.
  func stand() {
    arrive.yield()
    lock.lock(whenValue: true)
    lock.unlock()
  }
  func reached() async { for await _ in arrived { return } }
  func end() {
    lock.lock()
    lock.unlock(withValue: true)
  }
}

/// A client with a blocking socket: what it has written is in the listener's socket when the call is over.
private final class RawPeer {
  private let descriptor: CInt
  private let session: HTTP2Session
  /// Its own port.
  let port: Int
  private var ended = 0

  init(_ target: Int) throws {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    self.descriptor = descriptor
    // What never comes fails the test instead of holding it.
    var patience = timeval(tv_sec: 60, tv_usec: 0)
    setsockopt(
      descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    session = try HTTP2Session(role: .client, limits: .authenticatedNode, now: LinkLoop.now)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = UInt16(target).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        connect(descriptor, address, size) | getsockname(descriptor, address, &size)
      }
    }
    port = Int(UInt16(bigEndian: address.sin_port))
    try #require(code == 0)
  }

  deinit { close(descriptor) }

  /// Ends the connection, both ways.
  func hangUp() { shutdown(descriptor, CInt(SHUT_RDWR)) }

  /// Opens streams whose requests have no body, in one write.
  func open(_ count: Int) throws {
    for _ in 0..<count {
      session.send(
        try session.openStream(path: "/t", scheme: "http", authority: "a"), [], endStream: true)
    }
    var bytes = session.takeOutput()[...]
    while !bytes.isEmpty {
      let size = bytes.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      try #require(size > 0)
      bytes = bytes.dropFirst(size)
    }
  }

  /// Reads until so many streams, of all, are answered to the end.
  func answered(_ count: Int) throws {
    var buffer = [UInt8](repeating: 0, count: 16 << 10)
    while ended < count {
      let size = read(descriptor, &buffer, buffer.count)
      try #require(size > 0)
      try session.receive(Array(buffer[..<size]), now: LinkLoop.now)
      while let event = session.nextEvent() { if case .ended = event { ended += 1 } }
    }
  }
}
