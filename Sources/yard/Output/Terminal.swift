internal import Foundation

/// The process's standard streams: results go to output, everything said to people about them to error.
enum Terminal {
  /// Writes bytes to standard output at once.
  static func write(_ bytes: [UInt8]) { writeAll(bytes, to: STDOUT_FILENO) }
  /// Writes text to standard output at once.
  static func write(_ text: String) { write(Array(text.utf8)) }
  /// Writes a line to standard error.
  static func note(_ line: String) { writeAll(Array((line + "\n").utf8), to: STDERR_FILENO) }

  private static func writeAll(_ bytes: [UInt8], to descriptor: Int32) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let written = rest.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if written < 0 {
        if errno == EINTR { continue }
        // Whoever read our output has gone (`yard … | head`): there is nobody left to tell.
        Foundation.exit(descriptor == STDOUT_FILENO ? ExitStatus.interrupted.rawValue : 1)
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
