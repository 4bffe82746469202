internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// What a process that ran `yard` answers its shell.
enum ExitStatus: Int32 {
  /// It was done.
  case done = 0
  /// The arguments make no sense.
  case usage = 2
  /// The cluster, a file or this machine refused.
  case refused = 3
  /// No coordinator (or other process) answered in time.
  case unavailable = 4
  /// The job ended without success.
  case jobFailed = 5
  /// The replica of a coordinator died, and its process with it, at once.
  case replicaDied = 70
  /// Ctrl-C, or a signal to end.
  case interrupted = 130
}

/// The end of a command without success: one line for people, one code for scripts.
struct CommandError: Error {
  let code: ExitStatus
  /// Empty if everything has been said already.
  let message: String

  init(_ code: ExitStatus, _ message: String) {
    self.code = code
    self.message = message
  }

  /// What became of a request, for people.
  init(_ failure: ClientFailure) {
    switch failure {
    case .refused(let failure):
      self.init(.refused, failure.line)
    case .unavailable(let cause, let waited):
      let seconds = Double(waited / 100) / 10
      self.init(.unavailable, "unavailable after \(seconds) s: \(cause)")
    case .violated(let what):
      self.init(.unavailable, "a coordinator broke the protocol: \(what)")
    }
  }

  /// An answer of another kind than asked for.
  static func unexpected(_ message: Message) -> CommandError {
    CommandError(.violated("it answered with \(type(of: message.content).kind.name)"))
  }
}

extension Failure {
  /// The code's name and the message, on one line.
  var line: String {
    let name = errorCode?.name ?? "error \(code)"
    let flat = message.split(whereSeparator: \.isNewline).joined(separator: " ")
    return "\(name): \(flat)"
  }
}

/// Calls the client library, and throws its failures as this program reports them.
func reporting<Value: Sendable>(
  _ body: () async throws(ClientFailure) -> Value
) async throws(CommandError) -> Value {
  do { return try await body() } catch { throw CommandError(error) }
}
