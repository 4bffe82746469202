internal import Dispatch
internal import Foundation
internal import Glibc
internal import Synchronization

/// Runs a tool and takes what it says, within a bounded time and up to a bounded size.
///
/// ```
/// idle ──run──► reading ──end of output──► reaping ──► idle
///                  └── too long, too much ──► killed, reaping ──► idle
/// ```
/// A tool that cannot be killed, since its driver holds it in the kernel, stays in `reaping`, and no other is started.
final class ToolRun: Sendable {
  /// How long a tool may take.
  static let seconds = 5
  /// How much it may say: more than `amd-smi` does of eight divided GPUs.
  static let bytesMax = 2 << 20

  private let isBusy = Mutex(false)

  /// Runs `executable`; its input is empty, and what it says as errors is dropped.
  ///
  /// - Returns: what it wrote to its standard output, whatever it ended with.
  func output(_ executable: String, _ arguments: [String]) async throws(GPUProbeError) -> String {
    guard
      isBusy.withLock({ busy in
        defer { busy = true }
        return !busy
      })
    else { throw .hangs(executable) }
    let result: Result<String, GPUProbeError> = await withCheckedContinuation { continuation in
      // Reading waits: not on a thread that others need.
      Thread.detachNewThread { [self] in
        continuation.resume(returning: blockingOutput(executable, arguments))
      }
    }
    return try result.get()
  }

  private func blockingOutput(
    _ executable: String, _ arguments: [String]
  ) -> Result<String, GPUProbeError> {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { return notStarted(executable, errno) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    defer { close(ends[0]) }
    let child = spawn(executable, arguments, output: ends[1])
    close(ends[1])
    guard case .success(let pid) = child else {
      if case .failure(let failure) = child { return notStarted(executable, failure.code) }
      preconditionFailure("a result is one or the other")
    }
    let read = read(ends[0], from: executable)
    // Its output has ended, or nobody wants more of it: so has the tool, with whatever it started.
    kill(-pid, SIGKILL)
    let reaped = DispatchSemaphore(value: 0)
    Thread.detachNewThread { [self] in
      var status: Int32 = 0
      while waitpid(pid, &status, 0) < 0, errno == EINTR {}
      isBusy.withLock { $0 = false }
      reaped.signal()
    }
    // One that is held by its driver is left to its own thread.
    _ = reaped.wait(timeout: .now() + .seconds(1))
    return read
  }

  private func notStarted(_ executable: String, _ code: Int32) -> Result<String, GPUProbeError> {
    isBusy.withLock { $0 = false }
    return .failure(.notStarted(executable, String(cString: strerror(code))))
  }

  private struct SpawnFailure: Error { let code: Int32 }

  private func spawn(
    _ executable: String, _ arguments: [String], output: Int32
  ) -> Result<pid_t, SpawnFailure> {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO)
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var ignored = sigset_t()
    sigemptyset(&ignored)
    sigaddset(&ignored, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
    // The worker's secrets are none of the tool's business.
    var variables = ["PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C"]
    if let libraries = ProcessInfo.processInfo.environment["LD_LIBRARY_PATH"] {
      variables.append("LD_LIBRARY_PATH=\(libraries)")
    }
    var environment = variables.map { strdup($0) }
    var words = ([executable] + arguments).map { strdup($0) }
    defer { for word in environment + words { free(word) } }
    environment.append(nil)
    words.append(nil)
    var child: pid_t = 0
    let code = posix_spawn(&child, executable, &actions, &attributes, words, environment)
    return code == 0 ? .success(child) : .failure(SpawnFailure(code: code))
  }

  private func read(_ descriptor: Int32, from executable: String) -> Result<String, GPUProbeError> {
    let deadline = ContinuousClock.now + .seconds(Self.seconds)
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 64 << 10)
    while true {
      let left = (deadline - .now).components
      let milliseconds = left.seconds * 1_000 + left.attoseconds / 1_000_000_000_000_000
      guard milliseconds > 0 else { return .failure(.tooSlow(executable)) }
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      guard poll(&waiting, 1, Int32(milliseconds)) > 0 else { continue }
      let count = part.withUnsafeMutableBytes {
        Glibc.read(descriptor, $0.baseAddress, $0.count)
      }
      if count == 0 { return .success(String(decoding: bytes, as: UTF8.self)) }
      if count < 0 {
        if errno == EINTR { continue }
        return .failure(.notStarted(executable, String(cString: strerror(errno))))
      }
      bytes += part[..<count]
      guard bytes.count <= Self.bytesMax else { return .failure(.tooMuch(executable)) }
    }
  }
}
