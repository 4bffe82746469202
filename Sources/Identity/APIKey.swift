internal import Crypto
public import ExchangeTypes

/// An API key: `sy_<key id>_<secret>`.
///
/// The id finds the row, the secret is compared by its hash.
public struct APIKey: Sendable, Redacted {
  /// The public half; logs may show it.
  public let id: KeyID
  /// 256 random bits, shown once to the owner and never stored.
  public let secret: Secret

  /// Joins an id and its secret.
  ///
  /// - Precondition: the secret has 32 bytes.
  public init(id: KeyID, secret: Secret) {
    precondition(secret.count == 32)
    self.id = id
    self.secret = secret
  }

  /// Draws a secret: made by the caller before the id is known, so that the exchange sees its hash only.
  public static func generateSecret(using generator: inout some RandomNumberGenerator) -> Secret {
    Secret(randomBytes(32, using: &generator))
  }

  /// Draws a secret from the system's generator.
  public static func generateSecret() -> Secret {
    var generator = SystemRandomNumberGenerator()
    return generateSecret(using: &generator)
  }

  /// Reads the text form: exactly what `text` writes, or `nil`.
  public init?(parsing text: String) {
    guard text.utf8.count <= 80 else { return nil }
    let parts = text.utf8.split(separator: UInt8(ascii: "_"), maxSplits: 2)
    guard parts.count == 3, parts[0].elementsEqual("sy".utf8),
      let number = UInt64(Substring(parts[1])), number > 0,
      let secret = Base64URL.decode(Array(parts[2])), secret.count == 32
    else { return nil }
    self.init(id: KeyID(number), secret: Secret(secret))
    // One key has one form: no plus sign, leading zero or doubled underscore.
    guard self.text == text else { return nil }
  }

  /// The text form.
  ///
  /// A secret.
  public var text: String { "sy_\(id)_\(Base64URL.encode(secret.bytes))" }

  /// What is stored: SHA-256 of the secret.
  ///
  /// The secret has 256 bits of entropy, so no slow hash is due.
  public var secretHash: [UInt8] { Self.hash(secret) }

  /// SHA-256 of a secret.
  public static func hash(_ secret: Secret) -> [UInt8] { Array(SHA256.hash(data: secret.bytes)) }

  /// Whether `stored` is this key's hash, in a time that does not depend on where they differ.
  public func matches(_ stored: [UInt8]) -> Bool {
    let own = secretHash
    guard own.count == stored.count else { return false }
    var difference: UInt8 = 0
    for index in own.indices { difference |= own[index] ^ stored[index] }
    return difference == 0
  }

  /// The id without the secret.
  public var description: String { "sy_\(id)_…" }
}

/// Base64 with `-` and `_`, without padding (RFC 4648, section 5).
enum Base64URL {
  private static let alphabet = Array(
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

  static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    var held: UInt32 = 0
    var bits = 0
    for byte in bytes {
      held = held << 8 | UInt32(byte)
      bits += 8
      while bits >= 6 {
        bits -= 6
        text.append(alphabet[Int(held >> UInt32(bits) & 63)])
      }
    }
    if bits > 0 { text.append(alphabet[Int(held << UInt32(6 - bits) & 63)]) }
    return String(decoding: text, as: UTF8.self)
  }

  static func decode(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var held: UInt32 = 0
    var bits = 0
    for letter in text {
      guard let value = alphabet.firstIndex(of: letter) else { return nil }
      held = held << 6 | UInt32(value)
      bits += 6
      if bits >= 8 {
        bits -= 8
        bytes.append(UInt8(truncatingIfNeeded: held >> UInt32(bits)))
      }
    }
    return bits < 6 && held & (1 << UInt32(bits) - 1) == 0 ? bytes : nil
  }
}

/// `count` bytes from `generator`.
func randomBytes(_ count: Int, using generator: inout some RandomNumberGenerator) -> [UInt8] {
  var bytes: [UInt8] = []
  bytes.reserveCapacity(count)
  while bytes.count < count {
    withUnsafeBytes(of: generator.next()) {
      bytes.append(contentsOf: $0.prefix(count - bytes.count))
    }
  }
  return bytes
}
