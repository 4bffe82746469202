import ExchangeTypes
import Foundation
import Identity
import TemporaryDirectory
import Testing

@Suite("Enrolment")
struct EnrolmentTests {
  private let all = Set(NodeRole.allCases)

  @Test("an issuer certifies every node but coordinators, with the serial of the number")
  func issuer() throws {
    let cluster = try TestCluster()
    let issuer = try CertificateAuthority(issuerOf: cluster.authority, now: TestCluster.now)
    let anchor = try TrustAnchor(pem: issuer.certificatePEM)
    let key = NodeKey()
    for role in NodeRole.allCases where role != .coordinator {
      let pem = try issuer.certify(
        role: role, name: "n", publicKeyDER: key.publicKeyDER, now: TestCluster.now,
        lifetimeSeconds: 60, number: CertificateNumber(300))
      let peer = try anchor.verify(der: derBytes(pem), now: TestCluster.now, allowed: all)
      #expect(peer.identity.role == role)
      #expect(CertificateNumber(serial: peer.serial) == CertificateNumber(300))
      #expect(peer.publicKeyDER == key.publicKeyDER)
      #expect(peer.expiresAt == TestCluster.now + 60)
      // The root alone does not vouch for what the issuer signed.
      #expect(throws: PeerRefusal.untrusted) {
        try TrustAnchor(pem: cluster.authority.certificatePEM).verify(
          der: derBytes(pem), now: TestCluster.now, allowed: all)
      }
    }
    #expect(throws: IdentityError.mayNotCertify(.coordinator)) {
      try issuer.certify(
        role: .coordinator, name: "coordinator-1", publicKeyDER: key.publicKeyDER,
        now: TestCluster.now, lifetimeSeconds: 60)
    }
    // What the root signed is good beside it, and has a serial that is no number's.
    let founding = try anchor.verify(
      der: derBytes(cluster.node(.coordinator, "coordinator-1").certificatePEM),
      now: TestCluster.now, allowed: all)
    #expect(CertificateNumber(serial: founding.serial) == nil)
  }

  @Test("an issuer that another root has certified is none, and an issuer alone is no anchor")
  func foreignIssuer() throws {
    let (ours, theirs) = (try TestCluster(), try TestCluster())
    let foreign = try CertificateAuthority(issuerOf: theirs.authority, now: TestCluster.now)
    let alone = String(foreign.certificatePEM.dropFirst(theirs.authority.certificatePEM.count))
    #expect(throws: IdentityError.self) {
      try TrustAnchor(pem: ours.authority.certificatePEM + "\n" + alone)
    }
    #expect(throws: IdentityError.self) { try TrustAnchor(pem: alone) }
  }

  @Test(
    "who joins by a fingerprint trusts its root alone: an authority that is put beside it is none")
  func besideTheRoot() throws {
    let (ours, theirs) = (try TestCluster(), try TestCluster())
    let anchor = try TrustAnchor(pem: ours.authority.certificatePEM)
    let issuer = try CertificateAuthority(issuerOf: ours.authority, now: TestCluster.now)
    let both = try TrustAnchor(
      pem: ours.authority.certificatePEM + "\n" + theirs.authority.certificatePEM)
    #expect(anchor.rests(on: anchor.fingerprint))
    #expect(try TrustAnchor(pem: issuer.certificatePEM).rests(on: anchor.fingerprint))
    #expect(!both.rests(on: anchor.fingerprint))
    #expect(!(try TrustAnchor(pem: theirs.authority.certificatePEM)).rests(on: anchor.fingerprint))
  }

  @Test("a fingerprint finds its root in a chain, and no other certificate")
  func fingerprint() throws {
    let (ours, theirs) = (try TestCluster(), try TestCluster())
    let anchor = try TrustAnchor(pem: ours.authority.certificatePEM)
    let node = try derBytes(ours.node(.coordinator, "c").certificatePEM)
    let chain = [node] + anchor.roots
    let found = try TrustAnchor(chain: chain, fingerprint: anchor.fingerprint)
    _ = try found.verify(der: node, now: TestCluster.now, allowed: all)
    for wrong in [
      try TrustAnchor(pem: theirs.authority.certificatePEM).fingerprint, [],
      // A node's certificate is no root, whoever knows its fingerprint.
    ] {
      #expect(throws: PeerRefusal.untrusted) {
        try TrustAnchor(chain: chain, fingerprint: wrong)
      }
    }
    #expect(throws: PeerRefusal.untrusted) {
      try TrustAnchor(chain: [node], fingerprint: anchor.fingerprint)
    }
  }

  @Test("a request proves its key, and damaged in any byte proves nothing else")
  func request() throws {
    let key = NodeKey()
    let request = try key.certificateRequest()
    #expect(request.count <= 1_024)
    #expect(try NodeKey.publicKey(ofRequest: request) == key.publicKeyDER)
    for place in request.indices {
      var damaged = request
      damaged[place] ^= 0x01
      // Some bytes of an encoding have no say; none of them lets anybody prove another key.
      let proved = try? NodeKey.publicKey(ofRequest: damaged)
      #expect(proved == nil || proved == key.publicKeyDER, "byte \(place)")
    }
  }

  @Test("an invitation is read only in the form that is written, and does not describe its secret")
  func invitation() throws {
    let key = InvitationKey(
      id: InvitationID(12), secret: Secret([UInt8](repeating: 1, count: 32)),
      fingerprint: [UInt8](repeating: 2, count: 32))
    let read = try #require(InvitationKey(parsing: key.text))
    #expect(read.id == key.id && read.secret == key.secret)
    #expect(read.fingerprint == key.fingerprint)
    #expect(key.description == "syi_12_…")
    for bad in [
      "", "syi_12_", "sy_12_" + key.text.dropFirst(7), key.text + "A", String(key.text.dropLast()),
      key.text.replacing("_12_", with: "_012_"), key.text.replacing("_12_", with: "_0_"),
      key.text.replacing("syi_", with: "SYI_"),
    ] { #expect(InvitationKey(parsing: bad) == nil, "\(bad)") }
  }

  @Test("a node that joins keeps the key of an earlier try, and not beside a certificate")
  func keyForJoining() throws {
    let scratch = try TemporaryDirectory()
    let directory = IdentityDirectory(path: scratch.file("id"))
    let key = try directory.keyForJoining()
    #expect(try directory.keyForJoining().publicKeyDER == key.publicKeyDER)
    let mode = try FileManager.default.attributesOfItem(atPath: scratch.file("id/node.key"))
    #expect(mode[.posixPermissions] as? Int == 0o600)
    let cluster = try TestCluster()
    try directory.save(
      cluster.node(.worker, "w"), authorityPEM: cluster.authority.certificatePEM)
    #expect(throws: IdentityError.present(path: scratch.file("id/node.pem"))) {
      try directory.keyForJoining()
    }
  }

  @Test(
    "an issuer's key is loaded where it is, and refused where it does not fit or others read it")
  func issuerFile() throws {
    let scratch = try TemporaryDirectory()
    let cluster = try TestCluster()
    let issuer = try CertificateAuthority(issuerOf: cluster.authority, now: TestCluster.now)
    let directory = IdentityDirectory(path: scratch.file("id"))
    try directory.save(
      cluster.node(.coordinator, "c"), authorityPEM: issuer.certificatePEM)
    #expect(try directory.loadIssuer() == nil)
    try directory.save(issuer: issuer)
    #expect(try directory.loadIssuer()?.certificatePEM == issuer.certificatePEM)
    let other = try CertificateAuthority(issuerOf: cluster.authority, now: TestCluster.now)
    try directory.save(issuer: other)
    #expect(throws: IdentityError.keyMismatch(path: scratch.file("id/issuer.key"))) {
      try directory.loadIssuer()
    }
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o644], ofItemAtPath: scratch.file("id/issuer.key"))
    #expect(throws: IdentityError.exposed(path: scratch.file("id/issuer.key"), mode: 0o644)) {
      try directory.loadIssuer()
    }
  }

  @Test("a renewed certificate replaces the one before, in one file and in new connections")
  func renewal() throws {
    let scratch = try TemporaryDirectory()
    let cluster = try TestCluster()
    let node = try cluster.node(.worker, "w")
    let directory = IdentityDirectory(path: scratch.file("id"))
    try directory.save(node, authorityPEM: cluster.authority.certificatePEM)
    let later = TestCluster.now + TestCluster.day / 2
    let pem = try cluster.authority.certify(
      role: .worker, name: "w", publicKeyDER: node.key.publicKeyDER, now: later,
      lifetimeSeconds: TestCluster.day)
    let renewed = try NodeIdentity(
      certificatePEM: pem, key: node.key, anchor: node.anchor, now: later)
    #expect(renewed.issuedAt == later && renewed.expiresAt == later + TestCluster.day)
    let identity = RenewableIdentity(node)
    try directory.save(renewed: renewed)
    #expect(identity.renew(renewed))
    #expect(identity.current.certificatePEM == pem)
    #expect(try directory.load(now: later).certificatePEM == pem)
    #expect(!identity.renew(node), "an older one that was read meanwhile")
    #expect(identity.current.certificatePEM == pem)
  }

  @Test("is renewed between two thirds and four fifths of its life, and tried again in time")
  func schedule() {
    let start = TestCluster.now
    for life in [9.0, 600, 30 * TestCluster.day, 3_650 * TestCluster.day] {
      let schedule = RenewalSchedule(issuedAt: start, expiresAt: start + life)
      #expect(schedule.dueAt(jitter: 0) == start + life * 2 / 3)
      let last = schedule.dueAt(jitter: 1)
      #expect(last > schedule.dueAt(jitter: 0.5) && last < start + life * 0.8)
      #expect(schedule.pauseAfterFailure >= 1 && schedule.pauseAfterFailure <= 3_600)
      #expect(schedule.overdueAt > last + schedule.pauseAfterFailure || life < 60)
      #expect(schedule.overdueAt < start + life)
    }
    let month = RenewalSchedule(issuedAt: start, expiresAt: start + 30 * TestCluster.day)
    #expect(month.pauseAfterFailure == 3_600)
  }
}
