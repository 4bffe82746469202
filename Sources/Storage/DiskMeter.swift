internal import LMDB
internal import Synchronization

/// How much of what a store may have it uses.
///
/// ```
///  0 ───────────── 4/5 ────────── 9/10 ────── capacity = min(budget, end of the file + free room)
///    all is taken    no new jobs     what has begun ends
/// ```
struct DiskUse: Hashable {
  /// What the store was given, in bytes.
  var budgetBytes: Int
  /// The end of its file: pages before it that are free are the store's to use again.
  var fileBytes = 0
  /// Bytes in pages that hold something.
  var usedBytes = 0
  /// What the file system has left beside it, in bytes; nil if it does not say.
  var roomBytes: Int?

  /// The most that the store can come to use, in bytes.
  var capacityBytes: Int {
    guard let roomBytes else { return budgetBytes }
    let (end, overflow) = fileBytes.addingReportingOverflow(max(0, roomBytes))
    return overflow ? budgetBytes : min(budgetBytes, end)
  }
  /// From here on no new work should begin.
  var scarceBytes: Int { capacityBytes / 5 * 4 }
  /// From here on what has begun should end.
  var spentBytes: Int { capacityBytes / 10 * 9 }

  var isNearlyFull: Bool { usedBytes >= scarceBytes }
  var isSpent: Bool { usedBytes >= spentBytes }
}

/// Watches the disk: what the store uses, after its commits, and what the file system has left, whoever takes it.
///
/// The end of the file is cheap to ask, and suffices while it lies under the threshold. Beyond it free
/// pages count, and counting them walks a list: that is done when the file has grown, and now and then
/// to see it shrink. The file system is asked by whoever asks the meter, for a store to which nothing is written
/// any more must still notice that there is room again.
final class DiskMeter: Sendable {
  /// How often the file system is asked at most.
  static let roomInterval = Duration.seconds(1)
  /// How often pages are counted while there is no need to, so that a volume which others fill finds a figure.
  static let countInterval = Duration.seconds(10)
  private static let commitsBetweenCounts = 64

  private struct State {
    var use: DiskUse
    /// The end of the file when pages were counted last.
    var countedFileBytes = 0
    var commitsSinceCount = 0
    var countedAt: ContinuousClock.Instant?
    var askedAt: ContinuousClock.Instant?

    /// Whether pages must be counted, now that the file ends there.
    func mustCount(fileBytes: Int, now: ContinuousClock.Instant) -> Bool {
      guard let countedAt else { return true }
      if fileBytes >= use.scarceBytes {
        return fileBytes > countedFileBytes || commitsSinceCount >= DiskMeter.commitsBetweenCounts
      }
      return now - countedAt >= DiskMeter.countInterval
    }
  }

  private let state: Mutex<State>
  /// What the file system has left, in bytes.
  private let room: @Sendable () -> Int?

  /// A meter that has not looked yet: `update` it before anything is asked of it.
  init(budgetBytes: Int, room: @escaping @Sendable () -> Int?) {
    state = Mutex(State(use: DiskUse(budgetBytes: budgetBytes)))
    self.room = room
  }

  /// How full the disk is, with what the file system says now or said a moment ago.
  func use(now: ContinuousClock.Instant) -> DiskUse {
    let isOld = state.withLock { state in
      if let askedAt = state.askedAt, now - askedAt < Self.roomInterval { return false }
      state.askedAt = now
      return true
    }
    // Outside of the lock: the writer must not wait for a file system that takes its time.
    let roomBytes = isOld ? room() : nil
    return state.withLock { state in
      if isOld { state.use.roomBytes = roomBytes }
      return state.use
    }
  }

  /// Looks again, after a commit.
  func update(from environment: Environment, now: ContinuousClock.Instant) throws {
    let fileBytes = try environment.highWaterBytes()
    _ = use(now: now)
    let mustCount = state.withLock { state in
      state.commitsSinceCount += 1
      state.use.usedBytes += max(0, fileBytes - state.use.fileBytes)
      state.use.fileBytes = fileBytes
      return state.mustCount(fileBytes: fileBytes, now: now)
    }
    guard mustCount else { return }
    let used = try environment.statistics().bytesUsed
    state.withLock { state in
      state.use.usedBytes = used
      state.countedFileBytes = fileBytes
      state.commitsSinceCount = 0
      state.countedAt = now
    }
  }
}
