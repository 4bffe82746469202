internal import Foundation

/// SIGINT, SIGTERM and SIGHUP as values instead of interruptions.
///
/// A handler writes the signal's number to a pipe, which a thread reads. Blocking them and `sigwait`
/// would not do: libdispatch parks the main thread in `sigsuspend` with nothing blocked.
enum Signals {
  /// Both ends of the pipe; made before a handler is installed, for the life of the process.
  private static let pipe: (read: Int32, write: Int32) = {
    var ends: [Int32] = [-1, -1]
    precondition(Foundation.pipe(&ends) == 0, "no pipe: \(String(cString: strerror(errno)))")
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }()

  /// What has arrived: ends, each of which counts, and reloads, of which many are one.
  private static let arrivals: (ends: AsyncStream<Int32>, reloads: AsyncStream<Int32>) = {
    let (ends, ending) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingOldest(4))
    let (reloads, reloading) = AsyncStream.makeStream(
      of: Int32.self, bufferingPolicy: .bufferingNewest(1))
    let source = pipe.read
    Thread.detachNewThread {
      var byte: UInt8 = 0
      while true {
        let count = read(source, &byte, 1)
        if count == 1 {
          (Int32(byte) == SIGHUP ? reloading : ending).yield(Int32(byte))
        } else if !(count < 0 && errno == EINTR) {
          reloading.finish()
          return ending.finish()
        }
      }
    }
    return (ends, reloads)
  }()

  private static func take(_ numbers: [Int32]) {
    for number in numbers {
      signal(number) { number in
        // Only what is async-signal-safe (signal-safety(7)): one write.
        var byte = UInt8(truncatingIfNeeded: number)
        let saved = errno
        _ = write(Signals.pipe.write, &byte, 1)
        errno = saved
      }
    }
  }

  /// Installs the handlers of the signals that end a process; once.
  private static let endsAreTaken: Void = take([SIGINT, SIGTERM])

  /// A peer that closes its end is an error of the write, not the end of the process.
  static func ignoreBrokenPipes() { signal(SIGPIPE, SIG_IGN) }

  /// The signals to end that arrive from now on, which no longer end the process; for one consumer at a time.
  static func arriving() -> AsyncStream<Int32> {
    let arriving = arrivals.ends
    _ = endsAreTaken
    return arriving
  }

  /// SIGHUP no longer ends the process: what arrives from now on waits for `reloads`.
  static func keepReloads() {
    _ = arrivals
    take([SIGHUP])
  }

  /// SIGHUP, for one consumer: what arrives while one is dealt with counts once more, after it.
  static var reloads: AsyncStream<Int32> { arrivals.reloads }
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
  ///
  /// If `isHurried`, a SIGINT after that ends the process at once: whoever sees it wait and asks again does not want to wait.
  static func arrives(withInput: Bool, isHurried: Bool = true) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in Signals.arriving() { break }
        guard isHurried else { return }
        Task.detached {
          for await number in Signals.arriving() where number == SIGINT {
            Foundation.exit(ExitStatus.interrupted.rawValue)
          }
        }
      }
      if withInput { group.addTask { await InheritedPipe.ended() } }
      await group.next()
      group.cancelAll()
    }
  }
}
