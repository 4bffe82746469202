internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard market`.
struct MarketCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "market",
    abstract: "What models cost: now, here or there, and before; what a supplier asks.",
    discussion: """
      Prices are in credits per million tokens.

      Example: yard market book
               yard market quote llama-3.1-8b --input-tokens 2000 --output-tokens 500
               yard market history llama-3.1-8b
               YARD_KEY=sy_… yard market ask llama-3.1-8b --input-price 0.2 --output-price 0.6 --reserve 1
      """,
    subcommands: [Book.self, Quote.self, History.self, Ask.self])

  struct Book: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List what workers that take jobs now ask, the cheapest output first.",
      discussion: "Example: yard market book llama-3.1-8b")

    @Argument(help: "The model; all models if absent.") var model: String?
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let books = try await cluster.withClient { client in
        var names = [model].compactMap { $0 }
        if model == nil {
          let listing = try await client.ask(ModelList()) {
            if case .modelListing(let listing) = $0 { listing } else { nil }
          }
          names = listing.models.map(\.model)
        }
        var books: [(model: String, asks: [AskEntry])] = []
        for name in names {
          books.append(
            (name, try await client.ask(BookQuery(model: name), MarketCommand.book).asks))
        }
        return books
      }
      if cluster.isJSON {
        for (model, asks) in books {
          for ask in asks { Terminal.write(JSONText(ask, of: model).line) }
        }
        return
      }
      var table = Table(
        "MODEL", "SUPPLIER", "INPUT", "CACHED", "OUTPUT", "CONTEXT", "SLOTS", "FREE", "KEPT",
        "FOR YOU")
      for (model, asks) in books {
        for ask in asks {
          table.add(
            model, "\(ask.supplier)/\(ask.name)", "\(ask.priceInput)", "\(ask.priceCachedInput)",
            "\(ask.priceOutput)", "\(ask.context)", "\(ask.slots)", "\(ask.slotsFree)",
            "\(ask.reserve)",
            ask.admits ? "yes" : "no")
        }
      }
      Terminal.write(table.text)
    }
  }

  struct Quote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Say what a job would cost now, at which supplier; it would go to the first.",
      discussion: "Example: yard market quote llama-3.1-8b --input-tokens 2000 --output-tokens 500")

    @Argument(help: "The model.") var model: String
    @Option(help: ArgumentHelp("Tokens of the prompt.", valueName: "tokens"))
    var inputTokens: UInt32
    @Option(help: ArgumentHelp("Tokens of the output.", valueName: "tokens"))
    var outputTokens: UInt32
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let book = try await cluster.ask(
        QuoteQuery(model: model, promptTokens: inputTokens, outputTokens: outputTokens),
        MarketCommand.book)
      let quotes = zip(book.asks, book.costs)
      if cluster.isJSON {
        for (ask, cost) in quotes { Terminal.write(JSONText(ask, of: model, cost: cost).line) }
        return
      }
      guard !book.asks.isEmpty else {
        return Terminal.note("no worker of \(model) takes such a job now; one that comes will")
      }
      var table = Table("COST", "SUPPLIER", "INPUT", "OUTPUT", "FREE")
      for (ask, cost) in quotes {
        table.add(
          "\(cost)", "\(ask.supplier)/\(ask.name)", "\(ask.priceInput)", "\(ask.priceOutput)",
          "\(ask.slotsFree)")
      }
      Terminal.write(table.text)
    }
  }

  struct History: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show what a model was sold at, hour by hour of log time: the price index.",
      discussion: "Example: yard market history llama-3.1-8b --hours 24")

    @Argument(help: "The model.") var model: String
    @Option(help: "The newest hours in which it was sold, at most 168.") var hours: UInt32 = 24
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      guard (1...168).contains(hours) else { throw ValidationError("--hours takes 1 to 168") }
    }

    func run() async throws {
      let history = try await cluster.ask(PriceQuery(model: model, intervals: hours)) {
        if case .priceHistory(let history) = $0 { history } else { nil }
      }
      if cluster.isJSON {
        for point in history.points {
          Terminal.write(JSONText(point, interval: history.intervalMs).line)
        }
        return
      }
      var table = Table(
        "HOUR", "JOBS", "PROMPT", "INPUT MEAN", "LOW", "HIGH", "TOKENS", "OUTPUT MEAN", "LOW",
        "HIGH", "CACHED", "CACHED MEAN", "OWN")
      for point in history.points {
        table.add(
          "\(point.start.rawValue / max(history.intervalMs, 1))", "\(point.jobs)",
          "\(point.promptTokens)", "\(point.inputMean)", "\(point.inputLow)", "\(point.inputHigh)",
          "\(point.outputTokens)", "\(point.outputMean)", "\(point.outputLow)",
          "\(point.outputHigh)", "\(point.cachedTokens)", "\(point.cachedMean)",
          "\(point.ownTokens)")
      }
      Terminal.write(table.text)
    }
  }

  private static func book(_ message: Message) -> WireProtocol.Book? {
    if case .book(let book) = message { book } else { nil }
  }
}
