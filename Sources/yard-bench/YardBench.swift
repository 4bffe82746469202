internal import ArgumentParser

/// Every measurement that a document quotes, and the long runs that are too slow for debug builds.
@main
struct YardBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "yard-bench", abstract: "Measurements and long runs of Switchyard.",
    subcommands: [
      FirstTokenCommand.self, DecodeCommand.self, BuiltinStartCommand.self,
      BuiltinLogitsCommand.self,
      FuzzFramesCommand.self, FuzzGGUFCommand.self, LedgerBench.self, FinishedJobsCommand.self,
      SettlementCommand.self,
    ])
}

/// Damaged frames through the decoder.
struct FuzzFramesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz-frames",
    abstract:
      "Decodes mutated frames; fails on a crash, an allocation beyond the bounds or a lossy round trip."
  )

  @Option(help: "How many frames.")
  var count = 1_000_000

  @Option(help: "The seed; the same seed makes the same frames.")
  var seed: UInt64 = 1

  func run() throws {
    guard try FuzzFrames.run(count: count, seed: seed) else { throw ExitCode.failure }
  }
}
