import ExchangeTypes
import Foundation
import Identity

/// A cluster with an authority, at a fixed time.
struct TestCluster {
  static let now = Date(timeIntervalSince1970: 1_800_000_000)
  static let day: Double = 86_400
  let id = ClusterID(0x0102_0304_0506_0708_090a_0b0c_0d0e_0f10)
  let authority: CertificateAuthority

  init() throws { authority = try CertificateAuthority(cluster: id, now: Self.now) }

  func node(_ role: NodeRole, _ name: String) throws -> NodeIdentity {
    try NodeIdentity(
      authority: authority, role: role, name: name, now: Self.now, lifetimeSeconds: Self.day)
  }
}

/// A generator that counts, so that what is drawn is known.
struct CountingGenerator: RandomNumberGenerator {
  var value: UInt64 = 0
  mutating func next() -> UInt64 {
    value += 1
    return value
  }
}

/// The DER bytes inside one PEM block.
func derBytes(_ pem: String) throws -> [UInt8] {
  let body = pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }.joined()
  guard let data = Data(base64Encoded: body) else { throw CocoaError(.coderInvalidValue) }
  return Array(data)
}
