import Logging

/// A line that a logger wrote, for tests that read logs.
struct LoggedLine: Sendable {
  let level: Logger.Level
  let message: String
  let fields: [String: String]

  /// A logger of every level, and its lines.
  static func logger() -> (Logger, AsyncStream<LoggedLine>) {
    let (lines, continuation) = AsyncStream.makeStream(of: LoggedLine.self)
    return (Logger(label: "t") { _ in Handler(lines: continuation) }, lines)
  }

  private struct Handler: LogHandler {
    let lines: AsyncStream<LoggedLine>.Continuation
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = metadata.merging(event.metadata ?? [:]) { $1 }
      lines.yield(
        LoggedLine(
          level: event.level, message: "\(event.message)", fields: fields.mapValues { "\($0)" }))
    }
  }
}
