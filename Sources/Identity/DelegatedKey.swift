internal import Crypto
public import ExchangeTypes
public import WireProtocol

/// What an agent sends as its API key: `sy_d_<base64url>`, with a signed delegation and the secret that it is for.
///
/// What is encoded: the delegation's bytes, with their length before them ‖ the signature, 64 bytes ‖ the secret, 32 bytes.
public struct DelegatedKey: Sendable, Redacted {
  /// The longest text: a delegation of the largest size.
  private static let textBytesMax = 4_096
  private static let prefix = "sy_d_"
  private static let delegationBytesMax = 3_000

  /// What is delegated; logs may show it.
  public let signed: SignedDelegation
  /// 256 random bits, of which the delegation holds the hash.
  public let secret: Secret

  /// Joins a delegation and its secret.
  ///
  /// - Precondition: the delegation holds the secret's hash.
  public init(_ signed: SignedDelegation, secret: Secret) {
    precondition(APIKey.hash(secret) == signed.delegation.secretHash)
    self.signed = signed
    self.secret = secret
  }

  /// Reads the text form: exactly what `text` writes, with the secret that the delegation is for, or `nil`.
  public init?(parsing text: String) {
    guard text.utf8.count <= Self.textBytesMax, text.hasPrefix(Self.prefix),
      let bytes = Base64URL.decode(Array(text.utf8.dropFirst(Self.prefix.utf8.count)))
    else { return nil }
    var reader = CanonicalReader(bytes)
    do {
      let delegation = try Delegation(
        bytes: try reader.readBytes(limit: Self.delegationBytesMax))
      signed = SignedDelegation(delegation, signature: try reader.readRaw(count: 64))
      secret = Secret(try reader.readRaw(count: 32))
      try reader.finish()
    } catch {
      return nil
    }
    // Compared in a time that does not depend on where they differ.
    guard Secret(APIKey.hash(secret)) == Secret(signed.delegation.secretHash) else { return nil }
    guard self.text == text else { return nil }
  }

  /// The text form.
  ///
  /// A secret.
  public var text: String {
    var writer = CanonicalWriter(capacity: 512)
    writer.write(signed.delegation.bytes)
    writer.writeRaw(signed.signature)
    writer.writeRaw(secret.bytes)
    return Self.prefix + Base64URL.encode(writer.bytes)
  }

  /// The parent and the id, without the secret.
  public var description: String {
    "sy_d_…(key \(signed.delegation.parent), \(signed.delegation.id))"
  }
}
