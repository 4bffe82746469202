public import ExchangeTypes

/// An invitation as a person hands it on: `syi_<id>_<secret and fingerprint>`.
///
/// The secret makes its bearer one node of the cluster, once. The fingerprint of the cluster's root lets the
/// bearer recognise a coordinator before he says anything.
public struct InvitationKey: Sendable, Redacted {
  /// The public half; logs may show it.
  public let id: InvitationID
  /// 256 random bits, shown once and never stored.
  public let secret: Secret
  /// `TrustAnchor.fingerprint`.
  public let fingerprint: [UInt8]

  /// Joins the parts.
  ///
  /// - Precondition: secret and fingerprint have 32 bytes each.
  public init(id: InvitationID, secret: Secret, fingerprint: [UInt8]) {
    precondition(secret.count == 32 && fingerprint.count == 32)
    self.id = id
    self.secret = secret
    self.fingerprint = fingerprint
  }

  /// Reads the text form: exactly what `text` writes, or `nil`.
  public init?(parsing text: String) {
    guard text.utf8.count <= 120 else { return nil }
    let parts = text.utf8.split(separator: UInt8(ascii: "_"), maxSplits: 2)
    guard parts.count == 3, parts[0].elementsEqual("syi".utf8),
      let number = UInt64(Substring(parts[1])), number > 0,
      let bytes = Base64URL.decode(Array(parts[2])), bytes.count == 64
    else { return nil }
    self.init(
      id: InvitationID(number), secret: Secret(Array(bytes.prefix(32))),
      fingerprint: Array(bytes.suffix(32)))
    guard self.text == text else { return nil }
  }

  /// The text form.
  ///
  /// A secret.
  public var text: String { "syi_\(id)_\(Base64URL.encode(secret.bytes + fingerprint))" }

  /// The id without the secret.
  public var description: String { "syi_\(id)_…" }
}
