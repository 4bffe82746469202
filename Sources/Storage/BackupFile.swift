internal import Consensus
internal import ExchangeTypes
internal import Glibc
internal import RaftEngine

/// A backup that has been read from end to end: every chunk is the one that was written, and the rows are in order.
///
/// Whether they are a state that can be, only the state machine knows: `Exchange.restoring` reads them with `rows`.
public final class BackupFile: Sendable {
  /// What it is of.
  public let manifest: BackupManifest
  private let path: String
  private let descriptor: Int32
  private let chunks: [Chunk]

  private struct Chunk: Sendable {
    let offset: Int
    let length: Int
    let hash: [UInt8]
    let tables: ClosedRange<UInt8>
  }

  /// Opens the backup at `path` and reads all of it.
  ///
  /// - Throws: `BackupError` for the first thing that is wrong.
  public init(path: String) throws(BackupError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BackupWriter.failure("open", path) }
    do throws(BackupError) {
      let file = InputFile(descriptor: descriptor, path: path)
      let (manifest, end) = try file.manifest()
      chunks = try Self.chunks(of: file, until: end, manifest.snapshot)
      self.manifest = manifest
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }

  /// Calls `visit` with every row of `table`, in the order of their keys.
  ///
  /// - Throws: what `visit` throws; `BackupError` if the file has changed since it was opened.
  public func rows(
    of table: UInt8, _ visit: (_ key: [UInt8], _ value: [UInt8]) throws -> Void
  ) throws {
    for place in chunks.indices where chunks[place].tables.contains(table) {
      for row in try rows(ofChunk: place) where row.table == table {
        try visit(row.key, row.value ?? [])
      }
    }
  }

  var chunkCount: Int { chunks.count }

  func hash(ofChunk place: Int) -> [UInt8] { chunks[place].hash }

  func rows(ofChunk place: Int) throws(BackupError) -> [RowChange] {
    let chunk = chunks[place]
    let bytes = try InputFile(descriptor: descriptor, path: path)
      .bytes(at: chunk.offset, count: chunk.length)
    guard SnapshotHash.ofChunk(bytes) == chunk.hash, let rows = SnapshotRows.read(bytes) else {
      throw .damaged(path: path, what: "chunk \(place) has changed")
    }
    return rows
  }

  /// Reads every chunk; answers where they are.
  private static func chunks(
    of file: InputFile, until end: Int, _ snapshot: SnapshotManifest
  ) throws(BackupError) -> [Chunk] {
    var chunks: [Chunk] = []
    var offset = BackupManifest.head.count
    var hash = SnapshotHash.start
    var last: RowChange?
    func damaged(_ what: String) -> BackupError { .damaged(path: file.path, what: what) }
    while true {
      let length = Int(try file.number(at: offset))
      offset += 4
      guard length > 0 else { break }
      guard length <= end - offset else { throw damaged("chunk \(chunks.count) has no end") }
      let bytes = try file.bytes(at: offset, count: length)
      guard let rows = SnapshotRows.read(bytes), let first = rows.first, let final = rows.last
      else { throw damaged("chunk \(chunks.count) holds no rows") }
      if let last {
        guard
          last.table < first.table
            || last.table == first.table && last.key.lexicographicallyPrecedes(first.key)
        else { throw damaged("chunk \(chunks.count) is not in order") }
      }
      last = final
      let own = SnapshotHash.ofChunk(bytes)
      hash = hash.appending(own)
      chunks.append(
        Chunk(offset: offset, length: length, hash: own, tables: first.table...final.table))
      offset += length
    }
    guard offset == end, chunks.count == Int(snapshot.chunkCount), hash == snapshot.hash else {
      throw damaged("its chunks together fail the hash of its manifest")
    }
    return chunks
  }
}

/// An open file, read by offsets.
private struct InputFile {
  let descriptor: Int32
  let path: String

  /// The manifest, and where it begins.
  func manifest() throws(BackupError) -> (BackupManifest, Int) {
    let head = BackupManifest.head
    let tail = BackupManifest.tail
    let size = Int(lseek(descriptor, 0, SEEK_END))
    guard size >= head.count, try bytes(at: 0, count: head.count) == head else {
      throw .notABackup(path: path)
    }
    let closing = 32 + 4 + tail.count
    guard size >= head.count + 4 + closing,
      try bytes(at: size - tail.count, count: tail.count) == tail
    else { throw .cutShort(path: path) }
    let length = Int(try number(at: size - tail.count - 4))
    guard length <= BackupManifest.bytesMax, length <= size - head.count - 4 - closing else {
      throw .damaged(path: path, what: "its manifest has no beginning")
    }
    let begin = size - closing - length
    let encoded = try bytes(at: begin, count: length)
    guard SnapshotHash.ofChunk(encoded) == (try bytes(at: begin + length, count: 32)) else {
      throw .damaged(path: path, what: "its manifest fails its hash")
    }
    guard let manifest = BackupManifest(encoded: encoded) else { throw .notABackup(path: path) }
    return (manifest, begin)
  }

  func number(at offset: Int) throws(BackupError) -> UInt32 {
    try bytes(at: offset, count: 4).reduce(0) { $0 << 8 | UInt32($1) }
  }

  func bytes(at offset: Int, count: Int) throws(BackupError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    var have = 0
    while have < count {
      let more = bytes.withUnsafeMutableBytes { bytes in
        let rest = UnsafeMutableRawBufferPointer(rebasing: bytes[have...])
        return pread(descriptor, rest.baseAddress, rest.count, off_t(offset + have))
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw BackupWriter.failure("read", path) }
      guard more > 0 else { throw .cutShort(path: path) }
      have += more
    }
    return bytes
  }
}
