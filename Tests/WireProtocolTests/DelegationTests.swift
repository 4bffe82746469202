import Crypto
import ExchangeTypes
import Testing
import WireProtocol

@Suite("Delegations as bytes")
struct DelegationTests {
  private let delegation = Delegation(
    cluster: ClusterID(7), parent: KeyID(8), id: DelegationID(high: 9, low: 10), name: "añ",
    scopes: [.submit, .read], perDay: Credits(nano: 11), perMonth: nil, total: Credits(nano: 12),
    models: ["m", "añ"], notBefore: 13, expires: 14,
    secretHash: [UInt8](repeating: 15, count: 32))

  @Test("reads what it wrote, and nothing shorter, longer or of another version")
  func roundTrip() throws {
    let bytes = delegation.bytes
    #expect(try Delegation(bytes: bytes) == delegation)
    for length in 0..<bytes.count {
      #expect(throws: CanonicalError.self) { try Delegation(bytes: Array(bytes[..<length])) }
    }
    #expect(throws: CanonicalError.self) { try Delegation(bytes: bytes + [0]) }
    #expect(throws: CanonicalError.unknownValue(offset: 0, value: 2)) {
      try Delegation(bytes: [2] + bytes.dropFirst())
    }
  }

  @Test("any changed bit of what is signed, of the signature or of the key fails")
  func everyBit() throws {
    let key = Curve25519.Signing.PrivateKey()
    let publicKey = [UInt8](key.publicKey.rawRepresentation)
    let signed = SignedDelegation(
      delegation,
      signature: [UInt8](try key.signature(for: SignedDelegation.signed(delegation))))
    #expect(signed.isSigned(by: publicKey))
    #expect(!signed.isSigned(by: []) && !signed.isSigned(by: [UInt8](repeating: 0, count: 32)))
    for place in delegation.bytes.indices {
      var other = delegation.bytes
      other[place] ^= 1
      guard let read = try? Delegation(bytes: other) else { continue }
      let forged = SignedDelegation(read, signature: signed.signature)
      #expect(!forged.isSigned(by: publicKey) && forged.digest != signed.digest)
    }
    for place in signed.signature.indices {
      var other = signed.signature
      other[place] ^= 1
      #expect(!SignedDelegation(delegation, signature: other).isSigned(by: publicKey))
    }
    let another = Curve25519.Signing.PrivateKey().publicKey
    #expect(!signed.isSigned(by: [UInt8](another.rawRepresentation)))
  }

  @Test("an id is read from its 32 digits only")
  func id() {
    let id = DelegationID(high: 1, low: 0xFFFF)
    #expect(DelegationID(parsing: "\(id)") == id)
    for text in ["", "1", "+" + "\(id)".dropFirst(), "\(id)0", "g" + "\(id)".dropFirst()] {
      #expect(DelegationID(parsing: text) == nil, "\(text)")
    }
  }
}
