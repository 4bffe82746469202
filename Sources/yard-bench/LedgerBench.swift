internal import ArgumentParser
internal import SimulationKit

/// Random operations against a model, and the rate of the ledger alone.
struct LedgerBench: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract:
      "Random operations on the ledger and on a naive model, equal at every step; then the ledger's rate."
  )

  @Option(help: "How many operations.")
  var count = 1_000_000

  @Option(help: "The seed; the same seed does the same.")
  var seed: UInt64 = 1

  @Option(help: "How many transfers are posted and chained for the rate.")
  var transfers = 1_000_000

  func run() throws {
    let report = LedgerTrial.run(operations: count, seed: seed)
    if let fault = report.fault {
      print("FAILED after \(report.operations) operations, seed \(seed): \(fault)")
      throw ExitCode.failure
    }
    print(
      "\(report.operations) operations, \(report.transfers) transfers, \(report.reversals) of them reversals: equal to the model at every step, audited"
    )
    for (name, count) in report.refusals.sorted(by: { $0.key < $1.key }) {
      print("  refused \(count) times: \(name)")
    }
    if count >= 100_000 {
      let unseen = LedgerTrial.refusals.filter { report.refusals[$0] == nil }
      guard unseen.isEmpty else {
        print("FAILED: never refused: \(unseen.joined(separator: ", "))")
        throw ExitCode.failure
      }
    }
    let clock = ContinuousClock()
    let time = clock.measure { LedgerRate.post(transfers) }
    let seconds = Double(time.components.seconds) + Double(time.components.attoseconds) / 1e18
    print(
      "\(transfers) transfers of a hold, a capture and a fee posted and chained in \(seconds) s: "
        + "\(Int(Double(transfers) / seconds)) transfers/s on one core")
  }
}
