internal import Foundation

/// Limits of a node's process.
enum ProcessLimits {
  /// No memory image is written when the process crashes: it would hold prompts, API keys and private keys.
  ///
  /// A system that pipes images to a program (`core_pattern` with `|`) asks for them all the same: what it is then given has
  /// registers and no memory (`coredump_filter`, core(5)).
  static func writeNoCore() {
    let filter = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC)
    if filter < 0 || write(filter, "0", 1) != 1 {
      Terminal.note(
        "yard: what a core dump holds stays as it is: \(String(cString: strerror(errno)))")
    }
    if filter >= 0 { close(filter) }
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    if setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &none) != 0 {
      Terminal.note("yard: core dumps stay as they are: \(String(cString: strerror(errno)))")
    }
  }

  /// Allows as many descriptors as the system lets us: one for each connection.
  static func raiseDescriptors() {
    var limit = rlimit()
    let kind = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard getrlimit(kind, &limit) == 0, limit.rlim_cur < limit.rlim_max else { return }
    limit.rlim_cur = limit.rlim_max
    if setrlimit(kind, &limit) != 0 {
      Terminal.note(
        "yard: the limit of open files stays as it is: \(String(cString: strerror(errno)))")
    }
  }
}
