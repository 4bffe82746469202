internal import ArgumentParser
internal import ExchangeClient
internal import Foundation
internal import Identity
internal import Logging
internal import Synchronization

/// A node's configuration file, read again when SIGHUP arrives.
///
/// ```
/// running ──SIGHUP──► read, parsed, checked ──► what may change at once does, the rest is named ──► running
///                          └── wrong ──► said by line and key, nothing has changed ──► running
/// ```
///
/// All changes of one file take effect together, or none does. A signal that arrives meanwhile is a further reading, of the
/// file as it then is. A node that was started without a file takes SIGHUP as any process does: it ends. One that was given
/// further files which are to be read again (a gateway's certificate) reads those.
enum ConfigurationReload {
  /// What the process was started with.
  private static let started = Mutex<ConfiguredArguments?>(nil)

  /// Remembers for `run` what is to be read again.
  static func begin(with arguments: ConfiguredArguments) {
    started.withLock { $0 = arguments }
  }

  /// Reads the file again with every signal, until the task is cancelled.
  ///
  /// - Parameters:
  ///   - command: the node's.
  ///   - hasFurtherFiles: whether there is something to read again without a configuration file too; then SIGHUP is kept already.
  ///   - apply: takes over what may change at once, all of it or, if it throws, nothing.
  /// - Returns: the task; nil where there is nothing to read.
  static func run<Command: ParsableCommand & SendableMetatype>(
    _ command: Command.Type, hasFurtherFiles: Bool = false,
    apply: @escaping @Sendable (Command) throws -> Void
  ) -> Task<Void, Never>? {
    guard let begun = started.withLock({ $0 }), begun.file != nil || hasFurtherFiles else {
      return nil
    }
    let live = begun.file?.role.live ?? []
    return Task {
      let log = Logger(label: "yard")
      var running = begun.fromFile
      for await _ in Signals.reloads {
        do {
          let read = try ConfiguredArguments(Array(CommandLine.arguments.dropFirst()))
          guard let new = try read.parse() as? Command else {
            throw CommandError(.usage, "the file is another node's")
          }
          let next = read.fromFile
          let changed = Set(next.keys).union(running.keys).filter { next[$0] != running[$0] }
          try apply(new)
          for key in changed.intersection(live) { running[key] = next[key] }
          log.notice(
            "configuration read again",
            metadata: [
              "applied": "\(words(changed.intersection(live)))",
              "at_next_start": "\(words(changed.subtracting(live)))",
            ])
        } catch {
          let reason = (error as? CommandError)?.message ?? Yard.message(for: error)
          log.error("configuration refused, nothing has changed", metadata: ["reason": "\(reason)"])
        }
      }
    }
  }

  /// Has a certificate that was read used; says so if it is older than the one in use, which stays until the next start.
  static func use(_ read: NodeIdentity, in renewal: CertificateRenewal) {
    guard !renewal.use(read) else { return }
    Logger(label: "yard").warning(
      "the certificate in use was issued later than the file's and stays until the next start",
      metadata: ["file_issued": "\(read.issuedAt)"])
  }

  private static func words(_ keys: Set<String>) -> String {
    keys.isEmpty ? "none" : keys.sorted().joined(separator: ",")
  }
}
