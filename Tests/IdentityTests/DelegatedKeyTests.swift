import ExchangeTypes
import Foundation
import Identity
import TemporaryDirectory
import Testing
import WireProtocol

@Suite("Delegated keys")
struct DelegatedKeyTests {
  private func signed(by signer: DelegationKey) throws -> DelegatedKey {
    let secret = APIKey.generateSecret()
    return try signer.sign(
      Delegation(
        cluster: signer.cluster, parent: signer.parent, id: DelegationID(high: 1, low: 2),
        name: "agent", scopes: .submit, perDay: nil, perMonth: nil, total: Credits(nano: 3),
        models: ["m"], notBefore: 4, expires: 5, secretHash: APIKey.hash(secret)), secret: secret)
  }

  @Test("what an agent sends has one text, and is worth nothing with any changed letter")
  func text() throws {
    let signer = DelegationKey.generate(cluster: ClusterID(7), parent: KeyID(8))
    let key = try signed(by: signer)
    let publicKey = try signer.publicKey()
    let read = try #require(DelegatedKey(parsing: key.text))
    #expect(read.signed == key.signed && read.secret == key.secret)
    #expect(read.signed.isSigned(by: publicKey))
    #expect(APIKey(parsing: key.text) == nil)
    #expect(!"\(key)".contains(String(key.text.suffix(20))))
    let text = Array(key.text.utf8)
    for place in text.indices {
      var other = text
      other[place] = other[place] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      guard let changed = DelegatedKey(parsing: String(decoding: other, as: UTF8.self)) else {
        continue
      }
      #expect(!changed.signed.isSigned(by: publicKey), "letter \(place)")
    }
    for wrong in [key.text + "A", key.text + "=", String(key.text.dropLast()), "sy_d_", "sy_d"] {
      #expect(DelegatedKey(parsing: wrong) == nil)
    }
  }

  @Test("the file that signs is its owner's alone, and never written over")
  func file() throws {
    let scratch = try TemporaryDirectory()
    let path = scratch.file("agents.key")
    let signer = DelegationKey.generate(cluster: ClusterID(7), parent: KeyID(8))
    try signer.store(at: path)
    let loaded = try DelegationKey.load(from: path)
    #expect(loaded.cluster == ClusterID(7) && loaded.parent == KeyID(8))
    #expect(try loaded.publicKey() == signer.publicKey())
    #expect(throws: IdentityError.self) { try loaded.store(at: path) }
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(throws: IdentityError.exposed(path: path, mode: 0o640)) {
      try DelegationKey.load(from: path)
    }
    try Data("syg_AAAA\n".utf8).write(to: URL(fileURLWithPath: path))
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: path)
    #expect(throws: IdentityError.self) { try DelegationKey.load(from: path) }
  }
}
