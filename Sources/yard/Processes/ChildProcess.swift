internal import Foundation

/// A child that ends when we do: its standard input is a pipe that we hold open, and its end of file
/// tells it to stop.
///
/// It gets its own process group, so that Ctrl-C reaches only us, and the default signal dispositions.
actor ChildProcess {
  private static let starting = NSLock()
  nonisolated let name: String
  nonisolated let pid: pid_t
  /// Our end of its standard input, while it is open.
  private var input: Int32?
  private var status: Int32?
  private var waiters: [CheckedContinuation<Int32, Never>] = []
  private let output: FileHandle

  /// Starts `executable`; its standard error goes to the end of `log`.
  init(
    name: String, executable: String, arguments: [String], environment: [String: String] = [:],
    log: String
  ) throws {
    // A sibling that inherited our end of this child's pipe would keep the child from ever seeing its
    // end: no child is started between the making of a pipe and its being marked close-on-exec.
    Self.starting.lock()
    defer { Self.starting.unlock() }
    let toChild = try Self.makePipe()
    let fromChild = try Self.makePipe()
    let logFile = open(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    guard logFile >= 0 else {
      throw CommandError(.refused, "\(log): \(String(cString: strerror(errno)))")
    }
    defer { close(logFile) }

    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, toChild.read, STDIN_FILENO)
    posix_spawn_file_actions_adddup2(&actions, fromChild.write, STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, logFile, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var ignored = sigset_t()
    sigemptyset(&ignored)
    sigaddset(&ignored, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    posix_spawnattr_setpgroup(&attributes, 0)
    posix_spawnattr_setflags(
      &attributes, Int16(POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

    var merged = ProcessInfo.processInfo.environment
    for (key, value) in environment { merged[key] = value }
    var argv: [UnsafeMutablePointer<CChar>?] = ([executable] + arguments).map { strdup($0) }
    var envp: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0)=\($1)") }
    argv.append(nil)
    envp.append(nil)
    defer { for pointer in argv + envp { free(pointer) } }
    var child: pid_t = 0
    let failure = posix_spawn(&child, executable, &actions, &attributes, argv, envp)
    close(toChild.read)
    close(fromChild.write)
    guard failure == 0 else {
      close(toChild.write)
      close(fromChild.read)
      throw CommandError(.refused, "\(executable): \(String(cString: strerror(failure)))")
    }
    self.name = name
    pid = child
    input = toChild.write
    output = FileHandle(fileDescriptor: fromChild.read, closeOnDealloc: true)
    let reaped = child
    Thread.detachNewThread { [weak self] in
      var status: Int32 = 0
      while waitpid(reaped, &status, 0) < 0, errno == EINTR {}
      let ended = status
      Task { [weak self] in await self?.ended(ended) }
    }
  }

  /// The first line on its standard output; nil if it ended without one.
  nonisolated func firstLine() async -> String? {
    await withCheckedContinuation { continuation in
      Thread.detachNewThread { [output] in
        var line: [UInt8] = []
        var byte: UInt8 = 0
        while read(output.fileDescriptor, &byte, 1) == 1, byte != UInt8(ascii: "\n") {
          line.append(byte)
        }
        continuation.resume(
          returning: byte == UInt8(ascii: "\n") ? String(decoding: line, as: UTF8.self) : nil)
      }
    }
  }

  /// Waits for its end; the answer is `waitpid`'s status.
  func end() async -> Int32 {
    if let status { return status }
    return await withCheckedContinuation { waiters.append($0) }
  }

  /// Asks it to end, by the end of its input; kills it if it takes longer than `seconds`.
  func stop(within seconds: Int) async {
    closeInput()
    guard status == nil else { return }
    let pid = pid
    let killer = Task {
      try await Task.sleep(for: .seconds(seconds))
      kill(pid, SIGKILL)
    }
    _ = await end()
    killer.cancel()
  }

  private func closeInput() {
    guard let open = input else { return }
    input = nil
    close(open)
  }

  private func ended(_ status: Int32) {
    self.status = status
    closeInput()
    for waiter in waiters { waiter.resume(returning: status) }
    waiters = []
  }

  /// In words, how a process ended.
  static func words(_ status: Int32) -> String {
    let number = status & 0x7f
    return number == 0 ? "exit code \((status >> 8) & 0xff)" : "signal \(number)"
  }

  private static func makePipe() throws -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else {
      throw CommandError(.refused, "pipe: \(String(cString: strerror(errno)))")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }
}
