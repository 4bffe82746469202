internal import CHeap
internal import Dispatch
internal import Foundation

/// Memory that the C library keeps and nobody uses: a node gives it back to the system when it has time.
///
/// glibc gives back by itself only what lies at the end of each of its heaps, so after a flood of connections or of long bodies a node
/// would keep for ever what they took at once. To look through the heaps for whole free pages takes milliseconds in which others who
/// want memory wait, so it is not done while there is much to do.
struct SpareHeap {
  /// So much may be spare, in bytes, beyond what could not be given back the last time.
  static let keptMax = 8 << 20
  /// Between two looks, in seconds.
  static let interval = 10.0
  /// Who uses more of a processor than this has other things to do.
  static let idleShare = 0.1

  private var processorSeconds = 0.0
  private var spareThen = 0

  /// Whether there was little to do since this was asked last, of a process that has taken so many seconds of processor time in all.
  mutating func isIdle(_ processorSeconds: Double) -> Bool {
    defer { self.processorSeconds = processorSeconds }
    return processorSeconds - self.processorSeconds <= Self.idleShare * Self.interval
  }

  /// Whether so many spare bytes are to be given back.
  mutating func isDue(_ spare: Int) -> Bool {
    spareThen = min(spareThen, spare)
    return spare > spareThen + Self.keptMax
  }

  /// So many are spare after it.
  mutating func gaveBack(_ spare: Int) { spareThen = spare }
}

extension SpareHeap {
  /// Seconds of processor time that this process has taken; it is counted in millionths (clock(3)).
  static var processorSeconds: Double { Double(clock()) / 1_000_000 }

  /// Bytes in memory that are this process's own and no file's, and not in use; nil where the system does not say, or where
  /// another heap stands in for the C library's (a sanitizer's), of which the library knows nothing.
  static var spare: Int? {
    let inUse = heap_bytes_in_use()
    guard inUse > 0, let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    else {
      return nil
    }
    // Pages: of the program, in memory, and of these the files' (proc_pid_statm(5)).
    let pages = text.split(separator: " ").prefix(3).compactMap { Int($0) }
    guard pages.count == 3 else { return nil }
    return max(0, (pages[1] - pages[2]) * Int(getpagesize()) - inUse)
  }

  /// Looks now and then, as long as the process lives; to be called once.
  static func giveBackWhenIdle() {
    let timer = DispatchSource.makeTimerSource(queue: .global(qos: .utility))
    var heap = SpareHeap()
    timer.schedule(deadline: .now() + interval, repeating: interval, leeway: .seconds(1))
    timer.setEventHandler {
      // The source keeps its handler, and the handler the source.
      _ = timer
      guard heap.isIdle(processorSeconds), let spare, heap.isDue(spare) else { return }
      malloc_trim(0)
      if let spare = Self.spare { heap.gaveBack(spare) }
    }
    timer.activate()
  }
}
