import ExchangeCore
import ExchangeTypes
import Testing

func invite(
  _ secret: UInt8 = 7, caller: KeyID = World.root, role: NodeRole = .worker, name: String? = "w1",
  lifetime: UInt64 = 1_000
) -> Command {
  .invite(
    .init(
      caller: caller, role: role, name: name, secretHash: hash(secret),
      lifetimeMilliseconds: lifetime))
}

func join(
  _ invitation: InvitationID, secret: UInt8 = 7, name: String? = nil, key: UInt8 = 1,
  lifetime: UInt64 = 10_000
) -> Command {
  .join(
    .init(
      invitation: invitation, secretHash: hash(secret), name: name, publicKeyHash: hash(key),
      lifetimeMilliseconds: lifetime))
}

func renew(_ node: NodeName, _ serial: [UInt8], lifetime: UInt64 = 10_000) -> Command {
  .renewCertificate(
    .init(
      node: node, serial: serial, publicKeyHash: hash(1), lifetimeMilliseconds: lifetime))
}

func revoke(
  _ subject: Command.RevokeCertificate.Subject, caller: KeyID = World.root
) -> Command { .revokeCertificate(.init(caller: caller, subject: subject)) }

func node(_ name: String, _ role: NodeRole = .worker) -> NodeName {
  guard let node = NodeName(role: role, name: name) else { fatalError("not a name: \(name)") }
  return node
}

@Suite("Enrolment")
struct EnrolmentTranscripts {
  /// A world in the state version that knows enrolment; rows are numbered from 8 on.
  private func world(limits: Limits = Limits()) -> World {
    var world = World(limits: limits)
    world.run(.raiseStateVersion(.init(to: 3)))
    return world
  }

  @Test("no command of enrolment does anything before state version 3")
  func gate() {
    var world = World()
    let founding = [UInt8](repeating: 9, count: 20)
    world.expect(
      """
      invite: ✗ wrong_state (state_version 1, needed 3)
      join: ✗ wrong_state (state_version 1, needed 3)
      renew: ✗ wrong_state (state_version 1, needed 3)
      revoke: ✗ wrong_state (state_version 1, needed 3)
      """,
      of: [
        ("invite", invite()), ("join", join(InvitationID(1))),
        ("renew", renew(node("w1"), founding)), ("revoke", revoke(.node(node("w1")))),
      ])
  }

  @Test("invite: each refusal in its order, then the invitation, once")
  func invites() {
    var limits = Limits()
    limits.invitationsMax = 2
    limits.invitationLifetimeMax = 5_000
    var world = world(limits: limits)
    world.expect(
      """
      unknown key: ✗ unauthenticated
      alice: ✗ forbidden (scope 4)
      a coordinator: ✗ malformed_request (field role)
      a name that is none: ✗ malformed_request (field name)
      of any name: ✗ malformed_request (field name)
      no time: ✗ malformed_request (field lifetime, limit 5000)
      too long: ✗ malformed_request (field lifetime, limit 5000)
      root: invitation 8
      again: invitation 8 again
      the same secret for another name: ✗ idempotency_conflict
      another: invitation 9
      one too many: ✗ no_capacity (limit 2)
      """,
      of: [
        ("unknown key", invite(caller: KeyID(99), role: .coordinator)),
        ("alice", invite(caller: World.alice, role: .coordinator)),
        ("a coordinator", invite(role: .coordinator, name: "a b")),
        ("a name that is none", invite(name: "a b", lifetime: 0)),
        ("of any name", invite(name: nil, lifetime: 0)),
        ("no time", invite(lifetime: 0)), ("too long", invite(lifetime: 5_001)),
        ("root", invite()), ("again", invite()),
        ("the same secret for another name", invite(name: "w2")),
        ("another", invite(8, role: .gateway, name: "g1")), ("one too many", invite(9)),
      ])
  }

  @Test("join: each refusal in its order; the first key has it, and only that one again")
  func joins() {
    var world = world()
    world.run(invite())
    world.run(invite(9, name: "w3"))
    let (bound, late) = (InvitationID(8), InvitationID(9))
    world.expect(
      """
      unknown: ✗ invitation_invalid (reason unknown)
      wrong secret: ✗ invitation_invalid (reason unknown)
      another name: ✗ wrong_name (name w1)
      joins: certificate 10 of worker w1
      the answer was lost: certificate 10 of worker w1 again
      another key: ✗ invitation_used (node worker w1)
      """,
      of: [
        ("unknown", join(InvitationID(99))), ("wrong secret", join(bound, secret: 8)),
        ("another name", join(bound, name: "w2")), ("joins", join(bound, name: "w1")),
        ("the answer was lost", join(bound)), ("another key", join(bound, key: 2)),
      ])
    world.time = 1_000
    world.expect(
      """
      expired: ✗ invitation_invalid (reason expired)
      expired for its node too: ✗ invitation_invalid (reason expired)
      """,
      of: [
        ("expired", join(late, secret: 9, name: "w3")), ("expired for its node too", join(bound)),
      ])
    // A day later nobody remembers them, and the certificates have ended.
    world.time += Limits().requestRetention
    world.expect(
      """
      a day later: expired 10
      forgotten: ✗ invitation_invalid (reason unknown)
      """,
      of: [("a day later", .pulse), ("forgotten", join(bound))])
    #expect(world.exchange.certificates(limit: 9).isEmpty)
    #expect(world.exchange.invitations(limit: 9).isEmpty)
  }

  @Test("two nodes with one invitation in one entry: the first has it")
  func race() {
    var world = world()
    world.run(invite())
    let bound = InvitationID(8)
    let applied = world.replica.apply([join(bound, key: 1), join(bound, key: 2)], at: 0)
    #expect(
      applied.outcomes.map(describe) == [
        "certificate 9 of worker w1", "✗ invitation_used (node worker w1)",
      ])
  }

  @Test("renew: refused once revoked; of a node's certificates only the newest are listed")
  func renews() {
    var limits = Limits()
    limits.certificatesPerNodeMax = 2
    var world = world(limits: limits)
    world.run(invite())
    world.run(join(InvitationID(8)))
    let first = CertificateNumber(9).serial
    world.expect(
      """
      renews: certificate 10 of worker w1
      again: certificate 11 of worker w1
      one from yard init: certificate 12 of worker w9
      revoked: revocation 13 [certificates revoked]
      too late: ✗ certificate_revoked (node worker w1)
      by the newest: ✗ certificate_revoked (node worker w1)
      another node: certificate 14 of worker w9
      """,
      of: [
        ("renews", renew(node("w1"), first)), ("again", renew(node("w1"), first)),
        ("one from yard init", renew(node("w9"), [UInt8](repeating: 9, count: 20))),
        ("revoked", revoke(.node(node("w1")))), ("too late", renew(node("w1"), first)),
        ("by the newest", renew(node("w1"), CertificateNumber(11).serial)),
        ("another node", renew(node("w9"), CertificateNumber(12).serial)),
      ])
    #expect(
      world.exchange.certificates(limit: 9).map(\.number.rawValue) == [10, 11, 12, 14])
  }

  @Test("revoke: each refusal in its order; a node that joins again is free until revoked again")
  func revokes() {
    var limits = Limits()
    limits.revocationsMax = 2
    var world = world(limits: limits)
    let founding = [UInt8](repeating: 9, count: 20)
    world.run(invite(name: "w2"))
    world.run(join(InvitationID(8)))
    world.run(renew(node("w2"), CertificateNumber(9).serial))
    let (former, newest) = (CertificateNumber(9).serial, CertificateNumber(10).serial)
    world.expect(
      """
      unknown key: ✗ unauthenticated
      alice: ✗ forbidden (scope 4)
      no serial: ✗ malformed_request (field serial)
      a serial in another form: ✗ malformed_request (field serial)
      one that was renewed: ✗ revoke_by_name (reason renewed, node worker w2)
      one that yard init made: ✗ revoke_by_name (reason unknown)
      one that nobody has: ✗ revoke_by_name (reason unknown)
      by serial: revocation 11 [certificates revoked]
      again: revocation 11 [certificates revoked]
      by name: revocation 12 [certificates revoked]
      one too many: ✗ no_capacity (limit 2)
      """,
      of: [
        ("unknown key", revoke(.serial([]), caller: KeyID(99))),
        ("alice", revoke(.serial([]), caller: World.alice)),
        ("no serial", revoke(.serial([]))), ("a serial in another form", revoke(.serial([0, 1]))),
        ("one that was renewed", revoke(.serial(former))),
        ("one that yard init made", revoke(.serial(founding))),
        ("one that nobody has", revoke(.serial(CertificateNumber(99).serial))),
        ("by serial", revoke(.serial(newest))), ("again", revoke(.serial(newest))),
        ("by name", revoke(.node(node("w1")))), ("one too many", revoke(.node(node("w2")))),
      ])
    #expect(world.exchange.isRevoked(node("w1"), serial: [7, 7]))
    #expect(world.exchange.isRevoked(node("w2"), serial: newest))
    #expect(world.exchange.revokedNodes(of: .worker) == [node("w1")])
    #expect(world.exchange.revokedNodes(of: .gateway) == [])
    #expect(!world.exchange.isRevoked(node("w2"), serial: [7, 7]))
    #expect(!world.exchange.isRevoked(node("w1", .gateway), serial: [7, 7]))

    world.run(invite(8))
    world.run(join(InvitationID(13), secret: 8))
    let second = CertificateNumber(14).serial
    #expect(!world.exchange.isRevoked(node("w1"), serial: second))
    world.run(revoke(.node(node("w1"))))
    #expect(world.exchange.isRevoked(node("w1"), serial: second))
  }

  @Test(
    "what is revoked by its serial is forgotten when no certificate of that serial can be good, a node never"
  )
  func forgotten() throws {
    var limits = Limits()
    limits.revocationsMax = 2
    var world = world(limits: limits)
    world.run(invite())
    world.run(join(InvitationID(8), lifetime: 10_000))
    let serial = CertificateNumber(9).serial
    world.run(revoke(.serial(serial)))
    world.run(revoke(.node(node("w2"))))
    world.time = 10_000 + limits.invitationLifetimeMax + limits.requestRetention - 1
    world.run(.pulse)
    #expect(world.exchange.isRevoked(node("w1"), serial: serial))
    #expect(try world.replica.restored().isRevoked(node("w1"), serial: serial))
    world.time += 1
    world.expect(
      """
      when it has ended: expired 1
      the node still: ✗ certificate_revoked (node worker w2)
      there is room again: revocation 12 [certificates revoked]
      """,
      of: [
        ("when it has ended", .pulse), ("the node still", renew(node("w2"), [7])),
        ("there is room again", revoke(.node(node("w3")))),
      ])
    #expect(!world.exchange.isRevoked(node("w1"), serial: serial))
    #expect(world.exchange.nextDeadline == nil)
    #expect(try world.replica.restored().digest == world.exchange.digest)
  }

  @Test("a number's serial is nine bytes, and no other serial is a number's")
  func serials() {
    for number in [0, 1, 255, 256, UInt64.max] {
      let number = CertificateNumber(number)
      #expect(number.serial.count == 9)
      #expect(CertificateNumber(serial: number.serial) == number)
    }
    let serial = CertificateNumber(5).serial
    for other in [[], Array(serial.dropFirst()), serial + [0], [2] + serial.dropFirst()] {
      #expect(CertificateNumber(serial: other) == nil)
    }
  }
}
