import ExchangeTypes
import Foundation
import Identity
import Testing

@Suite("Signed statements")
struct SignedStatementTests {
  private let statement = Array("job 7 cost 3".utf8)

  private func signed(
    _ cluster: TestCluster, by role: NodeRole = .coordinator, after seconds: Double = 60
  ) throws -> SignedStatement {
    try SignedStatement(
      signing: statement, by: try cluster.node(role, "n1"),
      now: TestCluster.now.addingTimeInterval(seconds))
  }

  private func anchor(_ cluster: TestCluster) throws -> TrustAnchor {
    try TrustAnchor(pem: cluster.authority.certificatePEM)
  }

  @Test("what a coordinator signed is good for whoever has the root, also from its text")
  func good() throws {
    let cluster = try TestCluster()
    let signed = try signed(cluster)
    let signer = try signed.verify(try anchor(cluster), allowed: [.coordinator])
    #expect(signer.role == .coordinator && signer.name == "n1" && signer.cluster == cluster.id)
    let read = try SignedStatement(text: signed.text + "\n")
    #expect(read == signed && read.statement == statement)
  }

  @Test("of another cluster, another role, or by a certificate that had ended it is not")
  func others() throws {
    let cluster = try TestCluster()
    let signed = try signed(cluster)
    #expect(throws: SignedStatement.Fault.self) {
      try signed.verify(try anchor(try TestCluster()), allowed: [.coordinator])
    }
    let worker = try self.signed(cluster, by: .worker)
    #expect(throws: SignedStatement.Fault.self) {
      try worker.verify(try anchor(cluster), allowed: [.coordinator])
    }
    let late = try self.signed(cluster, after: 2 * TestCluster.day)
    #expect(throws: SignedStatement.Fault.self) {
      try late.verify(try anchor(cluster), allowed: [.coordinator])
    }
    let node = try cluster.node(.coordinator, "n2")
    let exchanged = SignedStatement(
      statement: signed.statement, signedAt: signed.signedAt,
      certificate: try derBytes(node.certificatePEM), signature: signed.signature)
    #expect(throws: SignedStatement.Fault.signature) {
      try exchanged.verify(try anchor(cluster), allowed: [.coordinator])
    }
  }

  @Test("any changed byte of its text fails, whatever it is changed to by one bit")
  func everyByte() throws {
    let cluster = try TestCluster()
    let anchor = try anchor(cluster)
    let text = Array(try signed(cluster).text.utf8)
    func isGood(_ bytes: [UInt8]) -> Bool {
      guard let changed = String(validating: bytes, as: UTF8.self),
        let read = try? SignedStatement(text: changed)
      else { return false }
      return (try? read.verify(anchor, allowed: [.coordinator])) != nil
    }
    #expect(isGood(text))
    for place in text.indices {
      for bit in 0..<8 {
        var changed = text
        changed[place] ^= 1 << UInt8(bit)
        #expect(!isGood(changed), "byte \(place), bit \(bit)")
      }
      #expect(!isGood(Array(text[..<place])), "cut at \(place)")
    }
    for end in ["=", "\n\n", " ", "A"] { #expect(!isGood(text + Array(end.utf8)), "\(end)") }
  }

  @Test("of the two signatures that ECDSA has for one statement only the lower counts")
  func otherSignature() throws {
    let cluster = try TestCluster()
    let signed = try signed(cluster)
    // n - s, n being the order of P-256.
    let order = stride(from: 0, to: 64, by: 2).map { place in
      UInt8(
        Array("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551")[place..<place + 2]
          .reduce(0) { $0 << 4 | UInt8($1.hexDigitValue ?? 0) })
    }
    var other = signed.signature
    var borrow = 0
    for place in (0..<32).reversed() {
      let difference = Int(order[place]) - Int(signed.signature[32 + place]) - borrow
      other[32 + place] = UInt8(truncatingIfNeeded: difference)
      borrow = difference < 0 ? 1 : 0
    }
    let changed = SignedStatement(
      statement: signed.statement, signedAt: signed.signedAt, certificate: signed.certificate,
      signature: other)
    #expect(throws: SignedStatement.Fault.signature) {
      try changed.verify(try anchor(cluster), allowed: [.coordinator])
    }
  }

  @Test("any changed byte of any part fails")
  func everyPart() throws {
    let cluster = try TestCluster()
    let anchor = try anchor(cluster)
    let signed = try signed(cluster)
    func isGood(
      _ statement: [UInt8]? = nil, _ at: UInt64? = nil, _ certificate: [UInt8]? = nil,
      _ signature: [UInt8]? = nil
    ) -> Bool {
      let changed = SignedStatement(
        statement: statement ?? signed.statement, signedAt: at ?? signed.signedAt,
        certificate: certificate ?? signed.certificate, signature: signature ?? signed.signature)
      return (try? changed.verify(anchor, allowed: [.coordinator])) != nil
    }
    func changes(_ bytes: [UInt8]) -> [[UInt8]] {
      bytes.indices.map { place in
        var changed = bytes
        changed[place] ^= 1 << UInt8(place % 8)
        return changed
      }
    }
    #expect(isGood())
    for changed in changes(signed.statement) { #expect(!isGood(changed)) }
    for changed in changes(signed.certificate) { #expect(!isGood(nil, nil, changed)) }
    for changed in changes(signed.signature) { #expect(!isGood(nil, nil, nil, changed)) }
    #expect(!isGood(nil, signed.signedAt + 1))
  }
}
