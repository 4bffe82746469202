internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// `yard check budget`.
struct CheckBudgetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "budget",
    abstract: "Submit many jobs at once, and count those that the key's budget admits.",
    discussion: """
      Each is asked for until it is answered, under one request key: whatever dies in between, it is one job or none. The
      model's slots should not be free (a drained worker's, say): jobs that end give back what they did not spend.

      Example: yard check budget --model switchyard-test --jobs 200
      """)

  @Option(help: "The model to submit for.") var model: String
  @Option(help: ArgumentHelp("Jobs, all at once.", valueName: "n")) var jobs = 200
  @Option(help: ArgumentHelp("Connections to share.", valueName: "n")) var connections = 4
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard jobs >= 1, connections >= 1 else {
      throw ValidationError("--jobs and --connections are at least 1")
    }
  }

  /// What became of a job.
  private enum Fate: Sendable {
    case admitted(Credits)
    case exceeded
    case failed(String)
  }

  func run() async throws {
    let body = ChatRequest(model: model, prompt: "x", maxTokens: 16).body()
    let fates = try await cluster.withClient(connections: connections) { client in
      await Patience.saying("waiting for the jobs to be decided") {
        await withTaskGroup(of: Fate.self) { group in
          for _ in 0..<jobs {
            let submit = Submit(
              requestKey: .drawn(), mode: .submitted, endpoint: .chatCompletions, model: model,
              body: body, maxInputPrice: nil, maxOutputPrice: nil, queueTimeoutMs: 0, follow: false,
              retentionMs: nil, durable: nil)
            group.addTask { await Self.fate(of: submit, client) }
          }
          var fates: [Fate] = []
          for await fate in group { fates.append(fate) }
          return fates
        }
      }
    }
    var holds: [Credits] = []
    var exceeded = 0
    var failures: [String] = []
    for fate in fates {
      switch fate {
      case .admitted(let hold): holds.append(hold)
      case .exceeded: exceeded += 1
      case .failed(let why): failures.append(why)
      }
    }
    let line: JSONText = [
      "admitted": .number(UInt(holds.count)), "exceeded": .number(UInt(exceeded)),
      "failures": .number(UInt(failures.count)),
      "hold_nano": .unsigned(holds.max()?.rawValue ?? 0),
      "held_nano": .unsigned(holds.reduce(0) { $0 + $1.rawValue }),
    ]
    Terminal.write(line.line)
    if let first = failures.first {
      throw CommandError(.refused, "\(failures.count) jobs were not decided: \(first)")
    }
  }

  private static func fate(of submit: Submit, _ client: ExchangeClient) async -> Fate {
    do throws(ClientFailure) {
      let answer = try await client.call(submit)
      guard case .accepted(let accepted) = answer else { return .failed("answered \(answer)") }
      return .admitted(accepted.hold)
    } catch {
      if case .refused(let failure) = error, failure.errorCode == .budgetExceeded {
        return .exceeded
      }
      return .failed(CommandError(error).message)
    }
  }
}
