internal import Foundation
internal import Glibc

/// A secret that a command is given: by a file, on the command line, or in the environment, in this order.
///
/// Only the first is shown to nobody: a command line is every user's of the machine to see (`ps`), and an
/// environment is the user's own and root's.
enum GivenSecret {
  /// More than any key or invitation.
  private static let bytesMax = 4_096

  /// The secret.
  ///
  /// - Parameters:
  ///   - file: a file with mode 0600, or `-` for the first line of standard input.
  ///   - option: what stands on the command line.
  ///   - variable: the variable of the environment.
  /// - Returns: the secret without the blanks around it; nil if none of the three names one.
  /// - Throws: `CommandError` if the file is not there, or others may read it.
  static func read(file: String?, option: String?, variable: String) throws -> String? {
    let given: String?
    if let file {
      given = file == "-" ? firstLine() : try content(of: file)
    } else {
      given = option ?? ProcessInfo.processInfo.environment[variable]
    }
    guard let text = given?.trimmingCharacters(in: .whitespacesAndNewlines), !text.isEmpty else {
      return nil
    }
    return text
  }

  private static func content(of path: String) throws -> String {
    guard let data = try PrivateFile.read(path) else {
      throw CommandError(.refused, "there is no file \(path)")
    }
    guard data.count <= bytesMax, let text = String(data: data, encoding: .utf8) else {
      throw CommandError(.refused, "\(path) is no file with a key or an invitation")
    }
    return text
  }

  /// One byte at a time: what comes behind the line is somebody else's.
  private static func firstLine() -> String {
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while line.count < bytesMax, Glibc.read(STDIN_FILENO, &byte, 1) == 1, byte != UInt8(ascii: "\n")
    {
      line.append(byte)
    }
    return String(decoding: line, as: UTF8.self)
  }
}
