internal import Glibc
public import NIOCore
internal import NIOPosix

/// Threads beside the loops of a process, for work that is long and needs nothing of theirs.
///
/// They come after the loops where there is not processor time for all: whoever has much read waits for it, and not those who want
/// something small. They are the process's own to end: `close`.
public final class WorkThreads: Sendable {
  private let pool: NIOThreadPool

  /// Starts as many threads.
  ///
  /// - Precondition: there is one at least.
  public init(count: Int) {
    precondition(count > 0, "work wants a thread")
    pool = NIOThreadPool(numberOfThreads: count)
    pool.start()
  }

  /// As many as may be busy so while loops are: half of the processors.
  public static var usualCount: Int { max(1, System.coreCount / 2) }

  /// How much nicer they are than loops: a tenth of a loop's share where both want all of one processor.
  private static let niceness: CInt = 10

  fileprivate func run(_ body: @escaping @Sendable () -> Void) {
    pool.submit { state in
      // Once closed nobody waits for it.
      guard case .active = state else { return }
      // Of this thread, again and again, since a pool tells nobody when it starts one. Where a sandbox forbids it threads are as loops are.
      _ = setpriority(CInt(PRIO_PROCESS.rawValue), 0, Self.niceness)
      body()
    }
  }

  /// Ends the threads; what has not begun is dropped.
  ///
  /// Returns when what was under way has ended. Closing twice is an error of the caller's.
  public func close() async {
    do {
      try await pool.shutdownGracefully()
    } catch {
      preconditionFailure("closed twice: \(error)")
    }
  }
}

/// What one loop has done beside it: piece by piece, in the order in which it was asked for.
///
/// ```
/// asked ──the one before has ended──► under way, on a thread ──► told, on the loop
///    └── no room: not taken   └── not wanted any more: dropped    └── not wanted any more: dropped
/// ```
/// A loop serves everybody, so what takes milliseconds for each mebibyte that a stranger sends is not to be done there. One piece of
/// each loop is under way at a time: loops that share threads share them evenly, and what nobody wants any more when its turn comes
/// costs nothing. Belongs to its loop.
public final class WorkBeside {
  private struct Piece {
    let bytes: Int
    let isWanted: () -> Bool
    let begin: () -> Void
  }

  private let eventLoop: any EventLoop
  private let threads: WorkThreads
  private let bytesMax: Int
  private var waiting: CircularBuffer<Piece> = []
  /// Bytes of what waits and of what is under way.
  public private(set) var bytes = 0
  private var isUnderWay = false

  /// What `eventLoop` has done on `threads`.
  ///
  /// - Parameters:
  ///   - eventLoop: where everything but the work happens.
  ///   - threads: where the work happens; they outlive the loop's last piece, or drop it.
  ///   - bytesMax: how much may wait, in bytes of whatever the pieces are about.
  public init(of eventLoop: any EventLoop, on threads: WorkThreads, bytesMax: Int) {
    self.eventLoop = eventLoop
    self.threads = threads
    self.bytesMax = bytesMax
  }

  /// Does a piece of work, and tells what came of it: never within this call.
  ///
  /// - Parameters:
  ///   - bytes: what it holds while it waits.
  ///   - isWanted: asked before it is begun and before it is told; if not, the rest is dropped.
  ///   - prepare: called on the loop when its turn has come; gives what is done on a thread.
  ///   - told: called on the loop with what came of it.
  /// - Returns: whether there was room for it.
  public func run<Value: Sendable>(
    _ bytes: Int, isWanted: @escaping () -> Bool,
    prepare: @escaping () -> @Sendable () -> Value, told: @escaping (Value) -> Void
  ) -> Bool {
    if self.bytes + bytes > bytesMax { forgetUnwanted() }
    guard self.bytes + bytes <= bytesMax else { return false }
    self.bytes += bytes
    waiting.append(
      Piece(bytes: bytes, isWanted: isWanted) { [unowned self] in
        let work = prepare()
        let end = NIOLoopBound(
          { [self] (value: Value) in
            // The next is on its way while this one is told.
            ended(bytes)
            if isWanted() { told(value) }
          }, eventLoop: eventLoop)
        threads.run { [eventLoop] in
          let value = work()
          eventLoop.execute { end.value(value) }
        }
      })
    beginNext()
    return true
  }

  private func beginNext() {
    while !isUnderWay, let piece = waiting.popFirst() {
      guard piece.isWanted() else {
        bytes -= piece.bytes
        continue
      }
      isUnderWay = true
      piece.begin()
    }
  }

  private func ended(_ bytes: Int) {
    self.bytes -= bytes
    isUnderWay = false
    beginNext()
  }

  private func forgetUnwanted() {
    waiting.removeAll { piece in
      guard !piece.isWanted() else { return false }
      bytes -= piece.bytes
      return true
    }
  }
}
