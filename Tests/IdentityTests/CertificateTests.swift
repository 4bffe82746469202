import ExchangeTypes
import Foundation
import Identity
import Testing

@Suite("A certificate")
struct CertificateTests {
  let all = Set(NodeRole.allCases)

  @Test("names its node, in its cluster and role", arguments: NodeRole.allCases)
  func roundTrip(role: NodeRole) throws {
    let cluster = try TestCluster()
    let node = try cluster.node(role, "n-1.a_b")
    #expect(node.identity == PeerIdentity(cluster: cluster.id, role: role, name: "n-1.a_b"))
    let peer = try node.anchor.verify(
      der: derBytes(node.certificatePEM), now: TestCluster.now, allowed: [role])
    #expect(peer.identity == node.identity)
    #expect(node.expiresAt == TestCluster.now + TestCluster.day)
  }

  @Test("of a role that is not allowed is refused, with both named")
  func wrongRole() throws {
    let node = try TestCluster().node(.worker, "w")
    let refusal = PeerRefusal.wrongRole(found: .worker, allowed: [.coordinator, .gateway])
    #expect(throws: refusal) {
      try node.anchor.verify(
        der: derBytes(node.certificatePEM), now: TestCluster.now,
        allowed: [.coordinator, .gateway])
    }
    #expect(
      refusal.description
        == "the certificate is a worker's, and only that of coordinator, gateway is taken here")
  }

  @Test("is valid from its clock skew before to its end, and refused outside, with the time")
  func validity() throws {
    let node = try TestCluster().node(.worker, "w")
    let der = try derBytes(node.certificatePEM)
    let end = TestCluster.now + TestCluster.day
    let start = TestCluster.now - CertificateAuthority.clockSkewSeconds
    for time in [start, end] {
      _ = try node.anchor.verify(der: der, now: time, allowed: all)
    }
    #expect(throws: PeerRefusal.expired(at: end)) {
      try node.anchor.verify(der: der, now: end + 1, allowed: all)
    }
    #expect(throws: PeerRefusal.self) {
      try node.anchor.verify(der: der, now: start - 1, allowed: all)
    }
  }

  @Test("of another authority is refused, though it names the same cluster")
  func wrongAuthority() throws {
    let (ours, theirs) = (try TestCluster(), try TestCluster())
    let node = try theirs.node(.coordinator, "c")
    #expect(throws: PeerRefusal.untrusted) {
      try TrustAnchor(pem: ours.authority.certificatePEM).verify(
        der: derBytes(node.certificatePEM), now: TestCluster.now, allowed: all)
    }
  }

  @Test("of another cluster is refused, with both named")
  func wrongCluster() throws {
    let ours = try TestCluster()
    let other = ClusterID(7)
    let authority = try CertificateAuthority(cluster: other, now: TestCluster.now)
    let node = try NodeIdentity(
      authority: authority, role: .worker, name: "w", now: TestCluster.now, lifetimeSeconds: 60)
    #expect(throws: PeerRefusal.wrongCluster(expected: ours.id, found: other)) {
      try TrustAnchor(pem: ours.authority.certificatePEM).verify(
        der: derBytes(node.certificatePEM), now: TestCluster.now, allowed: all)
    }
  }

  @Test("of the authority itself is no node's")
  func authorityIsNoNode() throws {
    let cluster = try TestCluster()
    let pem = cluster.authority.certificatePEM
    #expect(throws: PeerRefusal.noIdentity) {
      try TrustAnchor(pem: pem).verify(der: derBytes(pem), now: TestCluster.now, allowed: all)
    }
  }

  @Test("damaged in any byte is refused")
  func damage() throws {
    let node = try TestCluster().node(.worker, "w")
    let der = try derBytes(node.certificatePEM)
    for place in der.indices {
      var damaged = der
      damaged[place] ^= 0x01
      #expect(throws: PeerRefusal.self, "byte \(place)") {
        try node.anchor.verify(der: damaged, now: TestCluster.now, allowed: all)
      }
    }
  }

  @Test("is made for a key that stays where it is, and only for a name that is one")
  func certifyForKey() throws {
    let cluster = try TestCluster()
    let key = NodeKey()
    let pem = try cluster.authority.certify(
      role: .worker, name: "w", publicKeyDER: key.publicKeyDER, now: TestCluster.now,
      lifetimeSeconds: 60)
    let anchor = try TrustAnchor(pem: cluster.authority.certificatePEM)
    let node = try NodeIdentity(
      certificatePEM: pem, key: key, anchor: anchor, now: TestCluster.now)
    #expect(node.identity.name == "w")
    #expect(throws: IdentityError.keyMismatch(path: "")) {
      try NodeIdentity(certificatePEM: pem, key: NodeKey(), anchor: anchor, now: TestCluster.now)
    }
    for name in ["", "a/b", "a b", "ü", String(repeating: "x", count: 65)] {
      #expect(throws: IdentityError.notAName(name)) {
        try cluster.authority.certify(
          role: .worker, name: name, publicKeyDER: key.publicKeyDER, now: TestCluster.now,
          lifetimeSeconds: 60)
      }
    }
  }

  @Test("an anchor of an old and a new authority of one cluster takes nodes of both")
  func rotation() throws {
    let (old, new) = (try TestCluster(), try TestCluster())
    let anchor = try TrustAnchor(
      pem: old.authority.certificatePEM + "\n" + new.authority.certificatePEM)
    for node in [try old.node(.worker, "w"), try new.node(.worker, "w")] {
      _ = try anchor.verify(
        der: derBytes(node.certificatePEM), now: TestCluster.now, allowed: all)
    }
  }

  @Test("a URI is read only in the one form that is written")
  func uris() throws {
    let cluster = "0102030405060708090a0b0c0d0e0f10"
    let good = "switchyard://\(cluster)/worker/w1"
    #expect(PeerIdentity(uri: good)?.uri == good)
    for bad in [
      "switchyard://\(cluster)/worker/", "switchyard://\(cluster)/boss/w1",
      "http://\(cluster)/worker/w1",
      "switchyard://\(cluster.uppercased())/worker/w1", "switchyard://\(cluster)/worker/w1/x",
      "switchyard://\(cluster.dropLast())/worker/w1", "switchyard:///worker/w1", "",
    ] { #expect(PeerIdentity(uri: bad) == nil, "\(bad)") }
  }
}
