internal import Glibc

/// Tells when a file that another process has open is written to, by inotify.
///
/// Where inotify is not to be had (its limits are reached, or the file system has none), a wait ends with its time.
final class FileWatch {
  private let descriptor: Int32

  /// Watches the file at `path` from now on: what is written between two waits ends the next one at once.
  init(path: String) {
    descriptor = inotify_init1(Int32(IN_NONBLOCK | IN_CLOEXEC))
    if descriptor >= 0 { _ = inotify_add_watch(descriptor, path, UInt32(IN_MODIFY)) }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }

  /// Waits until the file has been written to, or for so many milliseconds.
  func wait(milliseconds: Int32) {
    // A negative descriptor is passed over (poll(2)), which leaves the time.
    var asked = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard poll(&asked, 1, milliseconds) > 0 else { return }
    // An event is 16 bytes, and equal ones that follow each other are one (inotify(7)).
    var events = [UInt8](repeating: 0, count: 4_096)
    while read(descriptor, &events, events.count) > 0 {}
  }
}
