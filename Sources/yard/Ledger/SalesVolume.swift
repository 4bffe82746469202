internal import ExchangeClient
internal import ExchangeTypes
internal import WireProtocol

/// What was sold in the week of log time that the state counts, by all suppliers together.
struct SalesVolume {
  /// Jobs that were billed to others than their suppliers.
  private(set) var jobs: UInt64 = 0
  /// Their prompt tokens, without what was cached.
  private(set) var promptTokens: UInt64 = 0
  /// Prompt tokens that engines had cached.
  private(set) var cachedTokens: UInt64 = 0
  /// Their output tokens.
  private(set) var outputTokens: UInt64 = 0
  /// Jobs of which consumer and supplier were one owner.
  private(set) var ownJobs: UInt64 = 0
  /// Their tokens, prompt and output together.
  private(set) var ownTokens: UInt64 = 0

  /// Asks for what each of the accounts sold (scope admin).
  init(of accounts: [AccountID], asking client: ExchangeClient) async throws {
    for account in accounts {
      var after: UInt64 = 0
      while true {
        let page = try await client.ask(
          SalesQuery(account: account, after: after, limit: 256)
        ) { if case .salesListing(let listing) = $0 { listing } else { nil } }
        for sale in page.sales { add(sale) }
        guard page.more, let last = page.sales.last else { break }
        after = last.number
      }
    }
  }

  private mutating func add(_ sale: SalesEntry) {
    jobs += sale.jobs
    promptTokens += sale.promptTokens
    cachedTokens += sale.cachedTokens
    outputTokens += sale.outputTokens
    ownJobs += sale.ownJobs
    ownTokens += sale.ownTokens
  }
}

extension JSONText {
  init(_ volume: SalesVolume) {
    self = [
      "jobs": .unsigned(volume.jobs), "prompt_tokens": .unsigned(volume.promptTokens),
      "cached_tokens": .unsigned(volume.cachedTokens),
      "output_tokens": .unsigned(volume.outputTokens), "own_jobs": .unsigned(volume.ownJobs),
      "own_tokens": .unsigned(volume.ownTokens),
    ]
  }
}
