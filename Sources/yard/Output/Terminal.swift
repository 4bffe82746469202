internal import Foundation

/// The process's standard streams: results go to output, everything said to people about them to error.
enum Terminal {
  /// Writes bytes to standard output at once.
  static func write(_ bytes: [UInt8]) { writeAll(bytes, to: STDOUT_FILENO) }
  /// Writes text to standard output at once.
  static func write(_ text: String) { write(Array(text.utf8)) }
  /// Writes a line to standard error.
  static func note(_ line: String) {
    writeAll(Array((plain(line, keeping: ["\n", "\t"]) + "\n").utf8), to: STDERR_FILENO)
  }

  /// Text without characters that steer a terminal (C0, DEL and C1 of ECMA-48, and what turns the direction of writing): names and words
  /// come from others, a model's from whoever offers it.
  static func plain(_ text: String, keeping kept: Set<Unicode.Scalar> = []) -> String {
    guard text.unicodeScalars.contains(where: { steers($0) && !kept.contains($0) }) else {
      return text
    }
    var plain = String.UnicodeScalarView()
    plain.append(
      contentsOf: text.unicodeScalars.map { steers($0) && !kept.contains($0) ? "\u{fffd}" : $0 })
    return String(plain)
  }

  /// Whether a character steers a terminal, or ends a line.
  static func steers(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0..<0x20, 0x7f..<0xa0, 0x200e, 0x200f, 0x2028...0x202e, 0x2066...0x2069: true
    default: false
    }
  }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        if errno == EAGAIN {
          // Somebody who shares the terminal or pipe has made it non-blocking: it is full.
          var full = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
          _ = poll(&full, 1, -1)
          continue
        }
        // What is said to people may be lost; the results may not.
        guard descriptor == STDOUT_FILENO else { return }
        // Whoever read our output has gone (`yard … | head`): there is nobody left to tell.
        Foundation.exit(ExitStatus.interrupted.rawValue)
      }
      rest = rest.dropFirst(written)
    }
  }

  /// Everything on standard input.
  static func readAll() throws -> String {
    guard let data = try FileHandle.standardInput.readToEnd() else { return "" }
    guard let text = String(data: data, encoding: .utf8) else {
      throw CommandError(.usage, "standard input is not UTF-8 text")
    }
    return text
  }
}
