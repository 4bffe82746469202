internal import ExchangeTypes

/// The tables of the exchange; the numbers are those on disk, append-only.
public enum Table: UInt8, Hashable, Sendable, CaseIterable {
  /// One row: identity, version, time and the next ids.
  case meta = 1
  /// Accounts.
  case accounts = 2
  /// API keys.
  case keys = 3
  /// Jobs with their records' totals, until they are purged.
  case jobs = 4
  /// Bulk: sealed payload parts, key upload `u64` ‖ part `u16`.
  case payloadParts = 5
  /// Bulk: sealed record segments, key log index `u64` ‖ ordinal `u16`.
  case segments = 6
  /// Transfers from before state version 3, or before there were segments.
  case transfers = 7
  /// Workers with their offers.
  case workers = 8
  /// What is left of purged jobs: enough to answer a retry.
  case tombstones = 9
  /// Requests that made an account, a credit or a key: enough to answer a retry.
  case accountRequests = 10
  /// Uploads that no submit has taken.
  case uploads = 11
  /// Invitations, until a day after their end.
  case invitations = 22
  /// Certificates that were issued, until their end.
  case certificates = 23
  /// What is revoked: nodes for good, one certificate until it has ended, however often it was handed out.
  case revocations = 24
  /// One row: the current wrapping key and the retention.
  case privacy = 28
  /// Jobs that went on from token ids wherever an attempt was lost, until they are purged.
  case idResumptions = 32
  /// What keys with a limit may use in a minute, and have left.
  case keyRates = 34
  /// What open jobs ask for beyond their bids.
  case jobTerms = 35
  /// One row: where the journal of transfers begins and ends.
  case journal = 37
  /// One row: the operator's part of what jobs cost.
  case fees = 38
  /// Budgets.
  case budgets = 39
  /// What suppliers post about models.
  case postedAsks = 40
  /// What was sold, by supplier, model and hour.
  case sales = 41
  /// What jobs' engines had cached of their prompts, and what that costs; what of their outputs was reasoning.
  case cachedPrompts = 42
  /// What workers have signed of the attempts that ended jobs.
  case signedAttempts = 43
  /// Bulk: what an entry has posted, key its first transfer `u64`.
  case journalSegments = 44
  /// What signs API keys' delegations.
  case delegators = 46
  /// Delegations that were used, until a day after their end, or revoked before, as long as their signer is bound.
  case delegations = 47
  /// What accounts count for when slots are shared, those that count for more or less than one.
  case accountWeights = 49
  /// Whose accounts are, those of which administrators have said it.
  case accountOwners = 52

  /// Whether rows of the table count for the digest; bulk rows are covered by hashes in other rows.
  public var isDigested: Bool {
    self != .payloadParts && self != .segments && self != .journalSegments
  }

  /// Whether `Exchange.restoring` reads the table.
  public var isRestored: Bool { self != .payloadParts }
}

/// A row that lives in memory under a 64-bit key.
///
/// The value on disk is version `u8` ‖ fields, in the canonical encoding, read strictly. A row is written in
/// the lowest version that holds it, so that a field of a later state version leaves the digest of rows
/// without it as it was.
protocol StoredRow: Hashable, Sendable {
  static var table: Table { get }
  static var versionMax: UInt8 { get }
  var version: UInt8 { get }
  var rowKey: UInt64 { get }
  func encode(into writer: inout CanonicalWriter)
  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError)
  /// Reads what `encode` writes behind the fields of version 1.
  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError)
}

extension StoredRow {
  static var versionMax: UInt8 { 1 }
  var version: UInt8 { 1 }
  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {}

  var rowValue: [UInt8] {
    var writer = CanonicalWriter(capacity: 384)
    writer.write(version)
    encode(into: &writer)
    return writer.bytes
  }

  init(key: UInt64, value: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(value)
    let version = try reader.read(UInt8.self)
    guard version >= 1, version <= Self.versionMax else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
    try self.init(key: key, from: &reader)
    if version > 1 { try readAddition(of: version, from: &reader) }
    try reader.finish()
  }
}

/// The bytes of a row's key: big-endian, so that rows created later sort later.
func rowKeyBytes(_ key: UInt64) -> [UInt8] {
  var writer = CanonicalWriter(capacity: 8)
  writer.write(key)
  return writer.bytes
}
