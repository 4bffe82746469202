internal import ArgumentParser
internal import ExchangeTypes
internal import Foundation
internal import JobMarket

/// What settling adds to a job's cost: the same small jobs with all that money can have in them, and with none of it.
///
/// Two replicas with their real engines, state machines and disks, in turns. On the one jobs cost nothing: nothing is held, captured, split or
/// counted. On the other each is held against an account and three budgets, captured, split between supplier and operator, chained in the
/// journal and counted in each budget. What is compared is the processor time of the process per job, from submit to settle: the difference
/// is what money adds, whatever else a job costs. Rounds are many and short: which of the replicas comes second costs as much as money does.
///
/// A share of the job here would be of a job that nobody has: a job through a cluster costs its leader several times more (TLS, the streams of
/// worker and reader, replication). `deploy/bench/settlement` measures that one and says the share.
struct SettlementCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "settlement",
    abstract:
      "What holding, capturing, splitting and budgets add to a small job on one replica, in microseconds."
  )

  @Option(help: "Jobs in a round, on each replica.")
  var jobs = 1_000

  @Option(help: "Rounds; the medians count.")
  var rounds = 80

  @Option(help: "A directory for the replicas, which is removed at the end.")
  var directory = "/tmp/yard-bench-settlement"

  func validate() throws {
    guard jobs >= 1, rounds >= 1 else {
      throw ValidationError("--jobs and --rounds are at least 1")
    }
  }

  func run() throws {
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false)
    defer { remove() }
    var free = try load("free", .free)
    var paid = try load("paid", .full)
    // What the first jobs cost more is neither's.
    _ = try cost(of: &free, jobs: min(jobs, 2_000))
    _ = try cost(of: &paid, jobs: min(jobs, 2_000))
    var without: [Double] = []
    var with: [Double] = []
    for round in 1...rounds {
      if round.isMultiple(of: 2) {
        with.append(try cost(of: &paid, jobs: jobs))
        without.append(try cost(of: &free, jobs: jobs))
      } else {
        without.append(try cost(of: &free, jobs: jobs))
        with.append(try cost(of: &paid, jobs: jobs))
      }
    }
    let (least, most) = (median(without), median(with))
    print(
      "on a replica alone a job costs \(text(least)) us of processor time without settlement and \(text(most)) with it: "
        + "\(text(most - least)) us more, the medians of \(rounds) rounds")
    print("deploy/bench/settlement says what share that is of what a job costs its leader")
  }

  private func load(_ name: String, _ money: FinishedJobs.Money) throws -> FinishedJobs {
    let path = "\(directory)/\(name)"
    try BenchedReplica.found(at: path)
    var load = FinishedJobs(replica: try BenchedReplica(at: path, keepLog: 32), money: money)
    try load.prepare()
    return load
  }

  /// Microseconds of processor time of the whole process per job.
  private func cost(of load: inout FinishedJobs, jobs: Int) throws -> Double {
    let before = processorTime
    try load.finish(jobs)
    return (processorTime - before) / Double(jobs)
  }

  /// Microseconds that all threads of this process have had.
  private var processorTime: Double {
    Double(clock())  // POSIX: a million a second
  }

  private func median(_ numbers: [Double]) -> Double { numbers.sorted()[numbers.count / 2] }

  private func remove() {
    do { try FileManager.default.removeItem(atPath: directory) } catch {
      print("\(directory) could not be removed: \(error)")
    }
  }

  private func text(_ number: Double) -> String { String(Double(Int(number * 100)) / 100) }
}
