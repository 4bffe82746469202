internal import Logging

/// Logs of nodes: one line each to standard error.
enum Logs {
  static func begin() {
    LoggingSystem.bootstrap { label in StreamLogHandler.standardError(label: label) }
  }
}
