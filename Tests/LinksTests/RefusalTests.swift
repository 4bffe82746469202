import ExchangeTypes
import Foundation
import HTTP2Session
import Identity
import Links
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

/// A peer below the protocol: it takes every stream, and says these bytes on the link's own and those on any other.
private final class Raw: LinkDelegate, StreamHandler {
  private let control: [UInt8]
  private let other: [UInt8]

  init(control: [UInt8] = [], other: [UInt8] = []) {
    self.control = control
    self.other = other
  }

  func accepted(_ stream: LinkStream, headers: [HeaderField], on link: Link)
    -> (any StreamHandler)?
  {
    stream.respond(status: 200)
    stream.send(headers.first(":path") == Service.control.rawValue ? control : other)
    return self
  }
  func draining(_ link: Link) {}
  func closed(_ link: Link, _ end: LinkEnd) {}
  func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {}
  func received(_ bytes: [UInt8], on stream: LinkStream) { stream.consume(bytes.count) }
  func ended(_ stream: LinkStream) { stream.end() }
  func writable(_ stream: LinkStream) {}
  func closed(_ stream: LinkStream, _ end: StreamEnd) {}
}

@Suite("What a link refuses, and is refused for", .timeLimit(.minutes(5)))
struct RefusalTests {
  /// What a node hears that dials a listener where somebody is who keeps to nothing, and what it notes.
  private func dial(
    _ raw: @escaping @Sendable () -> Raw, timing: NodeLink.Timing = NodeLink.Timing(),
    dialed: @escaping @Sendable (NodeLink) -> Void = { _ in }
  ) async throws -> (heard: [Heard], counts: [String: UInt64]) {
    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let listener = try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback, group: loop
    ) { _ in raw() }
    let refusals = RefusalLog(label: "Transport")
    let (stream, continuation) = AsyncStream.makeStream(of: Heard.self)
    loop.execute {
      _ = NodeDialer(
        security: .plaintextOnLoopback, on: LinkLoop(loop), timing: timing, refusals: refusals
      ).connect(
        to: "127.0.0.1:\(listener.port)", as: node(.worker),
        owner: Observer(continuation) { dialed($0) })
    }
    var heard: [Heard] = []
    for await item in stream { heard.append(item) }
    await listener.close()
    return (heard, refusals.counts)
  }

  @Test(
    "a node that dials refuses a false coordinator by its certificate, before it has said anything")
  func falseCoordinators() async throws {
    let authority = try CertificateAuthority(cluster: cluster, now: Date() - 86_400)
    func identity(
      of role: NodeRole = .coordinator, by authority: CertificateAuthority, from begin: Double = 0
    ) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: role, name: "coordinator-1", now: Date() + begin,
        lifetimeSeconds: 600)
    }
    let worker = try identity(of: .worker, by: authority)
    let others = try [cluster, ClusterID(8)].map {
      try CertificateAuthority(cluster: $0, now: Date())
    }
    for (forged, kind) in [
      (worker, "certificate_wrong_role"),
      (try identity(by: authority, from: -7_200), "certificate_expired"),
      (try identity(by: authority, from: 7_200), "certificate_not_yet_valid"),
      (try identity(by: others[0]), "certificate_untrusted"),
      (try identity(by: others[1]), "certificate_wrong_cluster"),
    ] {
      let notes = Notes()
      let heard = try await connect(
        listener: .serverTLS(forged, allowing: [.worker]),
        dialer: .mutualTLS(worker, allowing: [.coordinator]), isPlaintext: false,
        as: node(.worker), notes: notes,
        accepted: { _ in Issue.record("\(kind) was greeted") })
      guard case .closed(.refused(let failure, by: .here))? = heard.first, heard.count == 1 else {
        Issue.record("\(kind): \(heard)")
        continue
      }
      #expect(failure.message.hasPrefix("this side refuses its peer: the certificate "))
      #expect(notes.dialing.counts == [kind: 1])
    }
  }

  @Test("a node whose certificate the coordinator refuses says that it is the other side that does")
  func refusedByAlert() async throws {
    let authority = try CertificateAuthority(cluster: cluster, now: Date() - 86_400)
    let coordinator = try NodeIdentity(
      authority: authority, role: .coordinator, name: "coordinator-1", now: Date(),
      lifetimeSeconds: 600)
    let expired = try NodeIdentity(
      authority: authority, role: .worker, name: "w", now: Date() - 7_200, lifetimeSeconds: 600)
    let notes = Notes()
    let heard = try await connect(
      listener: .serverTLS(coordinator, allowing: [.worker]),
      dialer: .mutualTLS(expired, allowing: [.coordinator]), isPlaintext: false,
      as: node(.worker), notes: notes)
    guard case .closed(.refused(let failure, by: .there))? = heard.first else {
      Issue.record("\(heard)")
      return
    }
    #expect(failure.message.hasPrefix("the peer refused the TLS handshake"))
    #expect(notes.dialing.counts == ["refused_by_peer": 1])
    #expect(notes.listening.counts == ["certificate_expired": 1])
  }

  @Test("a peer that never greets is left and counted, at either side")
  func greeting() async throws {
    var timing = NodeLink.Timing()
    timing.greeting = 50
    let (heard, counts) = try await dial({ Raw() }, timing: timing)
    #expect(heard == [.closed(.broke("the peer did not greet within 50 ms"))])
    #expect(counts == ["greeting_timeout": 1])

    let loop = MultiThreadedEventLoopGroup.singleton.next()
    let refusals = RefusalLog(label: "Transport")
    let (stream, continuation) = AsyncStream.makeStream(of: Heard.self)
    let listener = try await Listener.bind(
      host: "127.0.0.1", port: 0, security: .plaintextOnLoopback, group: loop
    ) { [timing] link in
      NodeLink.accept(
        link, as: node(.coordinator, id: 1), accepting: NodeRole.allCases, isPlaintext: true,
        timing: timing, refusals: refusals, owner: Observer(continuation))
    }
    Dialer(security: .plaintextOnLoopback).dial(
      host: "127.0.0.1", port: listener.port, on: LinkLoop(loop), failed: { Issue.record($0) }
    ) { _ in Raw() }
    let end = await stream.first { _ in true }
    #expect(end == .closed(.broke("the peer did not greet within 50 ms")))
    #expect(refusals.counts == ["greeting_timeout": 1])
    await listener.close()
  }

  @Test("what a coordinator says that is no message is counted by whoever dialed it")
  func violations() async throws {
    let garbage = (0..<64).map { UInt8(($0 * 131 + 17) % 256) }
    let (heard, counts) = try await dial { Raw(control: garbage) }
    guard case .closed(.broke)? = heard.first else {
      Issue.record("\(heard)")
      return
    }
    #expect(counts.values.reduce(0, +) == 1, "\(counts)")

    let welcome = try FrameEncoder.encode(
      Welcome(
        version: 1, role: .coordinator, clusterID: cluster, node: 1, name: "c", incarnation: 1,
        features: [], software: "test"))
    let later = try await dial({ Raw(control: welcome, other: garbage) }) { link in
      link.openStream(.call, owner: Leaving(link)).send(StatusQuery())
    }
    #expect(later.heard == [.established(.coordinator, 1), .closed(.orderly)])
    #expect(later.counts == counts)

    let second = try await dial { Raw(control: welcome + welcome) }
    #expect(second.counts == ["malformed_request": 1], "\(second)")
    let other = try FrameEncoder.encode(
      Welcome(
        version: 1, role: .coordinator, clusterID: ClusterID(8), node: 1, name: "c",
        incarnation: 1, features: [], software: "test"))
    let foreign = try await dial { Raw(control: other) }
    #expect(foreign.counts == ["wrong_cluster": 1], "\(foreign)")
    guard case .closed(.refused(_, by: .here))? = foreign.heard.first else {
      Issue.record("\(foreign)")
      return
    }
  }
}
