internal import Crypto
public import ExchangeTypes

/// What a snapshot is, in few enough bytes for one message: it names the snapshot and proves it whole.
///
/// A snapshot is every row of the state after one log entry, in the order of (table, key), cut into chunks.
/// It holds no page of anybody's disk, and neither term nor vote: those never leave their replica.
public struct SnapshotManifest: Hashable, Sendable {
  /// The entry after which the state was taken, and the state's digest.
  public let mark: AppliedMark
  /// How many chunks there are.
  public let chunkCount: UInt32
  /// The bytes of all chunks together.
  public let byteCount: UInt64
  /// The hash over all chunks.
  public let hash: SnapshotHash

  /// Joins the parts.
  public init(mark: AppliedMark, chunkCount: UInt32, byteCount: UInt64, hash: SnapshotHash) {
    self.mark = mark
    self.chunkCount = chunkCount
    self.byteCount = byteCount
    self.hash = hash
  }

  /// The index after which the state was taken.
  public var index: LogIndex { mark.index }

  /// The version of the encoding and of the chunks' own.
  private static let version: UInt8 = 1

  /// The bytes that travel in `InstallSnapshot.manifest`.
  public var encoded: [UInt8] {
    var writer = CanonicalWriter(capacity: 96)
    writer.write(Self.version)
    writer.write(mark.index.rawValue)
    writer.write(mark.term.rawValue)
    writer.writeRaw(mark.digest.bytes)
    writer.write(chunkCount)
    writer.write(byteCount)
    writer.writeRaw(hash.bytes)
    return writer.bytes
  }

  /// Reads what `encoded` gives; nil for anything else, a later version's manifest included.
  public init?(encoded bytes: [UInt8]) {
    var reader = CanonicalReader(bytes)
    do {
      guard try reader.read(UInt8.self) == Self.version else { return nil }
      let index = LogIndex(try reader.read(UInt64.self))
      let term = Term(try reader.read(UInt64.self))
      guard let digest = StateDigest(bytes: try reader.readRaw(count: 32)) else { return nil }
      mark = AppliedMark(index: index, term: term, digest: digest)
      chunkCount = try reader.read()
      byteCount = try reader.read()
      guard let hash = SnapshotHash(bytes: try reader.readRaw(count: 32)) else { return nil }
      self.hash = hash
      try reader.finish()
    } catch {
      return nil
    }
  }
}

/// The hash over the chunks of a snapshot up to some chunk.
///
/// h₀ = SHA-256("switchyard snapshot 1"); hₙ₊₁ = SHA-256(hₙ ‖ SHA-256(chunk n)).
public struct SnapshotHash: Hashable, Sendable {
  /// 32 bytes.
  public let bytes: [UInt8]

  /// The hash before the first chunk.
  public static let start = SnapshotHash(of: Array("switchyard snapshot 1".utf8))

  /// A hash that was stored or arrived; nil unless it has 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == SHA256.byteCount else { return nil }
    self.bytes = bytes
  }

  private init(of bytes: [UInt8]) { self.bytes = Array(SHA256.hash(data: bytes)) }

  /// The hash after a chunk whose own hash is `chunk`.
  public func appending(_ chunk: [UInt8]) -> SnapshotHash { SnapshotHash(of: bytes + chunk) }

  /// The hash of one chunk's bytes.
  public static func ofChunk(_ bytes: [UInt8]) -> [UInt8] { SnapshotHash(of: bytes).bytes }
}

/// A piece of a snapshot on its way.
public struct SnapshotChunk: Hashable, Sendable {
  /// The hash over the whole snapshot, which names it.
  public let snapshot: SnapshotHash
  /// Its place, from 0.
  public let number: UInt32
  /// SHA-256 of `bytes`, made when the snapshot was.
  public let hash: [UInt8]
  /// Whole rows; `SnapshotRows` reads them.
  public let bytes: [UInt8]

  /// Joins the parts.
  public init(snapshot: SnapshotHash, number: UInt32, hash: [UInt8], bytes: [UInt8]) {
    self.snapshot = snapshot
    self.number = number
    self.hash = hash
    self.bytes = bytes
  }
}

/// How much of a snapshot lies on the disk beside the state.
public struct StagedSnapshot: Hashable, Sendable {
  /// Which snapshot.
  public let manifest: SnapshotManifest
  /// How many of its chunks are there, from the first on.
  public var loaded: UInt32
  /// The hash over those chunks.
  public var hash: SnapshotHash

  /// Joins the parts.
  public init(manifest: SnapshotManifest, loaded: UInt32 = 0, hash: SnapshotHash = .start) {
    self.manifest = manifest
    self.loaded = loaded
    self.hash = hash
  }
}
