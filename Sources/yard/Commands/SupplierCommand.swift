internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard supplier`.
struct SupplierCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "supplier",
    abstract: "What a supplier earned, by model and hour.",
    discussion: "Example: yard supplier earnings",
    subcommands: [Earnings.self])

  struct Earnings: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List what was sold and earned, by model and hour of log time, for a week.",
      discussion: """
        What your own account bought is counted apart: no credit moved.

        Example: yard supplier earnings --output json
        """)

    @Argument(help: "The account's number (scope admin for others'); the key's own if absent.")
    var account: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let (interval, sales) = try await cluster.withClient { client in
        var all: [SalesEntry] = []
        while true {
          let listing = try await client.ask(
            SalesQuery(account: AccountID(account), after: all.last?.number ?? 0, limit: 256)
          ) { if case .salesListing(let listing) = $0 { listing } else { nil } }
          all += listing.sales
          guard listing.more else { return (listing.intervalMs, all) }
        }
      }
      if cluster.isJSON {
        for sale in sales { Terminal.write(JSONText(sale, interval: interval).line) }
        return
      }
      var table = Table(
        "HOUR", "MODEL", "JOBS", "PROMPT", "CACHED", "TOKENS", "EARNED", "OWN JOBS", "OWN")
      for sale in sales {
        table.add(
          "\(sale.start.rawValue / max(interval, 1))", sale.model, "\(sale.jobs)",
          "\(sale.promptTokens)", "\(sale.cachedTokens)", "\(sale.outputTokens)", "\(sale.earned)",
          "\(sale.ownJobs)",
          "\(sale.ownTokens)")
      }
      Terminal.write(table.text)
    }
  }
}
