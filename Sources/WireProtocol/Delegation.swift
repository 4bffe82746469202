public import ExchangeTypes

/// What the holder of an API key allows an agent: signed offline, carried by the agent in what it sends as its key.
///
/// It has one encoding, which is what is signed: version `u8` = 1 ‖ the fields in the order in which they stand here,
/// in the canonical encoding. Read strictly: an unknown version or a byte too many is an error.
public struct Delegation: Hashable, Sendable {
  /// The version of the encoding.
  static let version: UInt8 = 1
  /// The longest name, in bytes of UTF-8.
  public static let nameBytesMax = 128
  /// The most models that one names, and the longest name of one in bytes of UTF-8.
  public static let modelsMax = 8
  static let modelBytesMax = 256

  /// The cluster that it is for.
  public var cluster: ClusterID
  /// The key whose holder signs it.
  public var parent: KeyID
  /// Its own name, drawn once.
  public var id: DelegationID
  /// The agent's name, for people.
  public var name: String
  /// What the agent may do.
  public var scopes: Scopes
  /// Most that it may spend in a day of log time; nil for no such limit of its own.
  public var perDay: Credits?
  /// Most that it may spend in 30 days of log time.
  public var perMonth: Credits?
  /// Most that it may ever spend.
  public var total: Credits?
  /// The only models that it may ask for; empty for all.
  public var models: [String]
  /// When it begins, in seconds since 1970.
  public var notBefore: UInt64
  /// When it ends, in seconds since 1970.
  public var expires: UInt64
  /// SHA-256 of the agent's secret: 32 bytes.
  public var secretHash: [UInt8]

  /// Joins the parts.
  public init(
    cluster: ClusterID, parent: KeyID, id: DelegationID, name: String, scopes: Scopes,
    perDay: Credits?, perMonth: Credits?, total: Credits?, models: [String], notBefore: UInt64,
    expires: UInt64, secretHash: [UInt8]
  ) {
    self.cluster = cluster
    self.parent = parent
    self.id = id
    self.name = name
    self.scopes = scopes
    self.perDay = perDay
    self.perMonth = perMonth
    self.total = total
    self.models = models
    self.notBefore = notBefore
    self.expires = expires
    self.secretHash = secretHash
  }

  /// What is signed, but for its context.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: 256)
    writer.write(Self.version)
    writer.write(cluster.rawValue)
    writer.write(parent.rawValue)
    writer.write(id.high)
    writer.write(id.low)
    writer.write(name)
    writer.write(scopes.rawValue)
    for limit in [perDay, perMonth, total] { writer.write(limit) { $0.write($1.rawValue) } }
    writer.write(models) { $0.write($1) }
    writer.write(notBefore)
    writer.write(expires)
    writer.writeRaw(secretHash)
    return writer.bytes
  }

  /// Reads what `bytes` writes, and nothing else.
  ///
  /// - Throws: `CanonicalError`.
  public init(bytes: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(bytes)
    let version = try reader.read(UInt8.self)
    guard version == Self.version else { throw .unknownValue(offset: 0, value: UInt64(version)) }
    cluster = ClusterID(try reader.read())
    parent = KeyID(try reader.read(UInt64.self))
    id = DelegationID(high: try reader.read(), low: try reader.read())
    name = try reader.readString(limit: Self.nameBytesMax)
    scopes = Scopes(rawValue: try reader.read())
    perDay = try reader.readOptional(credits)
    perMonth = try reader.readOptional(credits)
    total = try reader.readOptional(credits)
    models = try reader.readList(limit: Self.modelsMax, elementBytesMin: 4) {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      try reader.readString(limit: Self.modelBytesMax)
    }
    notBefore = try reader.read()
    expires = try reader.read()
    secretHash = try reader.readRaw(count: 32)
    try reader.finish()
  }
}

private func credits(_ reader: inout CanonicalReader) throws(CanonicalError) -> Credits {
  Credits(nano: try reader.read())
}
