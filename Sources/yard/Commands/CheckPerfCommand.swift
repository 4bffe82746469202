internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch
internal import JobMarket
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
      accounts; they are cancelled and purged as it goes on. The accounts are made with a key of scope admin, and
      closed at the end with their keys. With --own-account any key that may submit will do: all jobs are its own
      account's, which pays for what runs, and whose earlier requests and kept outputs may be forgotten. The
      jobs should wait, not run, which costs what is measured: without --model it is one without a free slot (a drained
      worker's, say), if there is one. gap_max_ms is the longest time in which no client got an answer.

      Example: yard check perf --clients 256 --seconds 10
      """)

  @Option(help: ArgumentHelp("Clients at a time.", valueName: "n")) var clients = 256
  @Option(help: ArgumentHelp("How long to measure.", valueName: "n")) var seconds: Double = 10
  @Option(help: "The model to submit for; one without a free slot if absent.") var model: String?
  @Option(help: ArgumentHelp("Accounts to spread over.", valueName: "n")) var accounts = 16
  @Option(help: ArgumentHelp("Connections to share.", valueName: "n")) var connections = 4
  @Flag(
    help: """
      Submit as the key's own account: its earlier requests and kept outputs may be forgotten, so that a request
      which a client repeats is run, and paid for, again.
      """)
  var ownAccount = false
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    if let bytes = model?.utf8.count, bytes > Offer.modelBytesMax {
      throw ValidationError(
        "--model has \(bytes) bytes; a model's name has at most \(Offer.modelBytesMax)")
    }
    guard clients >= 1, accounts >= 1, connections >= 1 else {
      throw ValidationError("--clients, --accounts and --connections are at least 1")
    }
    guard seconds > 0, seconds <= 86_400 else {
      throw ValidationError("--seconds takes more than 0, and at most a day: 86400")
    }
  }

  func run() async throws {
    try await cluster.withClient(connections: connections) { client in
      if ownAccount {
        let model = try await usedModel(client)
        return try tell(await measure(client, model, [nil]))
      }
      let standing = try await client.ask(StandingQuery()) {
        if case .standing(let standing) = $0 { standing } else { nil }
      }
      guard standing.key.scopes.contains(.admin) else {
        throw CommandError(
          .refused,
          "the key has no scope admin, with which accounts are made; give one that has, or say --own-account, "
            + "if the key's account may forget its earlier requests and kept outputs")
      }
      let model = try await usedModel(client)
      var made: [Made] = []
      do {
        try await Patience.saying("making \(accounts) accounts") {
          try await makeAccounts(&made, client)
        }
        try tell(await measure(client, model, made.compactMap { $0.key?.text }))
      } catch {
        await close(made, client)
        throw error
      }
      await close(made, client)
    }
  }

  private func tell(_ report: LoadReport) throws {
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

  /// The model to submit for where none is named: one whose jobs wait, before one that runs them.
  static func model(among listing: ModelListing) -> ModelSummary? {
    let fitting = listing.models.enumerated().filter { place, _ in
      guard let abilities = listing.abilities, place < abilities.count else { return true }
      return abilities[place].endpoints.contains(.chatCompletions)
    }.map(\.element)
    return fitting.first { $0.slotsFree == 0 } ?? fitting.first
  }

  private func usedModel(_ client: ExchangeClient) async throws -> String {
    if let model { return model }
    let listing = try await client.ask(ModelList()) {
      if case .modelListing(let listing) = $0 { listing } else { nil }
    }
    guard let found = Self.model(among: listing) else {
      throw CommandError(
        .refused,
        "no worker has offered a model for chat; start one (yard worker run), or name --model")
    }
    let running = found.slotsFree > 0 ? "; it has free slots, so jobs run as well" : ""
    Terminal.note("yard: the jobs are for \(found.model)\(running)")
    return found.model
  }

  /// An account that was made for the jobs.
  private struct Made {
    let account: AccountID
    var key: APIKey?
  }

  private func makeAccounts(_ made: inout [Made], _ client: ExchangeClient) async throws {
    let run = String(UInt64.random(in: .min ... .max), radix: 36)
    for number in 1...accounts {
      let account = try await client.ask(
        AccountCreate(
          requestKey: .drawn(), name: "perf-\(run)-\(number)", kind: .consumer), Reply.account
      ).summary.account
      made.append(Made(account: account))
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
      made[made.count - 1].key = APIKey(id: key, secret: secret)
    }
  }

  /// Closes the accounts, and their keys with them.
  ///
  /// Where that is refused (jobs are open yet) the key alone ends. What stays is said; nobody is asked again once none answers.
  private func close(_ made: [Made], _ client: ExchangeClient) async {
    await Patience.saying("closing the accounts") {
      for (place, one) in made.enumerated() {
        do {
          do {
            _ = try await client.ask(AccountClose(account: one.account), Reply.account)
          } catch let refusal as CommandError where refusal.code == .refused {
            Terminal.note("yard: account \(one.account) stays open: \(refusal.message)")
            guard let key = one.key else { continue }
            _ = try await client.ask(KeyRevoke(key: key.id), Reply.key)
          }
        } catch {
          let rest = made[place...].map { "\($0.account)" }.joined(separator: ", ")
          return Terminal.note(
            "yard: these accounts and their keys may stay: \(rest): "
              + "\((error as? CommandError)?.message ?? "\(error)")")
        }
      }
    }
  }

  private func measure(
    _ client: ExchangeClient, _ model: String, _ keys: [String?]
  ) async -> LoadReport {
    Terminal.note("yard: \(clients) clients submit for \(seconds) s…")
    let body = paddedBody(model)
    let duration = UInt64(seconds * 1_000)
    return await withCheckedContinuation { continuation in
      client.onLoop { [clients] loopClient in
        let load = SubmitLoad(
          client: loopClient, model: model, body: body, milliseconds: duration
        ) { continuation.resume(returning: $0) }
        load.begin((0..<clients).map { keys[$0 % keys.count] })
      }
    }
  }

  /// A chat request of 256 bytes.
  private func paddedBody(_ model: String) -> [UInt8] {
    let empty = ChatRequest(model: model, prompt: "", maxTokens: 16).body().count
    return ChatRequest(
      model: model, prompt: String(repeating: "x", count: max(1, 256 - empty)), maxTokens: 16
    ).body()
  }
}
