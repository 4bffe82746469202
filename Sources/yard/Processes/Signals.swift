internal import Foundation

/// SIGINT and SIGTERM as values instead of interruptions.
///
/// They are blocked in every thread before the first other thread starts, so that none but `waiting`
/// ever sees them.
enum Signals {
  private static var watched: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGINT)
    sigaddset(&set, SIGTERM)
    return set
  }

  /// Keeps the signals back.
  ///
  /// Called first of all, on the main thread.
  static func hold() {
    var set = watched
    pthread_sigmask(SIG_BLOCK, &set, nil)
    // A peer that closes its end is an error of the write, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
  }

  /// The signals that arrive, from now on; one thread waits for them until the process ends.
  static func arriving() -> AsyncStream<Int32> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingOldest(4))
    Thread.detachNewThread {
      var set = watched
      while true {
        var number: Int32 = 0
        guard sigwait(&set, &number) == 0 else { continue }
        continuation.yield(number)
      }
    }
    return stream
  }
}

/// The end of standard input: how a child learns that its parent has gone, however it went.
///
/// `PDEATHSIG` will not do: it fires when the forking thread ends.
enum InheritedPipe {
  /// Finishes once standard input has reached its end.
  static func ended() async {
    let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
    Thread.detachNewThread {
      var buffer = [UInt8](repeating: 0, count: 256)
      while true {
        let count = buffer.withUnsafeMutableBytes { read(STDIN_FILENO, $0.baseAddress, $0.count) }
        if count > 0 || (count < 0 && errno == EINTR) { continue }
        break
      }
      continuation.finish()
    }
    for await _ in stream {}
  }
}

/// What ends a node: a signal, or the end of its parent.
enum NodeEnd {
  /// Waits for SIGINT or SIGTERM and, if `withInput`, for the end of standard input.
  static func arrives(withInput: Bool) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { for await _ in Signals.arriving() { return } }
      if withInput { group.addTask { await InheritedPipe.ended() } }
      await group.next()
      group.cancelAll()
    }
  }
}
