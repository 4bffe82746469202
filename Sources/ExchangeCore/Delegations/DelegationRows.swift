public import ExchangeTypes

/// The row of table 46: what signs an API key's delegations.
struct Delegator: Hashable, Sendable {
  /// The API key.
  let key: KeyID
  /// The Ed25519 public key: 32 bytes.
  var publicKey: [UInt8]
  /// Whether nothing that it signed is worth anything any more.
  var isClosed: Bool
  /// The public keys that were bound before it, in their order: what they signed is never good again.
  var ended: [[UInt8]] = []

  /// Whether a public key was bound, and is no more.
  func hasEnded(_ publicKey: [UInt8]) -> Bool {
    isClosed && self.publicKey == publicKey || ended.contains(publicKey)
  }

  /// Binds another public key, the same, or none.
  ///
  /// - Precondition: it has not ended.
  mutating func bind(_ publicKey: [UInt8]?) {
    isClosed = publicKey == nil
    guard let publicKey, publicKey != self.publicKey else { return }
    ended.append(self.publicKey)
    self.publicKey = publicKey
  }
}

/// The row of table 47: a delegation that was used, or revoked before.
///
/// ```
/// (unknown) ──first use──► admitted, with a key of its own ──the key ends──► ended ──its time is over──► (forgotten)
///     └────────revoked before it was used────────► revoked ──its parent ends, or signs with another key──► (forgotten)
/// ```
public struct AdmittedDelegation: Hashable, Sendable {
  /// The row.
  public let number: UInt64
  /// Who pays.
  public let account: AccountID
  /// The key whose holder signed it.
  public let parent: KeyID
  /// Its id, the parent's own.
  public let id: DelegationID
  /// What it is; nil if it was revoked before it was seen.
  public let use: Use?
  /// When it can be forgotten: its own end has passed by then, by every clock that is right to within a day; the end of
  /// time if it was never used, and so is of unknown length.
  let forgottenAt: LogTime

  /// What the first use made.
  public struct Use: Hashable, Sendable {
    /// The key that it opens things with.
    public let key: KeyID
    /// SHA-256 of the delegation and its signature: 32 bytes.
    public let digest: [UInt8]
    /// The only models that it may ask for; empty for all.
    public let models: [String]
  }
}

/// A delegation as its parent names it.
struct DelegationName: Hashable, Sendable {
  let parent: KeyID
  let id: DelegationID
}

extension Delegator: StoredRow {
  static var table: Table { .delegators }
  /// More than may be bound (`Limits.delegationKeysMax`).
  private static let endedMax = 1_024
  static var versionMax: UInt8 { 2 }
  /// 2 once another public key was bound before.
  var version: UInt8 { ended.isEmpty ? 1 : 2 }
  var rowKey: UInt64 { key.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.writeRaw(publicKey)
    writer.write(isClosed)
    guard version > 1 else { return }
    writer.write(ended) { $0.writeRaw($1) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    let at = reader.offset
    ended = try reader.readList(limit: Self.endedMax, elementBytesMin: 32) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readHash()
    }
    guard self.version > 1 else { throw .unknownValue(offset: at, value: 2) }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      key: KeyID(key), publicKey: try reader.readHash(), isClosed: try reader.readBool())
  }
}

extension AdmittedDelegation: StoredRow {
  static var table: Table { .delegations }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(parent.rawValue)
    writer.write(id.high)
    writer.write(id.low)
    writer.write(use) {
      $0.write($1.key.rawValue)
      $0.writeRaw($1.digest)
      $0.write($1.models) { $0.write($1) }
    }
    writer.write(forgottenAt.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      number: key, account: try reader.readID(), parent: try reader.readID(),
      id: try reader.readDelegationID(),
      use: try reader.readOptional { (reader: inout CanonicalReader) throws(CanonicalError) in
        Use(
          key: try reader.readID(), digest: try reader.readHash(), models: try reader.readModels())
      }, forgottenAt: try reader.readTime())
  }
}
