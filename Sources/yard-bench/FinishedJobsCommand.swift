internal import ArgumentParser
internal import ExchangeCore
internal import ExchangeTypes
internal import Foundation

/// A coordinator's disk after many small jobs: how large it is, and how long a start on it takes.
///
/// One replica alone, with its real engine, state machine and disk, but without dispatcher, network and engine: a
/// million jobs through a whole cluster take hours, and leave the same rows and the same log behind.
struct FinishedJobsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "finished-jobs",
    abstract:
      "Finishes small jobs on one replica; fails if its directory or its restart is too large.")

  @Option(help: "How many jobs.")
  var jobs = 1_000_000

  @Option(help: "MiB of the log that are kept, as `yard coordinator --keep-log` has it.")
  var keepLog = 32

  @Option(help: "The most MiB that the directory may have.")
  var mibMax = 300.0

  @Option(help: "The most seconds that a start may take.")
  var startMax = 3.0

  @Option(help: "A directory for it, which is removed at the end.")
  var directory = "/tmp/yard-bench-finished-jobs"

  func run() throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    defer { remove() }
    let path = directory + "/data"
    try BenchedReplica.found(at: path)
    let replica = try BenchedReplica(at: path, keepLog: keepLog)
    var load = FinishedJobs(replica: replica)
    try load.prepare()
    let began = ContinuousClock.now
    var finished = 0
    while finished < jobs {
      let step = min(jobs - finished, max(jobs / 10, 1))
      try load.finish(step)
      finished += step
      print(
        "\(finished) jobs, \(Int(Double(finished) / seconds(since: began))) a second: "
          + "\(text(replica.mebibytes)) MiB, \(text(try replica.usedMebibytes())) of them in use")
    }
    let size = replica.mebibytes
    let digest = replica.exchange.digest
    replica.stop()
    let before = ContinuousClock.now
    let again = try BenchedReplica(at: path, keepLog: keepLog)
    let start = seconds(since: before)
    let isSame = again.exchange.digest == digest
    again.stop()
    guard isSame else { throw BenchedReplica.Failed(description: "it came back as another") }
    print(
      "directory \(text(size)) MiB of \(text(mibMax)), start \(text(start)) s of \(text(startMax))")
    guard size <= mibMax, start <= startMax else { throw ExitCode.failure }
  }

  private func remove() {
    do { try FileManager.default.removeItem(atPath: directory) } catch {
      print("\(directory) could not be removed: \(error)")
    }
  }

  private func seconds(since moment: ContinuousClock.Instant) -> Double {
    let (seconds, attoseconds) = (ContinuousClock.now - moment).components
    return Double(seconds) + Double(attoseconds) / 1e18
  }

  private func text(_ number: Double) -> String { String(Double(Int(number * 100)) / 100) }
}
