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
        yard-sim --seeds 1..300 --without G4   what the guards of the consensus engine are for
      """)

  @Option(help: "One seed.")
  var seed: UInt64?

  @Option(help: "A range of seeds, A..B.")
  var seeds: SeedRange?

  @Option(help: "Virtual minutes under load in each run.")
  var minutes: Double = 1

  @Option(help: "Switch a guard of the consensus engine off: G1 to G13.")
  var without: [GuardName] = []

  @Option(
    help:
      "Plant a bug that must be found: \(PlantedBug.allCases.map(\.rawValue).joined(separator: ", ")).",
    transform: {
      guard let bug = PlantedBug(rawValue: $0) else {
        throw ValidationError("there is no bug of this name")
      }
      return bug
    })
  var plant: PlantedBug?

  @Flag(help: "Break nothing.")
  var peace = false

  @Flag(help: "Go on after a seed that fails.")
  var keepGoing = false

  func validate() throws {
    guard (seed == nil) != (seeds == nil) else {
      throw ValidationError("give one of --seed and --seeds")
    }
    guard minutes > 0, minutes <= 1_440 else {
      throw ValidationError("--minutes is above 0 and at most 1440")
    }
  }

  func run() throws {
    let range = seeds?.range ?? (seed ?? 0)...(seed ?? 0)
    var summary = Summary()
    for seed in range {
      var configuration = SimulationConfiguration(
        seed: seed, seconds: UInt64((minutes * 60).rounded(.up)))
      configuration.faults = !peace
      configuration.bug = plant
      for name in without { configuration.guards.remove(name.guards) }
      if seeds == nil { print("seed \(seed)") }
      let report = SimulationRun.run(configuration)
      summary.add(report)
      print(summary.line(of: report))
      for finding in report.findings { print("  \(finding)") }
      if seeds == nil { summary.printCounts() }
      if !report.findings.isEmpty, !keepGoing { break }
    }
    // A single run need not meet everything; a range must.
    let missing = seeds == nil || peace || summary.failed > 0 ? [] : summary.missing
    for name in missing { print("never happened: \(name)") }
    print(summary.lastLine(missing: missing.count))
    if summary.failed > 0 || !missing.isEmpty { throw ExitCode(1) }
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

/// The name of one guard.
struct GuardName: ExpressibleByArgument {
  let guards: Guards

  init?(argument: String) {
    guard argument.hasPrefix("G"), let number = Int(argument.dropFirst()), (1...13).contains(number)
    else { return nil }
    guards = Guards(rawValue: 1 << UInt16(number - 1))
  }
}
