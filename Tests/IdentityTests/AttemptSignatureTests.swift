import ExchangeTypes
import Foundation
import Identity
import Testing

@Suite("What a worker signs of an attempt")
struct AttemptSignatureTests {
  @Test("it is good for its own key, statement and cluster, and with every bit as it is")
  func everyBit() throws {
    let cluster = try TestCluster()
    let worker = try cluster.node(.worker, "w")
    let statement = Array("attempt 7/1".utf8)
    let signature = try AttemptSignature.sign(statement, by: worker)
    let key = try publicKey(of: worker, in: cluster)
    func isGood(_ signature: [UInt8], _ statement: [UInt8], _ key: [UInt8]) -> Bool {
      AttemptSignature.isGood(signature, under: statement, by: key, in: cluster.id)
    }
    #expect(isGood(signature, statement, key))
    #expect(!AttemptSignature.isGood(signature, under: statement, by: key, in: ClusterID(1)))
    let other = try publicKey(of: try cluster.node(.worker, "w"), in: cluster)
    #expect(!isGood(signature, statement, other))
    for place in signature.indices {
      var changed = signature
      changed[place] ^= 1 << UInt8(place % 8)
      #expect(!isGood(changed, statement, key), "byte \(place) of the signature")
    }
    for place in key.indices {
      var changed = key
      changed[place] ^= 1
      #expect(!isGood(signature, statement, changed), "byte \(place) of the key")
    }
    for wrong in [[], Array(signature.dropLast()), signature + [0]] {
      #expect(!isGood(wrong, statement, key))
    }
    #expect(!isGood(signature, statement + [0], key) && !isGood(signature, statement, []))
  }

  private func publicKey(of node: NodeIdentity, in cluster: TestCluster) throws -> [UInt8] {
    try TrustAnchor(pem: cluster.authority.certificatePEM).verify(
      der: try derBytes(node.certificatePEM), now: TestCluster.now, allowed: [.worker]
    ).publicKeyDER
  }
}
