import Foundation

/// A directory of one test's own (mode 0700), which is gone with its owner.
public final class TemporaryDirectory: Sendable {
  /// Where it is; short enough for a socket's name.
  public let path: String

  /// Makes it.
  public init() throws {
    // In memory where there is such a file system: a flush costs nothing there, and no test here is
    // about the machine's death.
    let memory = "/dev/shm"
    let parent =
      FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
    var template = Array((parent + "/yard-test-XXXXXX").utf8CString)
    guard mkdtemp(&template) != nil else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// The path of a file in it.
  public func file(_ name: String) -> String { "\(path)/\(name)" }
}
