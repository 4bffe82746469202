internal import Foundation
internal import Logging
internal import Synchronization

/// The log of a process: one line an event to standard error, each module from its own level on.
enum Logs {
  private static let output = LogOutput()

  /// Begins the log, as text from `info` on; once for a process, before anything logs.
  static func begin() {
    LoggingSystem.bootstrap { module in LogHandlerOfModule(module, output) }
  }

  /// Logs as a node's options say from now on.
  static func set(_ options: LogOptions) throws {
    output.set(try options.levels)
    output.set(options.logFormat)
  }

  /// Logs from these levels on from now on.
  static func set(_ levels: LogLevels) { output.set(levels) }
}

/// Where all loggers of a process write.
private final class LogOutput: Sendable {
  private let levels = Mutex(LogLevels())
  private let format = Mutex(LogFormat.text)
  /// Whether the last line was cut off; two lines never mix, since each is written under it.
  private let isCut = Mutex(false)

  func set(_ levels: LogLevels) { self.levels.withLock { $0 = levels } }

  func set(_ format: LogFormat) { self.format.withLock { $0 = format } }

  func level(of module: String) -> Logger.Level { levels.withLock { $0[module] } }

  func write(_ line: LogLine) {
    let bytes = line.bytes(format.withLock { $0 })
    isCut.withLock { isCut in
      // A reader that is too slow for a pipe that does not block loses lines, and no more than it was given half of.
      var rest = (isCut ? [UInt8(ascii: "\n")] + bytes : bytes)[...]
      let whole = rest.count
      while !rest.isEmpty {
        let written = rest.withUnsafeBytes {
          Foundation.write(STDERR_FILENO, $0.baseAddress, $0.count)
        }
        if written >= 0 {
          rest = rest.dropFirst(written)
        } else if errno != EINTR {
          break  // Nobody reads the log, and there is nobody else to tell.
        }
      }
      if rest.count < whole { isCut = !rest.isEmpty }
    }
  }
}

/// What one module's logger writes with.
private struct LogHandlerOfModule: LogHandler {
  private let module: String
  private let output: LogOutput
  /// Set by the program for this logger alone; else the module's.
  private var ownLevel: Logger.Level?
  var metadata: Logger.Metadata = [:]

  init(_ module: String, _ output: LogOutput) {
    self.module = module
    self.output = output
  }

  var logLevel: Logger.Level {
    get { ownLevel ?? output.level(of: module) }
    set { ownLevel = newValue }
  }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    var fields = metadata.merging(event.metadata ?? [:]) { $1 }
    if let error = event.error { fields["error"] = "\(error)" }
    output.write(
      LogLine(
        time: Date(), level: event.level, module: module, message: "\(event.message)",
        fields: fields.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }))
  }
}
