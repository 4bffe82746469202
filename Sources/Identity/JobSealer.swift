internal import Crypto
public import ExchangeTypes

/// Why sealed bytes were not opened: they, their place or the key are not what was sealed.
public struct SealRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// One line for a log; it does not say which of the reasons holds, since AES-GCM does not.
  public var description: String {
    "the sealed bytes are damaged, or sealed for another place or key"
  }
}

/// The 256-bit key of one job: prompts and outputs enter the log sealed under subkeys of it.
public struct JobKey: Hashable, Sendable {
  /// The bits.
  public let secret: Secret
  /// Wraps 32 bytes.
  ///
  /// - Precondition: there are 32.
  public init(_ secret: Secret) {
    precondition(secret.count == 32)
    self.secret = secret
  }
  /// Draws a key.
  public static func generate(using generator: inout some RandomNumberGenerator) -> JobKey {
    JobKey(Secret(randomBytes(32, using: &generator)))
  }
  /// Draws a key from the system's generator.
  public static func generate() -> JobKey {
    var generator = SystemRandomNumberGenerator()
    return generate(using: &generator)
  }
}

/// A job's key as it stands in the log: opened only with an hourly key that is not in the log.
public struct WrappedJobKey: Hashable, Sendable {
  /// Which wrapping key opens it.
  public let wrappingKey: UInt64
  /// The nonce, 12 bytes.
  public let nonce: [UInt8]
  /// The sealed key and its tag, 48 bytes.
  public let sealed: [UInt8]

  /// The canonical encoding: 8 bytes of id, 12 of nonce, 48 sealed.
  public var encoded: [UInt8] {
    var writer = CanonicalWriter(capacity: Self.encodedCount)
    writer.write(wrappingKey)
    writer.writeRaw(nonce)
    writer.writeRaw(sealed)
    return writer.bytes
  }

  /// Bytes of `encoded`.
  public static let encodedCount = 68

  /// Reads the canonical encoding.
  public init(decoding bytes: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(bytes)
    wrappingKey = try reader.read()
    nonce = try reader.readRaw(count: 12)
    sealed = try reader.readRaw(count: 48)
    try reader.finish()
  }

  init(wrappingKey: UInt64, nonce: [UInt8], sealed: [UInt8]) {
    self.wrappingKey = wrappingKey
    self.nonce = nonce
    self.sealed = sealed
  }
}

/// One hour's key: it wraps job keys, lives in the keyring and is destroyed on schedule.
public struct WrappingKey: Hashable, Sendable {
  /// Its number; later keys have greater ones.
  public let id: UInt64
  /// 32 bytes.
  public let secret: Secret

  /// Joins a number and its secret.
  ///
  /// - Precondition: the secret has 32 bytes.
  public init(id: UInt64, secret: Secret) {
    precondition(secret.count == 32)
    self.id = id
    self.secret = secret
  }

  /// Draws a key.
  public static func generate(id: UInt64, using generator: inout some RandomNumberGenerator)
    -> WrappingKey
  {
    WrappingKey(id: id, secret: Secret(randomBytes(32, using: &generator)))
  }

  /// Draws a key from the system's generator.
  public static func generate(id: UInt64) -> WrappingKey {
    var generator = SystemRandomNumberGenerator()
    return generate(id: id, using: &generator)
  }

  /// Wraps a job's key.
  ///
  /// The nonce is random: one wrapping key wraps an hour of jobs, far fewer than the 2³² that 96-bit
  /// random nonces allow (NIST SP 800-38D, section 8.3).
  public func wrap(
    _ key: JobKey, cluster: ClusterID, using generator: inout some RandomNumberGenerator
  ) -> WrappedJobKey {
    let nonce = randomBytes(12, using: &generator)
    let sealed = AEAD.seal(
      key.secret.bytes, key: secret.bytes, nonce: nonce, context: Self.context(cluster, id: id))
    return WrappedJobKey(wrappingKey: id, nonce: nonce, sealed: sealed)
  }

  /// Wraps a job's key with a nonce from the system's generator.
  public func wrap(_ key: JobKey, cluster: ClusterID) -> WrappedJobKey {
    var generator = SystemRandomNumberGenerator()
    return wrap(key, cluster: cluster, using: &generator)
  }

  /// Unwraps a job's key.
  public func unwrap(_ wrapped: WrappedJobKey, cluster: ClusterID) throws(SealRefusal) -> JobKey {
    guard wrapped.wrappingKey == id else { throw SealRefusal() }
    let bytes = try AEAD.open(
      wrapped.sealed, key: secret.bytes, nonce: wrapped.nonce,
      context: Self.context(cluster, id: id))
    guard bytes.count == 32 else { throw SealRefusal() }
    return JobKey(Secret(bytes))
  }

  private static func context(_ cluster: ClusterID, id: UInt64) -> [UInt8] {
    var writer = CanonicalWriter()
    writer.write(cluster.rawValue)
    writer.write("switchyard job key 1")
    writer.write(id)
    return writer.bytes
  }
}

/// Where sealed bytes stand.
///
/// One place is sealed once: its subkey is never used again.
public enum SealPlace: Hashable, Sendable {
  /// A numbered part of the job's request.
  case payload(part: UInt32)
  /// Output committed by a leader of `term` for the attempt `epoch`. `checkpoint` counts within the
  /// pair; a new leader has a new term, so two leaders cannot seal different bytes under one subkey.
  case checkpoint(term: UInt64, epoch: Epoch, checkpoint: UInt64)

  /// Distinguishes the place in key derivation and in the additional data.
  var info: [UInt8] {
    var writer = CanonicalWriter()
    switch self {
    case .payload(let part):
      writer.write("switchyard payload 1")
      writer.write(UInt64(0))
      writer.write(UInt32(0))
      writer.write(UInt64(part))
    case .checkpoint(let term, let epoch, let checkpoint):
      writer.write("switchyard checkpoint 1")
      writer.write(term)
      writer.write(epoch.rawValue)
      writer.write(checkpoint)
    }
    return writer.bytes
  }
}

/// Seals and opens what one job puts into the log, and authenticates the tails of its stream.
///
/// Each place has a subkey by HKDF-SHA256 (expansion) of the job's key, and a subkey seals once; so the nonce of
/// AES-GCM may be zero. Sealing other bytes for a place that was sealed before would give both away: the
/// caller numbers its places and never goes back.
public struct JobSealer: Sendable {
  private let key: JobKey
  private let cluster: ClusterID

  /// Sealed bytes are longer than the plain ones by this.
  public static let overhead = 16

  /// The sealer of the job that has `key`.
  public init(key: JobKey, cluster: ClusterID) {
    self.key = key
    self.cluster = cluster
  }

  /// Seals bytes for one place.
  public func seal(_ plain: [UInt8], at place: SealPlace) -> [UInt8] {
    let info = place.info
    return AEAD.seal(plain, key: subkey(info), nonce: Self.zeroNonce, context: context(info))
  }

  /// Opens what was sealed for the same place.
  public func open(_ sealed: [UInt8], at place: SealPlace) throws(SealRefusal) -> [UInt8] {
    let info = place.info
    return try AEAD.open(sealed, key: subkey(info), nonce: Self.zeroNonce, context: context(info))
  }

  /// HMAC-SHA256 over `bytes`, for chunks that a client hands back when it reattaches.
  public func authenticate(_ bytes: [UInt8]) -> [UInt8] {
    KeyedHash.code(of: bytes, key: macKey)
  }

  /// Whether `code` is `authenticate(bytes)`, compared in constant time.
  public func isAuthentic(_ code: [UInt8], for bytes: [UInt8]) -> Bool {
    HMAC<SHA256>.isValidAuthenticationCode(
      code, authenticating: bytes, using: SymmetricKey(data: macKey))
  }

  private static let zeroNonce = [UInt8](repeating: 0, count: 12)

  private var macKey: [UInt8] {
    var writer = CanonicalWriter()
    writer.write("switchyard tail 1")
    return subkey(writer.bytes)
  }

  private func subkey(_ info: [UInt8]) -> [UInt8] {
    // The job's key is uniform already, so the extraction step is left out (RFC 5869, §3.3).
    KeyedHash.expand(key.secret.bytes, info: info)
  }

  private func context(_ info: [UInt8]) -> [UInt8] {
    var writer = CanonicalWriter()
    writer.write(cluster.rawValue)
    writer.writeRaw(info)
    return writer.bytes
  }
}

/// AES-256-GCM with an explicit nonce; the tag follows the ciphertext.
enum AEAD {
  static func seal(_ plain: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8]) -> [UInt8] {
    do {
      let box = try AES.GCM.seal(
        plain, using: SymmetricKey(data: key), nonce: AES.GCM.Nonce(data: nonce),
        authenticating: context)
      guard let combined = box.combined else { preconditionFailure("the nonce has 12 bytes") }
      return Array(combined.dropFirst(nonce.count))
    } catch {
      // Only for keys or nonces of a wrong size: those are ours.
      preconditionFailure("AES-GCM refused to seal: \(error)")
    }
  }

  static func open(_ sealed: [UInt8], key: [UInt8], nonce: [UInt8], context: [UInt8])
    throws(SealRefusal) -> [UInt8]
  {
    guard sealed.count >= 16 else { throw SealRefusal() }
    do {
      let box = try AES.GCM.SealedBox(
        nonce: AES.GCM.Nonce(data: nonce), ciphertext: sealed.dropLast(16),
        tag: sealed.suffix(16))
      return Array(
        try AES.GCM.open(box, using: SymmetricKey(data: key), authenticating: context))
    } catch {
      throw SealRefusal()
    }
  }
}
