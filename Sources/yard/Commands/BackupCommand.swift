internal import ArgumentParser
internal import ExchangeCore
internal import ExchangeTypes
internal import Foundation
internal import Storage
internal import WireProtocol

/// `yard backup`.
struct BackupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Write a coordinator's state to a file, while it runs.",
    discussion: """
      Run it on the coordinator's machine, as its user. What is written is one state, whatever is committed meanwhile,
      read back whole before this ends. Everything is in it that this coordinator's log had when the command began: it waits
      for --patience until that is applied and written. With a cluster (--endpoint, YARD_ENDPOINTS or a context) the leader is
      asked first how far it has committed, and that is waited for as well: a coordinator that was cut off has all of
      its own log, and not what the others acknowledged meanwhile. One that has stopped, or reaches no majority, does
      not get there; then the backup says how many entries it is behind. One that has diverged is refused.

      Prompts and outputs are in it as they rest: sealed; the keyring, which opens them, is not in it. Nor are
      certificates: keep yard init's directory.

      Example: yard backup --dir /var/lib/switchyard/coordinator /backup/switchyard-$(date +%F).backup
      """)

  @Argument(help: "The file to make; an existing one is never replaced.") var file: String
  @Option(help: ArgumentHelp("The coordinator's directory.", valueName: "dir")) var dir: String
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let word = try await clusterWord()
    try BackupReport.refusing {
      let written = try BackupWriter.write(
        NodeDirectory(path: dir).data, to: file, now: UInt64(Date().timeIntervalSince1970),
        patience: .seconds(cluster.patience), reaching: word?.committed ?? LogIndex(0))
      if word?.diverged.contains(written.manifest.replica) == true {
        try FileManager.default.removeItem(atPath: file)
        throw CommandError(
          .refused,
          "coordinator \(written.manifest.replica) has another state than the majority: take the backup at another one"
        )
      }
      // A backup that nobody has read is none.
      BackupReport.print(
        try BackupReport.verified(file), asJSON: cluster.isJSON, "written to \(file)",
        behind: written.entriesBehind, committed: word?.committed)
    }
  }

  /// What coordinators said before the backup began.
  private struct Word {
    /// How far the leader has committed; nil if none answered.
    let committed: LogIndex?
    let diverged: Set<ReplicaID>
  }

  /// Asks the cluster, if one is named.
  private func clusterWord() async throws -> Word? {
    let context: Context
    do {
      context = try cluster.resolve()
    } catch let error as CommandError where error.code == .usage {
      return nil
    }
    let statuses = try await CoordinatorAnswer.all(of: context, patience: cluster.patience)
      .compactMap { try? $0.result.get() }
    let leader = statuses.filter { $0.role == .leader }.max { $0.term < $1.term }
    return Word(
      committed: leader?.commitIndex,
      diverged: Set(statuses.filter { $0.divergedAt != nil }.map(\.replica)))
  }
}

/// What `yard backup` and `yard restore` share: a backup is a state that can be, or it is refused.
enum BackupReport {
  /// Reads all of the backup at `path`, and rebuilds the state from it.
  static func verified(_ path: String) throws -> BackupFile {
    let backup = try BackupFile(path: path)
    _ = try Exchange.restoring(expecting: backup.manifest.digest) { table, visit in
      try backup.rows(of: table, visit)
    }
    return backup
  }

  /// Runs `body`, and turns what it throws into a refusal.
  static func refusing(_ body: () throws -> Void) throws(CommandError) {
    do {
      try body()
    } catch let error as CommandError {
      throw error
    } catch {
      throw CommandError(.refused, "\(error)")
    }
  }

  /// Says what a backup is of, how many entries it is `behind`, if that is known, and what the leader had `committed`, if
  /// it was asked.
  static func print(
    _ backup: BackupFile, asJSON: Bool, _ what: String, behind: UInt64? = nil,
    committed: LogIndex? = nil
  ) {
    let manifest = backup.manifest
    let made = Date(timeIntervalSince1970: Double(manifest.madeAt)).ISO8601Format()
    if asJSON {
      var members: [(String, JSONText)] = [
        ("cluster", .string("\(manifest.cluster)")), ("replica", .id(manifest.replica)),
        ("index", .unsigned(manifest.index.rawValue)),
        ("digest", .string(hexadecimal(manifest.digest.bytes))),
        ("bytes", .unsigned(manifest.byteCount)), ("made_at", .string(made)),
      ]
      if let behind {
        members.append(("entries_behind", .unsigned(behind)))
        members.append(("committed", committed.map { .unsigned($0.rawValue) } ?? .null))
      }
      return Terminal.write(JSONText.object(members).line)
    }
    Terminal.write(
      "\(what): cluster \(manifest.cluster), the state after entry \(manifest.index) of coordinator "
        + "\(manifest.replica) on \(made), \(manifest.byteCount) bytes of rows, digest "
        + "\(hexadecimal(manifest.digest.bytes).prefix(12))\n")
    guard let behind else { return }
    if behind > 0 {
      Terminal.write(
        "entries that are not in it: \(behind). The coordinator does not run, reaches no majority, or was cut off from "
          + "one; if another one does, take the backup there.\n")
    }
    if committed == nil {
      Terminal.write(
        "no leader was asked, so what the cluster has beyond this coordinator's own log is not known: name the cluster "
          + "(--endpoint, --identity, --key-file), or look that it is not behind (yard cluster status)\n"
      )
    }
  }
}
