internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch
internal import NIOCore
internal import OpenAIFormat
internal import WireProtocol

/// `yard check perf`.
struct CheckPerfCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "perf",
    abstract: "Measure how many jobs a second the cluster commits.",
    discussion: """
      Each client submits jobs one at a time: a body of 256 bytes, a hold, a request key of its own, spread over
      accounts; they are cancelled and purged as it goes on. Needs a key with scope admin, and a model whose slots
      are not free (a drained worker's, say): the jobs are to wait, not to run. gap_max_ms is the longest time in which
      no client got an answer.

      Example: yard check perf --model switchyard-test --clients 256 --seconds 10
      """)

  @Option(help: ArgumentHelp("Clients at a time.", valueName: "n")) var clients = 256
  @Option(help: ArgumentHelp("How long to measure.", valueName: "n")) var seconds: Double = 10
  @Option(help: "The model to submit for.") var model: String
  @Option(help: ArgumentHelp("Accounts to spread over.", valueName: "n")) var accounts = 16
  @Option(help: ArgumentHelp("Connections to share.", valueName: "n")) var connections = 4
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard clients >= 1, accounts >= 1, connections >= 1 else {
      throw ValidationError("--clients, --accounts and --connections are at least 1")
    }
    guard seconds > 0, seconds <= 86_400 else {
      throw ValidationError("--seconds takes more than 0, and at most a day: 86400")
    }
  }

  func run() async throws {
    let report = try await cluster.withClient(connections: connections) { client in
      let keys = try await Patience.saying("making \(accounts) accounts") {
        try await makeAccounts(client)
      }
      Terminal.note("yard: \(clients) clients submit for \(seconds) s…")
      return try await measure(client, keys)
    }
    let line: JSONText = [
      "commits_per_second": .decimal(report.rate), "commits": .number(UInt(report.count)),
      "seconds": .decimal(report.seconds), "clients": .number(UInt(clients)),
      "p50_ms": .decimal(report.percentile(0.5)), "p90_ms": .decimal(report.percentile(0.9)),
      "p99_ms": .decimal(report.percentile(0.99)), "max_ms": .decimal(report.percentile(1)),
      "gap_max_ms": .decimal(report.gapMax), "failures": .number(UInt(report.failures)),
    ]
    Terminal.write(line.line)
    if report.count == 0 {
      throw CommandError(.refused, "nothing was committed: \(report.lastFailure ?? "no answer")")
    }
  }

  private func makeAccounts(_ client: ExchangeClient) async throws -> [String] {
    var keys: [String] = []
    let run = String(UInt64.random(in: .min ... .max), radix: 36)
    for number in 1...accounts {
      let account = try await client.ask(
        AccountCreate(
          requestKey: .drawn(), name: "perf-\(run)-\(number)", kind: .consumer), Reply.account
      ).summary.account
      _ = try await client.ask(
        AccountCredit(
          requestKey: .drawn(), account: account,
          amount: Credits(nano: 1_000_000 * Credits.nanoPerCredit)), Reply.account)
      let secret = APIKey.generateSecret()
      let key = try await client.ask(
        KeyCreate(
          requestKey: .drawn(), account: account, name: "perf", scopes: [.submit, .read],
          secretHash: APIKey.hash(secret), lifetimeMs: nil), Reply.key
      ).summary.key
      keys.append(APIKey(id: key, secret: secret).text)
    }
    return keys
  }

  private func measure(_ client: ExchangeClient, _ keys: [String]) async throws -> LoadReport {
    let body = paddedBody()
    let duration = UInt64(seconds * 1_000)
    return await withCheckedContinuation { continuation in
      client.onLoop { [model, clients] loopClient in
        let load = SubmitLoad(
          client: loopClient, model: model, body: body, milliseconds: duration
        ) { continuation.resume(returning: $0) }
        load.begin((0..<clients).map { keys[$0 % keys.count] })
      }
    }
  }

  /// A chat request of 256 bytes.
  private func paddedBody() -> [UInt8] {
    let empty = ChatRequest(model: model, prompt: "", maxTokens: 16).body().count
    return ChatRequest(
      model: model, prompt: String(repeating: "x", count: max(1, 256 - empty)), maxTokens: 16
    ).body()
  }
}
