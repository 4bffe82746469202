import Consensus
import Crypto
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// Issues certificates that say what they are; a request is its key, in front of it a mark.
final class TestIssuer: CertificateIssuing {
  struct Refused: Error {}
  static let mark: [UInt8] = [0x30]
  let lifetimeMilliseconds: UInt64 = 60_000
  var refuses = false

  func publicKey(ofRequest request: [UInt8]) -> [UInt8]? {
    request.starts(with: Self.mark) ? Array(request.dropFirst()) : nil
  }

  func issue(_ number: CertificateNumber, to node: NodeName, publicKey: [UInt8]) throws -> (
    certificate: String, authorities: String
  ) {
    if refuses { throw Refused() }
    return ("\(number) of \(node) for \(publicKey)", "authorities")
  }
}

@Suite("The leader: enrolment")
struct EnrolmentTests {
  private static let secret = [UInt8](repeating: 5, count: 32)

  private func origin(_ name: String, _ role: NodeRole = .worker, serial: [UInt8]) throws
    -> StreamOrigin
  {
    StreamOrigin(
      address: "10.0.0.9",
      node: CertifiedNode(
        name: try #require(NodeName(role: role, name: name)), serial: serial, publicKey: [1, 2]))
  }

  private func invite(_ bench: LeaderBench, name: String? = "w") throws -> InvitationID {
    let peer = bench.call(
      .invite(
        .init(
          role: .worker, name: name, secretHash: Array(SHA256.hash(data: Self.secret)),
          lifetimeMs: 10_000)))
    return try peer.last(InvitationReport.self).summary.invitation
  }

  private func join(
    _ bench: LeaderBench, _ invitation: InvitationID, key: UInt8 = 1,
    secret: [UInt8] = EnrolmentTests.secret, name: String? = nil
  ) -> Peer {
    let peer = bench.open(.enrol, nil)
    bench.say(
      .join(
        .init(
          invitation: invitation, secret: Secret(secret), name: name,
          request: TestIssuer.mark + [key])),
      on: peer)
    return peer
  }

  @Test("a stranger with an invitation gets a certificate, and again if the answer was lost")
  func joins() throws {
    let bench = try LeaderBench()
    let invitation = try invite(bench)
    let issued = try join(bench, invitation).last(CertificateIssued.self)
    #expect(issued.role == .worker && issued.name == "w" && issued.authorities == "authorities")
    #expect(issued.certificate.hasSuffix("of worker w for [1]"))
    let again = join(bench, invitation)
    #expect(try again.last(CertificateIssued.self) == issued && again.isFinished)
    #expect(bench.repeated == [.join])
    #expect(join(bench, invitation, key: 2).failure == .invitationUsed)
    #expect(bench.refused == [.invitationUsed])
  }

  @Test("the invitation is used up before the certificate leaves, whatever then becomes of it")
  func order() throws {
    let bench = try LeaderBench()
    let invitation = try invite(bench)
    bench.holdsWrites = true
    let peer = join(bench, invitation)
    #expect(peer.sent.isEmpty, "nothing leaves before it is durable")
    bench.holdsWrites = false
    bench.settle()
    #expect(try peer.last(CertificateIssued.self).name == "w")

    let other = try LeaderBench()
    let second = try invite(other)
    other.issuer.refuses = true
    #expect(join(other, second).failure == .internalError)
    other.issuer.refuses = false
    #expect(join(other, second, key: 2).failure == .invitationUsed)
    #expect(try join(other, second).last(CertificateIssued.self).name == "w")
  }

  @Test("a guess reaches neither the log nor a certificate, and each refusal is counted")
  func guesses() throws {
    let bench = try LeaderBench()
    let invitation = try invite(bench)
    let before = bench.replica.lastIndex
    let wrong = [UInt8](repeating: 6, count: 32)
    #expect(join(bench, invitation, secret: wrong, name: "w").failure == .invitationInvalid)
    #expect(join(bench, InvitationID(999), name: "w").failure == .invitationInvalid)
    let unsigned = bench.open(.enrol, nil)
    bench.say(
      .join(.init(invitation: invitation, secret: Secret(Self.secret), name: "w", request: [1])),
      on: unsigned)
    #expect(unsigned.failure == .malformedRequest)
    #expect(bench.replica.lastIndex == before)
    #expect(join(bench, invitation, name: "v").failure == .wrongName)
    bench.advance(10_000)
    #expect(join(bench, invitation, name: "w").failure == .invitationInvalid)
    #expect(
      bench.refused == [
        .invitationInvalid, .invitationInvalid, .malformedRequest, .wrongName,
        .invitationInvalid,
      ])
  }

  @Test("a node renews for itself alone, until it is revoked; nobody renews a coordinator")
  func renews() throws {
    let bench = try LeaderBench()
    func renew(_ origin: StreamOrigin) -> Peer {
      let peer = bench.open(.enrol, nil, from: origin)
      bench.say(.certificateRenew(.init()), on: peer)
      return peer
    }
    let founding = [UInt8](repeating: 9, count: 20)
    let issued = try renew(try origin("w", serial: founding)).last(CertificateIssued.self)
    #expect(issued.certificate.hasSuffix("of worker w for [1, 2]"))
    // The fourth within a tenth of its life is made out again and again, and nothing is logged; after that it gets others.
    var given = [issued.certificate]
    func renewed() throws -> String {
      try renew(try origin("w", serial: founding)).last(CertificateIssued.self).certificate
    }
    for _ in 2...4 { given.append(try renewed()) }
    #expect(Set(given).count == 4)
    let last = bench.replica.lastIndex
    for _ in 0..<3 { #expect(try renewed() == given[3]) }
    #expect(bench.replica.lastIndex == last)
    bench.advance(6_000)
    #expect(try !given.contains(renewed()))
    #expect(renew(StreamOrigin()).failure == .unauthenticated)
    #expect(renew(try origin("c", .coordinator, serial: founding)).failure == .wrongRole)
    bench.call(.certificateRevoke(.init(role: .worker, name: "w", serial: [])))
    #expect(renew(try origin("w", serial: founding)).failure == .certificateRevoked)
    #expect(bench.refused == [.unauthenticated, .wrongRole, .certificateRevoked])
  }

  @Test("a revocation is told to the shell at once, and the listing has it")
  func revokes() throws {
    let bench = try LeaderBench()
    let invitation = try invite(bench)
    _ = join(bench, invitation)
    let number = try #require(bench.replica.exchange.certificates(limit: 1).first).number
    let node = try #require(NodeName(role: .worker, name: "w"))
    #expect(!bench.dispatcher.isRevoked(node, serial: number.serial))
    let listing = try bench.call(
      .certificateRevoke(.init(role: nil, name: "", serial: number.serial))
    ).last(NodeListing.self)
    #expect(bench.revocations == 1)
    #expect(bench.dispatcher.isRevoked(node, serial: number.serial))
    #expect(listing.revocations.map(\.serial) == [number.serial])
    #expect(listing.certificates.map(\.revoked) == [true])
    #expect(listing.invitations.map(\.certificate) == [number])
    for subject in [
      CertificateRevoke(role: .worker, name: "w", serial: [1]),
      CertificateRevoke(role: nil, name: "w", serial: []),
      CertificateRevoke(role: .worker, name: "a b", serial: []),
      CertificateRevoke(role: nil, name: "", serial: []),
    ] { #expect(bench.call(.certificateRevoke(subject)).failure == .malformedRequest) }
    let poor = try bench.poorCredential()
    #expect(bench.call(.nodeList(.init()), poor).failure == .forbidden)
    #expect(try bench.call(.nodeList(.init())).last(NodeListing.self) == listing)
  }

  @Test("a worker registers under the name of its certificate, and under no other")
  func names() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, "w1")
    func register(_ origin: StreamOrigin) -> Peer {
      let peer = bench.open(.worker, from: origin)
      bench.say(.workerRegister(worker.announcement(slots: 1, price: 1)), on: peer)
      return peer
    }
    let other = register(try origin("w2", serial: [1]))
    #expect(other.failure == .wrongName && other.isFinished)
    #expect(bench.refused == [.wrongName])
    let own = register(try origin("w1", serial: [1]))
    #expect(try own.last(WorkerRegistered.self).worker == worker.id)
  }

  @Test("a worker's slots are parked and resumed by the worker of its certificate, and by no other")
  func slots() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, "w1")
    func say(_ message: Message, as name: String) throws -> Peer {
      let peer = bench.open(.slot, from: try origin(name, serial: [1]))
      bench.say(message, on: peer)
      return peer
    }
    let park = Message.park(.init(worker: worker.id, slot: 1, incarnation: 1))
    let resume = Message.attemptResume(
      .init(
        worker: worker.id, job: JobID(99), epoch: Epoch(1), incarnation: 1, firstSeq: 1, lastSeq: 0,
        finished: false))
    for message in [park, resume] {
      let other = try say(message, as: "w2")
      #expect(other.failure == .wrongName && other.isFinished)
    }
    #expect(bench.refused == [.wrongName, .wrongName])
    #expect(!(try say(park, as: "w1")).isFinished)
    #expect(try say(resume, as: "w1").last(AttemptAbandon.self).job == JobID(99))
  }
}
