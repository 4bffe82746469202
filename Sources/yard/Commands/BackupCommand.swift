internal import ArgumentParser
internal import ExchangeCore
internal import ExchangeTypes
internal import Foundation
internal import Storage

/// `yard backup`.
struct BackupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backup",
    abstract: "Write a coordinator's state to a file, while it runs.",
    discussion: """
      Run it on the coordinator's machine, as its user. What is written is one state, whatever is committed meanwhile,
      read back whole before this ends. Everything is in it that this coordinator's log had when the command began: it waits
      for --patience until that is applied and written. A coordinator that has stopped, or reaches no majority, does
      not get there; then the backup says how many entries it is behind. Prompts and outputs are in it as they rest:
      sealed; the keyring, which opens them, is not in it. Nor are certificates: keep yard init's directory.

      Example: yard backup --dir /var/lib/switchyard/coordinator /backup/switchyard-$(date +%F).backup
      """)

  @Argument(help: "The file to make; an existing one is never replaced.") var file: String
  @Option(help: ArgumentHelp("The coordinator's directory.", valueName: "dir")) var dir: String
  @Option(
    help: ArgumentHelp(
      "How long to wait until what the log has is applied and written.", valueName: "seconds"))
  var patience: Double = 5
  @Option(help: "text or json.") var output: ClusterOptions.Format = .text

  func validate() throws {
    guard patience >= 0, patience < 1e9 else {
      throw ValidationError("--patience takes a number of seconds, 0 or more")
    }
  }

  func run() throws {
    try BackupReport.refusing {
      let written = try BackupWriter.write(
        NodeDirectory(path: dir).data, to: file, now: UInt64(Date().timeIntervalSince1970),
        patience: .seconds(patience))
      // A backup that nobody has read is none.
      BackupReport.print(
        try BackupReport.verified(file), asJSON: output == .json, "written to \(file)",
        behind: written.entriesBehind)
    }
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

  /// Says what a backup is of, and how many entries it is `behind`, if that is known.
  static func print(
    _ backup: BackupFile, asJSON: Bool, _ what: String, behind: UInt64? = nil
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
      if let behind { members.append(("entries_behind", .unsigned(behind))) }
      return Terminal.write(JSONText.object(members).line)
    }
    Terminal.write(
      "\(what): cluster \(manifest.cluster), the state after entry \(manifest.index) of coordinator "
        + "\(manifest.replica) on \(made), \(manifest.byteCount) bytes of rows, digest "
        + "\(hexadecimal(manifest.digest.bytes).prefix(12))\n")
    guard let behind, behind > 0 else { return }
    Terminal.write(
      "entries of its log that are not in it: \(behind). The coordinator does not run, or reaches no majority; if "
        + "another one does, take the backup there.\n")
  }
}
