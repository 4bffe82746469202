internal import Consensus
internal import ExchangeTypes
internal import Glibc
internal import Synchronization

/// The last snapshot that a store has made of its own state.
final class Snapshots: Sendable {
  private struct State {
    var file: SnapshotFile?
    var thread: WriterThread?
  }

  private let path: String
  private let state = Mutex(State())

  /// Snapshots lie in the directory at `path` while they are made.
  init(path: String) { self.path = path }

  /// Makes one in place of the last; `completion` is called on the thread that did.
  func make(
    of volume: StoreVolume,
    _ completion: @escaping @Sendable (Result<SnapshotManifest, any Error>) -> Void
  ) {
    // The thread before has called its completion, so there is next to nothing to wait for.
    joinThread()
    drop()
    let thread = WriterThread { [self] in
      do {
        let file = try SnapshotFile(of: volume, in: path)
        state.withLock { $0.file = file }
        completion(.success(file.manifest))
      } catch {
        completion(.failure(error))
      }
    }
    guard let thread else {
      completion(.failure(SnapshotPostponed("the system has no thread left")))
      return
    }
    state.withLock { $0.thread = thread }
  }

  func chunk(_ number: UInt32) throws -> SnapshotChunk {
    guard let file = state.withLock({ $0.file }) else {
      throw SnapshotPostponed("there is no snapshot any more")
    }
    return try file.chunk(number)
  }

  func drop() { state.withLock { $0.file = nil } }

  /// Waits for a snapshot that is being made, and drops it.
  func close() {
    joinThread()
    drop()
  }

  private func joinThread() {
    let thread = state.withLock { state in
      defer { state.thread = nil }
      return state.thread
    }
    thread?.join()
  }
}

/// A snapshot's chunks, one behind the other in a file without a name: it is gone with the process.
///
/// It is not flushed: whoever starts again makes another.
private final class SnapshotFile: Sendable {
  let manifest: SnapshotManifest
  private let path: String
  private let descriptor: Int32
  private let hashes: [[UInt8]]
  /// Where each chunk begins, and where the last one ends.
  private let offsets: [Int]

  init(of volume: StoreVolume, in directory: String) throws {
    path = directory + "/snapshot"
    let file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.failure("open", path) }
    unlink(path)
    var builder = SnapshotBuilder()
    var offsets = [0]
    let mark: AppliedMark?
    do {
      mark = try volume.withStoreError {
        try volume.forEachRow { table, key, value in
          guard let chunk = builder.add(table: table, key: key, value: value) else { return }
          offsets.append(try Self.append(chunk, to: file, at: offsets[offsets.count - 1]))
        }
      }
      if let chunk = builder.finish() {
        offsets.append(try Self.append(chunk, to: file, at: offsets[offsets.count - 1]))
      }
    } catch StoreError.diskFull {
      Glibc.close(file)
      throw SnapshotPostponed("the file system has no room left")
    } catch {
      Glibc.close(file)
      throw error
    }
    guard let mark, offsets.count > 1 else {
      Glibc.close(file)
      throw SnapshotPostponed("there is no state yet")
    }
    descriptor = file
    manifest = builder.manifest(mark)
    hashes = builder.chunkHashes
    self.offsets = offsets
  }

  deinit { close(descriptor) }

  func chunk(_ number: UInt32) throws(StoreError) -> SnapshotChunk {
    let place = Int(number)
    precondition(place < hashes.count, "there is no chunk \(number)")
    var bytes = [UInt8](repeating: 0, count: offsets[place + 1] - offsets[place])
    let count = pread(descriptor, &bytes, bytes.count, offsets[place])
    guard count == bytes.count, SnapshotHash.ofChunk(bytes) == hashes[place] else {
      throw .system(
        operation: "read chunk \(number) of", path: path,
        message: count < 0 ? String(cString: strerror(errno)) : "its bytes are not those written")
    }
    return SnapshotChunk(
      snapshot: manifest.hash, number: number, hash: hashes[place], bytes: bytes)
  }

  /// Writes `bytes`, and answers the offset behind them.
  private static func append(
    _ bytes: [UInt8], to descriptor: Int32, at offset: Int
  ) throws(StoreError) -> Int {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        let rest = UnsafeRawBufferPointer(rebasing: bytes[written...])
        return pwrite(descriptor, rest.baseAddress, rest.count, off_t(offset + written))
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("write", "a snapshot") }
      written += count
    }
    return offset + bytes.count
  }

  private static func failure(_ operation: String, _ path: String) -> StoreError {
    StoreError(errno: errno, operation, path)
  }
}
