import ExchangeTypes
import Foundation
import HTTP2Session
import Identity
import NIOCore
import NIOPosix
import Testing
import Transport

@Suite("An address", .timeLimit(.minutes(5)))
struct AddressTests {
  let net = TestNet()

  @Test("in use is named by the error")
  func portInUse() async throws {
    let listener = try await net.listen()
    let port = listener.port
    await #expect(throws: TransportError.portInUse(host: "127.0.0.1", port: port)) {
      try await net.listen(port: port)
    }
    #expect(
      TransportError.portInUse(host: "127.0.0.1", port: 7).description
        == "127.0.0.1:7 is in use by another process")
    await listener.close()
  }

  @Test("can be listened on again once its listener has closed")
  func rebind() async throws {
    let first = try await net.listen()
    await first.close()
    let second = try await net.listen(port: first.port)
    await second.close()
  }

  @Test("beyond this machine is refused in plaintext, by listener and dialer")
  func plaintextOnLoopback() async throws {
    await #expect(throws: TransportError.notLoopback(host: "0.0.0.0")) {
      try await Listener.bind(
        host: "0.0.0.0", port: 0, security: .plaintextOnLoopback, group: net.group
      ) { _ in TestPeer(.echo, SeenLog()) }
    }
    await #expect(throws: TransportError.notLoopback(host: "192.0.2.1")) {
      try await net.dial(1, host: "192.0.2.1")
    }
  }

  @Test("where nobody listens is an error at once, with the address")
  func refused() async throws {
    let listener = try await net.listen()
    let port = listener.port
    await listener.close()
    let error = await #expect(throws: TransportError.self) { try await net.dial(port) }
    #expect(error == .connectionRefused(host: "127.0.0.1", port: port))
  }

  @Test("where somebody listens who says nothing fails after the handshake's time")
  func mute() async throws {
    let mute = try await ServerBootstrap(group: net.group).bind(host: "127.0.0.1", port: 0).get()
    var settings = LinkSettings()
    settings.handshakeMilliseconds = 50
    let port = try #require(mute.localAddress?.port)
    await #expect(throws: TransportError.handshakeTimeout(milliseconds: 50)) {
      try await net.dial(port, settings: settings)
    }
    try await mute.close()
  }

  @Test("where the peer speaks something else is told as such, on both sides")
  func notHTTP2() async throws {
    let log = SeenLog()
    let listener = try await net.listen(log: log)
    let channel = try await ClientBootstrap(group: net.group)
      .connect(host: "127.0.0.1", port: listener.port).get()
    try await channel.writeAndFlush(ByteBuffer(string: "GET / HTTP/1.1\r\nHost: a\r\n\r\n"))
    await log.wait { $0 == .failed(.notHTTP2) }
    try await channel.closeFuture.get()
    await listener.close()
  }

  @Test("takes as many connections as it may, closes the next, and takes one again after an end")
  func connectionBound() async throws {
    var budget = ConnectionBudget()
    budget.connectionsMax = 2
    let listener = try await net.listen(budget: budget)
    let first = try await net.dial(listener.port)
    let second = try await net.dial(listener.port)
    await #expect(throws: TransportError.self) { try await net.dial(listener.port) }
    #expect(listener.connectionCount == 2)
    try await first.run { link, _ in link.drain() }
    await first.log.wait { if case .linkClosed = $0 { true } else { false } }
    while listener.connectionCount == 2 { await Task.yield() }
    let third = try await net.dial(listener.port)
    #expect(try await third.run { link, _ in link.end } == nil)
    #expect(try await second.run { link, _ in link.end } == nil)
    await listener.close()
  }

  @Test("of a stranger has its own bound, which others and the cluster's nodes do not share")
  func addressBound() async throws {
    var budget = ConnectionBudget()
    budget.perAddressMax = 2
    budget.handshakesPerAddressMax = 1
    let authority = try CertificateAuthority(cluster: ClusterID(5), now: Date())
    func node(_ role: NodeRole) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: role, name: "n", now: Date(), lifetimeSeconds: 600)
    }
    let server = try node(.coordinator)
    let log = SeenLog()
    let listener = try await net.listen(
      security: .serverTLS(server, allowing: [.worker]), budget: budget, log: log)
    #expect(try LinkSettings().limits(node(.worker).identity) == .worker)
    let worker = LinkSecurity.mutualTLS(try node(.worker), allowing: [.coordinator])
    let stranger = LinkSecurity.anonymousTLS(server.anchor, allowing: [.coordinator])
    var links: [TestLink] = []
    for security in [worker, worker, worker, stranger] {
      links.append(try await net.dial(listener.port, security: security))
      await log.wait { $0 == .up }
    }
    // One connection that says nothing: no other handshake may begin beside it.
    let silent = try await ClientBootstrap(group: net.group)
      .connect(host: "127.0.0.1", port: listener.port).get()
    while listener.connectionCount < 5 { await Task.yield() }
    await #expect(throws: TransportError.self) {
      try await net.dial(listener.port, security: worker)
    }
    #expect(listener.refusalCounts["too_many_of_address"] == 1)
    try await silent.close()
    while listener.connectionCount > 4 { await Task.yield() }
    links.append(try await net.dial(listener.port, security: stranger))
    await log.wait { $0 == .up }
    await #expect(throws: TransportError.self) {
      try await net.dial(listener.port, security: stranger)
    }
    #expect(listener.refusalCounts["too_many_of_address"] == 2)
    // An end gives the place back.
    try await links[4].run { link, _ in link.close() }
    while listener.connectionCount > 4 { await Task.yield() }
    links.append(try await net.dial(listener.port, security: stranger))
    await listener.close()
    #expect(listener.connectionCount == 0)
  }

  @Test("of a node is counted by its certificate: one worker cannot have them all, nor all workers")
  func nodeBound() async throws {
    var budget = ConnectionBudget()
    budget.perNodeMax = 2
    budget.connectionsMax = 5
    budget.unknownMax = 2
    budget.reservedForCoordinators = 1
    let authority = try CertificateAuthority(cluster: ClusterID(5), now: Date())
    func node(_ role: NodeRole, _ name: String) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: role, name: name, now: Date(), lifetimeSeconds: 600)
    }
    let server = try node(.coordinator, "coordinator-1")
    let log = SeenLog()
    let listener = try await net.listen(
      security: .serverTLS(server, allowing: [.worker, .coordinator]), budget: budget, log: log)
    func dial(_ role: NodeRole, _ name: String) async throws -> TestLink {
      let link = try await net.dial(
        listener.port,
        security: .mutualTLS(try node(role, name), allowing: [.coordinator]))
      return link
    }
    var links: [TestLink] = []
    for name in ["w1", "w1", "w2", "w3"] {
      links.append(try await dial(.worker, name))
      await log.wait { $0 == .up }
    }
    // A third connection of one worker is ended, whatever is free; so is one more of any, for the last are coordinators'.
    for (name, kind) in [("w1", "too_many_of_node"), ("w2", "too_many_connections")] {
      let refused = try await dial(.worker, name)
      await refused.log.wait { if case .linkClosed = $0 { true } else { false } }
      #expect(listener.refusalCounts[kind] == 1)
      while listener.connectionCount > 4 { await Task.yield() }
    }
    links.append(try await dial(.coordinator, "coordinator-2"))
    await log.wait { $0 == .up }
    for link in links { #expect(try await link.run { link, _ in link.end } == nil) }
    await listener.close()
    #expect(listener.connectionCount == 0)
  }

  @Test("that has most gives up its oldest connection, where strangers have as many as they may")
  func flood() async throws {
    var budget = ConnectionBudget()
    budget.unknownMax = 16
    budget.perAddressMax = 8
    let listener = try await net.listen(budget: budget)
    let port = listener.port
    func connect(from address: String) async throws -> any Channel {
      try await ClientBootstrap(group: net.group)
        .bind(to: SocketAddress(ipAddress: address, port: 0))
        .connect(host: "127.0.0.1", port: port).get()
    }
    var first: [any Channel] = []
    var others: [any Channel] = []
    // One after the other, so that it is known which is the oldest.
    for place in 0..<15 {
      if place < 8 {
        first.append(try await connect(from: "127.0.0.2"))
      } else {
        others.append(try await connect(from: "127.0.0.3"))
      }
      while listener.connectionCount <= place { await Task.yield() }
    }
    var links: [TestLink] = []
    for _ in 0..<4 { links.append(try await net.dial(port)) }
    // Of 127.0.0.2's eight the oldest had to go first; the newest are where they were.
    try await first[0].closeFuture.get()
    #expect(listener.refusalCounts["displaced"] == 3)
    #expect(listener.connectionCount == 16)
    #expect(first[7].isActive && others[6].isActive)
    for link in links { #expect(try await link.run { link, _ in link.end } == nil) }
    // More addresses than places: nobody has more than a newcomer, who is told to wait.
    var many: [any Channel] = []
    for place in 4..<20 { many.append(try await connect(from: "127.0.0.\(place)")) }
    while listener.refusalCounts["too_many_connections", default: 0] == 0 { await Task.yield() }
    #expect(listener.connectionCount == 16)
    #expect(try await links[3].run { link, _ in link.end } == nil)
    for channel in first + others + many { channel.close(promise: nil) }
    await listener.close()
  }

  @Test("of IPv6 counts by its /64, and a mapped one is that of IPv4")
  func prefixes() throws {
    func prefix(_ text: String) throws -> AddressPrefix {
      AddressPrefix(try SocketAddress(ipAddress: text, port: 1))
    }
    #expect(try prefix("2001:db8:0:1::1") == prefix("2001:db8:0:1:ffff::2"))
    #expect(try prefix("2001:db8:0:1::1") != prefix("2001:db8:0:2::1"))
    #expect(try prefix("::ffff:192.0.2.1") == prefix("192.0.2.1"))
    #expect(try prefix("192.0.2.1") != prefix("192.0.2.2"))
    #expect(try prefix("192.0.2.1").description == "192.0.2.1")
    #expect(try prefix("2001:db8:0:1::1").description == "2001:db8:0:1::/64")
    #expect(AddressPrefix(nil) == AddressPrefix(try SocketAddress(unixDomainSocketPath: "/x")))
  }

  @Test("with a handshake under way may begin no more than its bound of them")
  func handshakeBound() async throws {
    var budget = ConnectionBudget()
    budget.handshakesPerAddressMax = 1
    let listener = try await net.listen(budget: budget)
    let silent = try await ClientBootstrap(group: net.group)
      .connect(host: "127.0.0.1", port: listener.port).get()
    while listener.connectionCount < 1 { await Task.yield() }
    await #expect(throws: TransportError.self) { try await net.dial(listener.port) }
    #expect(listener.refusalCounts["too_many_handshakes"] == 1)
    try await silent.close()
    while listener.connectionCount > 0 { await Task.yield() }
    let link = try await net.dial(listener.port)
    #expect(try await link.run { link, _ in link.end } == nil)
    await listener.close()
  }
}
