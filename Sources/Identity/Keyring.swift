internal import Crypto
public import ExchangeTypes

/// The wrapping keys that a coordinator holds, beside and never inside log, store, snapshot and backup.
///
/// Invariants: ids ascend; the file is replaced whole, with mode 0600, and is durable when `save`
/// returns. A key that was removed is gone with the next `save`; what was sealed under it is then
/// unreadable for ever, which is the purpose.
public struct Keyring: Hashable, Sendable {
  /// The cluster whose jobs the keys protect.
  public let cluster: ClusterID
  /// The keys, by ascending id.
  public private(set) var keys: [WrappingKey] = []

  /// An empty keyring.
  public init(cluster: ClusterID) { self.cluster = cluster }

  /// The key with an id.
  public subscript(id: UInt64) -> WrappingKey? { keys.first { $0.id == id } }

  /// Keeps a key.
  ///
  /// - Returns: whether it is kept: not if another secret already has its id, or the ring is full.
  @discardableResult
  public mutating func insert(_ key: WrappingKey) -> Bool {
    if let known = self[key.id] { return known == key }
    guard keys.count < Self.keysMax else { return false }
    keys.insert(key, at: keys.firstIndex { $0.id > key.id } ?? keys.count)
    return true
  }

  /// Forgets a key; `save` makes it final.
  public mutating func remove(_ id: UInt64) { keys.removeAll { $0.id == id } }

  /// Unwraps a job's key with the key that wrapped it, if it is still held.
  public func unwrap(_ wrapped: WrappedJobKey) throws(SealRefusal) -> JobKey {
    guard let key = self[wrapped.wrappingKey] else { throw SealRefusal() }
    return try key.unwrap(wrapped, cluster: cluster)
  }

  // MARK: File

  /// More than a year of hours.
  public static let keysMax = 10_000
  private static let magic: UInt32 = 0x5359_4b52
  private static let version: UInt16 = 1

  /// The canonical encoding, with a SHA-256 of itself at the end.
  public var encoded: [UInt8] {
    var writer = CanonicalWriter(capacity: 64 + keys.count * 40)
    writer.write(Self.magic)
    writer.write(Self.version)
    writer.write(cluster.rawValue)
    writer.write(keys) { writer, key in
      writer.write(key.id)
      writer.writeRaw(key.secret.bytes)
    }
    writer.writeRaw(Array(SHA256.hash(data: writer.bytes)))
    return writer.bytes
  }

  /// Reads the canonical encoding and nothing else.
  public init(decoding bytes: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(bytes)
    let magic = try reader.read(UInt32.self)
    guard magic == Self.magic else { throw .unknownValue(offset: 0, value: UInt64(magic)) }
    let version = try reader.read(UInt16.self)
    guard version == Self.version else { throw .unknownValue(offset: 4, value: UInt64(version)) }
    cluster = ClusterID(try reader.read(UInt128.self))
    keys = try reader.readList(limit: Self.keysMax, elementBytesMin: 40) {
      (reader) throws(CanonicalError) -> WrappingKey in
      WrappingKey(id: try reader.read(), secret: Secret(try reader.readRaw(count: 32)))
    }
    let end = reader.offset
    let digest = try reader.readRaw(count: 32)
    try reader.finish()
    guard digest == Array(SHA256.hash(data: bytes[..<end])),
      zip(keys, keys.dropFirst()).allSatisfy({ $0.id < $1.id })
    else { throw .unknownValue(offset: end, value: 0) }
  }

  /// Loads the keyring of `cluster`.
  ///
  /// - Throws: `IdentityError.missing`, `.exposed`, `.malformed`, `.wrongCluster`, `.io`.
  public static func load(path: String, cluster: ClusterID) throws(IdentityError) -> Keyring {
    let bytes = try SecretFile.read(path, isSecret: true)
    let ring: Keyring
    do { ring = try Keyring(decoding: bytes) } catch {
      throw .malformed(path: path, what: "an undamaged keyring (\(error))")
    }
    guard ring.cluster == cluster else {
      throw .wrongCluster(path: path, expected: cluster, found: ring.cluster)
    }
    return ring
  }

  /// As `load`, but a file that is not there is an empty keyring: the other coordinators have the keys that are
  /// needed, and hand them over.
  public static func loadIfPresent(
    path: String, cluster: ClusterID
  ) throws(IdentityError) -> Keyring {
    do { return try load(path: path, cluster: cluster) } catch {
      guard case .missing = error else { throw error }
      return Keyring(cluster: cluster)
    }
  }

  /// Replaces the file; durable when it returns.
  public func save(path: String) throws(IdentityError) {
    try SecretFile.write(path, encoded, mode: 0o600)
  }
}
