internal import Crypto
internal import Glibc
public import ExchangeTypes
public import WireProtocol

/// What signs an API key's delegations: an Ed25519 key, with the cluster and the key that it is bound to.
///
/// It rests with its holder, in a file of mode 0600 with one line: `syg_` and, in base64url, version `u8` = 1 ‖ cluster
/// `u128` ‖ API key `u64` ‖ the private key, 32 bytes. The cluster has the public half only.
public struct DelegationKey: Sendable, Redacted {
  private static let prefix = "syg_"
  private static let version: UInt8 = 1

  /// The cluster.
  public let cluster: ClusterID
  /// The API key whose delegations it signs.
  public let parent: KeyID
  private let seed: Secret

  private init(cluster: ClusterID, parent: KeyID, seed: Secret) {
    self.cluster = cluster
    self.parent = parent
    self.seed = seed
  }

  /// Draws one: any 32 bytes are a private key (RFC 8032, section 5.1.5).
  public static func generate(
    cluster: ClusterID, parent: KeyID, using generator: inout some RandomNumberGenerator
  ) -> DelegationKey {
    DelegationKey(
      cluster: cluster, parent: parent, seed: Secret(randomBytes(32, using: &generator)))
  }

  /// Draws one from the system's generator.
  public static func generate(cluster: ClusterID, parent: KeyID) -> DelegationKey {
    var generator = SystemRandomNumberGenerator()
    return generate(cluster: cluster, parent: parent, using: &generator)
  }

  /// What the cluster is given: 32 bytes.
  ///
  /// - Throws: if the private key is none.
  public func publicKey() throws -> [UInt8] {
    [UInt8](
      try Curve25519.Signing.PrivateKey(rawRepresentation: seed.bytes).publicKey.rawRepresentation)
  }

  /// Signs a delegation, and answers it with its secret as the agent sends it.
  ///
  /// - Throws: if the private key is none.
  /// - Precondition: the delegation holds the secret's hash.
  public func sign(_ delegation: Delegation, secret: Secret) throws -> DelegatedKey {
    let key = try Curve25519.Signing.PrivateKey(rawRepresentation: seed.bytes)
    let signature = try key.signature(for: SignedDelegation.signed(delegation))
    return DelegatedKey(
      SignedDelegation(delegation, signature: [UInt8](signature)), secret: secret)
  }

  /// Reads one from its file.
  public static func load(from path: String) throws(IdentityError) -> DelegationKey {
    let text = String(decoding: try SecretFile.read(path, isSecret: true), as: UTF8.self)
    let line = text.hasSuffix("\n") ? String(text.dropLast()) : text
    guard line.hasPrefix(prefix),
      let bytes = Base64URL.decode(Array(line.utf8.dropFirst(prefix.utf8.count)))
    else { throw .malformed(path: path, what: "a key that signs delegations") }
    var reader = CanonicalReader(bytes)
    do {
      guard try reader.read(UInt8.self) == version else {
        throw CanonicalError.unknownValue(offset: 0, value: 0)
      }
      let key = DelegationKey(
        cluster: ClusterID(try reader.read()), parent: KeyID(try reader.read(UInt64.self)),
        seed: Secret(try reader.readRaw(count: 32)))
      try reader.finish()
      return key
    } catch {
      throw .malformed(path: path, what: "a key that signs delegations")
    }
  }

  /// Writes it to a new file of mode 0600, and never over another.
  public func store(at path: String) throws(IdentityError) {
    guard access(path, F_OK) != 0 else {
      throw .io(path: path, operation: "create", errno: EEXIST)
    }
    var writer = CanonicalWriter(capacity: 64)
    writer.write(Self.version)
    writer.write(cluster.rawValue)
    writer.write(parent.rawValue)
    writer.writeRaw(seed.bytes)
    let line = Self.prefix + Base64URL.encode(writer.bytes) + "\n"
    try SecretFile.write(path, Array(line.utf8), mode: 0o600)
  }
}
