public import ExchangeTypes

/// Cuts rows, given in the order of (table, key), into the chunks of a snapshot.
///
/// Equal rows give equal chunks on every replica, whatever its disk looks like.
public struct SnapshotBuilder: Sendable {
  /// A chunk is full when it has so many bytes; its last row may reach beyond.
  public static let chunkBytes = 256 << 10

  private var writer = CanonicalWriter(capacity: SnapshotBuilder.chunkBytes)
  private var byteCount: UInt64 = 0
  private var hash = SnapshotHash.start
  /// The hashes of the chunks so far.
  public private(set) var chunkHashes: [[UInt8]] = []
  private let chunkBytes: Int

  /// Begins with no rows; `chunkBytes` is smaller in tests only.
  public init(chunkBytes: Int = SnapshotBuilder.chunkBytes) { self.chunkBytes = chunkBytes }

  /// Adds a row; answers the chunk that it completes, if it does.
  public mutating func add(table: UInt8, key: [UInt8], value: [UInt8]) -> [UInt8]? {
    writer.write(table)
    writer.write(key)
    writer.write(value)
    return writer.bytes.count >= chunkBytes ? cut() : nil
  }

  /// The chunk of the rows that are left, if any are.
  public mutating func finish() -> [UInt8]? { writer.bytes.isEmpty ? nil : cut() }

  /// The manifest of all chunks that were answered.
  public func manifest(_ mark: AppliedMark) -> SnapshotManifest {
    SnapshotManifest(
      mark: mark, chunkCount: UInt32(chunkHashes.count), byteCount: byteCount, hash: hash)
  }

  private mutating func cut() -> [UInt8] {
    let bytes = writer.bytes
    writer = CanonicalWriter(capacity: chunkBytes)
    let chunk = SnapshotHash.ofChunk(bytes)
    chunkHashes.append(chunk)
    hash = hash.appending(chunk)
    byteCount += UInt64(bytes.count)
    return bytes
  }
}

/// Reads the chunks that `SnapshotBuilder` makes.
public enum SnapshotRows {
  /// The most bytes in a row's key and value, as the disk has them.
  private static let keyBytesMax = 511
  private static let valueBytesMax = 16_384

  /// The rows of a chunk, or nil if it is not one: rows of the right sizes, each after the one before it.
  public static func read(_ chunk: [UInt8]) -> [RowChange]? {
    var reader = CanonicalReader(chunk)
    var rows: [RowChange] = []
    do {
      while reader.remaining > 0 {
        let table = try reader.read(UInt8.self)
        let key = try reader.readBytes(limit: keyBytesMax)
        let value = try reader.readBytes(limit: valueBytesMax)
        guard !key.isEmpty else { return nil }
        if let last = rows.last {
          guard
            last.table < table
              || last.table == table && last.key.lexicographicallyPrecedes(key)
          else { return nil }
        }
        rows.append(RowChange(table: table, key: key, value: value))
      }
    } catch {
      return nil
    }
    return rows
  }
}
