internal import Glibc
internal import LMDB

/// Keeps the end of LMDB's file ahead of the pages in use.
///
/// A flush that makes a file longer waits for the file system's journal, which all files share; one that writes over what
/// is there already goes to the disk alone, in a third of the time or less (decision 46). So zeros are
/// written a step ahead, and pages over them.
struct FileRoom {
  /// So much at a time: a second's log of a quiet leader, a tenth of a second's of a busy one.
  static let stepBytes = 1 << 20

  private let mapBytes: Int
  /// Where the file ended when it was looked at last: not before that now.
  private var endBytes = 0

  /// Room in a file that can grow to `mapBytes`.
  init(mapBytes: Int) { self.mapBytes = mapBytes }

  /// Makes room if less than half a step is left, in a file that is larger than a step: a small one is not worth it.
  ///
  /// Where there is no room to spare, none is taken: what needs it will say so.
  mutating func prepare(_ environment: Environment, _ use: DiskUse) throws(LMDBError) {
    guard use.fileBytes >= Self.stepBytes, use.fileBytes + Self.stepBytes / 2 > endBytes else {
      return
    }
    endBytes = try environment.fileBytes()
    guard use.fileBytes + Self.stepBytes / 2 > endBytes, !use.isNearlyFull,
      use.roomBytes ?? .max > 64 * Self.stepBytes, endBytes + Self.stepBytes <= mapBytes
    else { return }
    do throws(LMDBError) {
      try environment.extendFile(by: Self.stepBytes)
    } catch {
      guard error.code == ENOSPC || error.code == EDQUOT else { throw error }
      return
    }
    endBytes += Self.stepBytes
  }
}
