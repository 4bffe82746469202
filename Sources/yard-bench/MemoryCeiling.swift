internal import Glibc

/// A ceiling on this process's private writable memory that the kernel holds: an allocation beyond it fails,
/// and ends the process.
///
/// `RLIMIT_DATA` and not `RLIMIT_AS`: an allocator that has reserved address space for a thread takes memory
/// out of it under the latter (`getrlimit(2)`; glibc's `malloc`, `grow_heap`).
enum MemoryCeiling {
  /// Allows `headroom` bytes more than the process has now.
  ///
  /// - Throws: `Refused` if the kernel does not hold it, since a run without it would show nothing.
  static func set(headroom: Int) throws {
    guard let mapped = mappedBytes else { throw Refused(what: "/proc/self/statm is unreadable") }
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else {
      throw Refused(what: "getrlimit: \(String(cString: strerror(errno)))")
    }
    limit.rlim_cur = min(limit.rlim_max, rlim_t(mapped + headroom))
    guard setrlimit(__rlimit_resource_t(RLIMIT_DATA.rawValue), &limit) == 0 else {
      throw Refused(what: "setrlimit: \(String(cString: strerror(errno)))")
    }
    // Asked of the kernel itself: a compiler may leave out a `malloc` whose memory nobody uses.
    let beyond = mmap(nil, 2 * headroom, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    guard beyond == MAP_FAILED else {
      munmap(beyond, 2 * headroom)
      throw Refused(what: "\(2 * headroom) bytes were given in spite of it")
    }
  }

  /// Why there is no ceiling.
  struct Refused: Error, CustomStringConvertible {
    let what: String
    var description: String { "no ceiling on memory: \(what)" }
  }

  /// Bytes of private writable memory, stacks included (`proc_pid_statm(5)`, the sixth field, in pages).
  private static var mappedBytes: Int? {
    guard let file = fopen("/proc/self/statm", "r") else { return nil }
    defer { fclose(file) }
    var text = [UInt8](repeating: 0, count: 128)
    let count = fread(&text, 1, text.count, file)
    let fields = String(decoding: text[..<count], as: UTF8.self).split(separator: " ")
    return fields.count >= 6 ? Int(fields[5]).map { $0 * sysconf(Int32(_SC_PAGESIZE)) } : nil
  }
}
