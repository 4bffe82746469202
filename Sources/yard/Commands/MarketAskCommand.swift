internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

extension MarketCommand {
  /// `yard market ask`.
  struct Ask: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Show or change what your account asks for a model, at all its workers (scope work).",
      discussion: """
        It stands over what workers register with, at once and without starting any again, until --withdraw. What is not
        named stays as it is. Jobs that run keep the prices that they began with.

        --reserve keeps slots of each worker for your own jobs: those of the key's account, and of the accounts that
        --own names, which pay as all others do and make prices as they do. --only and --refuse say whose jobs you take. A list is numbers of accounts, or none.

        Example: yard market ask llama-3.1-8b --input-price 0.2 --output-price 0.6
                 yard market ask llama-3.1-8b --reserve 1 --own 5 --refuse 7,8
                 yard market ask llama-3.1-8b --output-price worker --only none
                 yard market ask llama-3.1-8b --withdraw
        """)

    @Argument(help: "The model; without it, all that is posted is shown.") var model: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "Credits per million prompt tokens, or worker for what each registers with.",
        valueName: "credits"), transform: PostedPrice.orWorkers)
    var inputPrice: PostedPrice?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp(
        "The same for prompt tokens that the engine had cached; input for the price of the others.",
        valueName: "credits"), transform: PostedPrice.orInput)
    var cachedInputPrice: PostedPrice?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("As --input-price, for output tokens.", valueName: "credits"),
      transform: PostedPrice.orWorkers)
    var outputPrice: PostedPrice?
    @Option(help: ArgumentHelp("Slots of each worker for your own jobs alone.", valueName: "slots"))
    var reserve: UInt16?
    @Option(
      help: ArgumentHelp("Accounts that may have your reserved slots.", valueName: "accounts"))
    var own: AccountNumbers?
    @Option(help: ArgumentHelp("Take only these accounts' jobs.", valueName: "accounts"))
    var only: AccountNumbers?
    @Option(help: ArgumentHelp("Take no jobs of these accounts.", valueName: "accounts"))
    var refuse: AccountNumbers?
    @Flag(help: "Take back all that is posted about the model.") var withdraw = false
    @OptionGroup var cluster: ClusterOptions

    private var changes: Bool {
      inputPrice != nil || cachedInputPrice != nil || outputPrice != nil || reserve != nil
        || own != nil || only != nil
        || refuse != nil
    }

    func validate() throws {
      guard model != nil || !(changes || withdraw) else {
        throw ValidationError("name the model that it is for")
      }
      guard !(changes && withdraw) else {
        throw ValidationError("--withdraw takes back all; it goes with nothing else")
      }
    }

    func run() async throws {
      let posted = try await cluster.withClient { client in
        let held = try await client.ask(AskList(), Self.listing).terms
        guard let model, changes || withdraw else {
          return held.filter { model == nil || $0.model == model }
        }
        let terms = changed(held.first { $0.model == model }, model)
        return try await client.ask(AskSet(terms: terms, withdraw: withdraw), Self.listing).terms
      }
      show(posted)
    }

    private func changed(_ held: PostedTerms?, _ model: String) -> PostedTerms {
      PostedTerms(
        model: model, priceInput: inputPrice.map(\.price) ?? held?.priceInput,
        priceCachedInput: cachedInputPrice.map(\.price) ?? held?.priceCachedInput,
        priceOutput: outputPrice.map(\.price) ?? held?.priceOutput,
        reserve: reserve ?? held?.reserve ?? 0, own: own?.accounts ?? held?.own ?? [],
        only: only?.accounts ?? held?.only ?? [], refuse: refuse?.accounts ?? held?.refuse ?? [])
    }

    private func show(_ posted: [PostedTerms]) {
      if cluster.isJSON {
        for terms in posted { Terminal.write(JSONText(terms).line) }
        return
      }
      func text(_ price: Price?) -> String { price.map { "\($0)" } ?? "worker" }
      func text(_ accounts: [AccountID]) -> String {
        accounts.map { "\($0)" }.joined(separator: ",")
      }
      var table = Table("MODEL", "INPUT", "CACHED", "OUTPUT", "RESERVE", "OWN", "ONLY", "REFUSED")
      for terms in posted {
        table.add(
          terms.model, text(terms.priceInput),
          terms.priceCachedInput.map { "\($0)" } ?? "input", text(terms.priceOutput),
          "\(terms.reserve)",
          text(terms.own), text(terms.only), text(terms.refuse))
      }
      Terminal.write(table.text)
    }

    private static func listing(_ message: Message) -> AskListing? {
      if case .askListing(let listing) = message { listing } else { nil }
    }
  }
}

/// A price that is posted; nil where a word says that another one holds.
struct PostedPrice {
  let price: Price?

  /// `worker`: what each worker registers with.
  static func orWorkers(_ text: String) throws -> PostedPrice {
    PostedPrice(price: text == "worker" ? nil : try Amount.price(text))
  }

  /// `input`: what the other prompt tokens cost.
  static func orInput(_ text: String) throws -> PostedPrice {
    PostedPrice(price: text == "input" ? nil : try Amount.price(text))
  }
}

/// Numbers of accounts, such as `3,4`; `none` for none.
struct AccountNumbers: ExpressibleByArgument {
  let accounts: [AccountID]

  init?(argument: String) {
    if argument == "none" {
      accounts = []
      return
    }
    let parts = argument.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { UInt64($0) }
    guard numbers.count == parts.count else { return nil }
    accounts = numbers.map { AccountID($0) }
  }
}
