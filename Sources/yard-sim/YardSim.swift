import ArgumentParser
import RaftEngine
import SimulationKit

/// `yard-sim`: a seed in, a verdict out.
@main
struct YardSim: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "yard-sim",
    abstract: "Run the whole cluster in one thread, in virtual time, from a seed.",
    discussion: """
      The same seed and program give the same run, bit for bit. Exit code 0: every promise held.

        yard-sim --seed 7 --minutes 5      one run, with what broke and what was reached
        yard-sim --seeds 1..300            a range; every fault and every rare path must have occurred
        yard-sim --mutation forgottenVote --seeds 1..1000
                                           the same with a bug: exit code 0 as soon as a seed finds it
        yard-sim --mutations               every bug and every guard by itself, and a table of who found it

      A bug may also end the process, as it would in production; the last seed printed is the one that found it.
      """)

  @Option(help: "One seed.")
  var seed: UInt64?

  @Option(help: "A range of seeds, A..B.")
  var seeds: SeedRange?

  @Option(help: "Virtual minutes under load in each run.")
  var minutes: Double = 1

  @Option(
    help: ArgumentHelp(
      "A bug that a seed must find, or a guard of the consensus engine that is off; repeat it for several at once.",
      discussion: Mutation.all.map(\.description).joined(separator: ", "), valueName: "name"),
    transform: {
      guard let mutation = Mutation($0) else {
        throw ValidationError("there is no mutation of this name")
      }
      return mutation
    })
  var mutation: [Mutation] = []

  @Flag(help: "Every mutation by itself, each until a seed finds it: 1..1000, or --seeds.")
  var mutations = false

  @Flag(help: "Break nothing.")
  var peace = false

  @Flag(help: "Go on after a seed that fails.")
  var keepGoing = false

  @Option(help: "Workers, instead of 3.")
  var workers: Int?

  @Option(help: "Attempts that a worker runs at a time, instead of 3.")
  var slots: UInt16?

  @Option(help: "Clients, instead of 4.")
  var clients: Int?

  @Option(help: "Virtual milliseconds between two requests of one client, instead of 1500.")
  var interval: UInt64?

  func validate() throws {
    guard workers ?? 1 > 0, slots ?? 1 > 0, clients ?? 1 > 0, interval ?? 1 > 0 else {
      throw ValidationError("--workers, --slots, --clients and --interval are above 0")
    }
    guard mutations || (seed == nil) != (seeds == nil) else {
      throw ValidationError("give one of --seed and --seeds")
    }
    guard !mutations || (seed == nil && mutation.isEmpty && !keepGoing) else {
      throw ValidationError("--mutations takes no --seed, --mutation or --keep-going")
    }
    guard mutation.isEmpty || !keepGoing else {
      throw ValidationError("a mutation is looked for until it is found")
    }
    guard minutes > 0, minutes <= 1_440 else {
      throw ValidationError("--minutes is above 0 and at most 1440")
    }
  }

  func run() throws {
    if mutations {
      let table = MutationTable(seeds: seeds?.range ?? 1...1_000, minutes: minutes)
      guard try table.print() else { throw ExitCode(1) }
      return
    }
    let range = seeds?.range ?? (seed ?? 0)...(seed ?? 0)
    if !mutation.isEmpty { return try find(in: range) }
    var summary = Summary()
    for seed in range {
      if seeds == nil { print("seed \(seed)") }
      let report = SimulationRun.run(configuration(of: seed))
      summary.add(report)
      print(summary.line(of: report))
      for finding in report.findings { print("  \(finding)") }
      if seeds == nil { summary.printCounts() }
      if !report.findings.isEmpty, !keepGoing { break }
    }
    // A single run need not meet everything; a range that came to its end must.
    let isWhole = seeds != nil && !peace && summary.runs == range.count
    let missing = isWhole ? summary.missing : nil
    for name in missing ?? [] { print("never happened: \(name)") }
    print(summary.lastLine(missing: missing?.count))
    if summary.failed > 0 || missing?.isEmpty == false { throw ExitCode(1) }
  }

  /// Runs seeds until one finds what is wrong.
  private func find(in range: ClosedRange<UInt64>) throws {
    let names = mutation.map(\.description).joined(separator: " ")
    for seed in range {
      // Before the run: one that ends the process is found by what was printed last.
      MutationTable.say("seed \(seed)")
      if let finding = SimulationRun.run(configuration(of: seed)).findings.first {
        return MutationTable.say("\(names) found by seed \(seed): \(finding)")
      }
    }
    MutationTable.say("\(names) not found by \(range.count) seeds")
    throw ExitCode(1)
  }

  private func configuration(of seed: UInt64) -> SimulationConfiguration {
    var configuration = SimulationConfiguration(
      seed: seed, seconds: UInt64((minutes * 60).rounded(.up)))
    configuration.faults = !peace
    configuration.checksHeap = true
    if let workers { configuration.workers = workers }
    if let slots { configuration.workload.slotsPerWorker = slots }
    if let clients { configuration.workload.clients = clients }
    if let interval { configuration.workload.interval = interval }
    for mutation in mutation { mutation.apply(to: &configuration) }
    return configuration
  }
}

/// `A..B`, both included.
struct SeedRange: ExpressibleByArgument {
  let range: ClosedRange<UInt64>

  init?(argument: String) {
    let parts = argument.split(separator: ".", omittingEmptySubsequences: true)
    guard parts.count == 2, let first = UInt64(parts[0]), let last = UInt64(parts[1]),
      first <= last
    else { return nil }
    range = first...last
  }
}
