internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard account`.
struct AccountCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "account",
    abstract: "Create accounts, credit them, show them, say whose they are, close them.",
    discussion: "Example: yard account create alice --kind consumer",
    subcommands: [
      Create.self, Credit.self, Show.self, List.self, Close.self, OwnerCommand.self,
      WeightCommand.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create an account and print its number (scope admin).",
      discussion: "Example: yard account create alice --kind consumer --credit 10")

    @Argument(help: "Its name, unique in the cluster.") var name: String
    @Option(help: "consumer, supplier, fees, dispute or reserve.") var kind: Kind = .consumer
    @Option(
      parsing: .unconditional, help: ArgumentHelp("Credits to issue to it.", valueName: "credits"),
      transform: Amount.parse)
    var credit: Credits?
    @OptionGroup var cluster: ClusterOptions

    enum Kind: String, ExpressibleByArgument, CaseIterable {
      case consumer, supplier, fees, dispute, reserve
      var value: AccountKind {
        switch self {
        case .consumer: .consumer
        case .supplier: .supplier
        case .fees: .fees
        case .dispute: .dispute
        case .reserve: .reserve
        }
      }
    }

    func validate() throws {
      guard credit != .zero else {
        throw ValidationError("--credit is 0; leave it away for an account without credit")
      }
    }

    func run() async throws {
      let create = AccountCreate(requestKey: .drawn(), name: name, kind: kind.value)
      try await cluster.withClient { client in
        var report = try await client.ask(create, Reply.account)
        // Whatever becomes of the credit, the account is there: its number is printed, and its name is taken.
        defer { AccountPrinter.print(report.summary, asJSON: cluster.isJSON, created: true) }
        guard let credit else { return }
        let account = report.summary.account
        do {
          report = try await client.ask(
            AccountCredit(requestKey: .drawn(), account: account, amount: credit), Reply.account)
        } catch let error as CommandError {
          Terminal.note("yard: account \(account) is made, and not known to be credited")
          throw error
        }
      }
    }
  }

  struct Credit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Issue credit to an account (scope admin).",
      discussion: "Example: yard account credit 3 12.5")

    @Argument(help: "The account's number.") var account: UInt64
    @Argument(help: "How many credits, as a decimal.", transform: Amount.parse) var amount: Credits
    @OptionGroup var request: RequestOptions
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let credit = AccountCredit(
        requestKey: request.key, account: AccountID(account), amount: amount)
      let report = try await request.once { try await cluster.ask(credit, Reply.account) }
      AccountPrinter.print(report.summary, asJSON: cluster.isJSON, created: false)
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show an account: the key's own, or another with scope admin.",
      discussion: "Example: yard account show")

    @Argument(help: "The account's number; the key's own if absent.") var account: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let report = try await cluster.ask(
        AccountQuery(account: AccountID(account)), Reply.account)
      AccountPrinter.print(report.summary, asJSON: cluster.isJSON, created: false)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List all accounts (scope admin).", discussion: "Example: yard account list")

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let books = try await cluster.withClient { try await LedgerReader(client: $0).accounts() }
      if cluster.isJSON {
        for page in books {
          for account in page.accounts { Terminal.write(JSONText(account).line) }
        }
        return
      }
      var table = Table("ACCOUNT", "NAME", "KIND", "BALANCE", "HELD", "STATE")
      for account in books.flatMap(\.accounts) {
        table.add(
          "\(account.account)", account.name, account.kind.name,
          "\(account.credits.subtracting(account.debits) ?? .zero)", "\(account.held)",
          account.closed ? "closed" : "open")
      }
      Terminal.write(table.text)
    }
  }

  struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Close an account for good, and end its keys (scope admin).",
      discussion: """
        What it owns stays until it is moved out of it (yard ledger transfer). An account with open jobs is not closed.

        Example: yard account close 7
        """)

    @Argument(help: "The account's number.") var account: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let report = try await cluster.ask(AccountClose(account: AccountID(account)), Reply.account)
      AccountPrinter.print(report.summary, asJSON: cluster.isJSON, created: false)
    }
  }
}

/// `yard account owner`.
struct OwnerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "owner",
    abstract: "Show or say whose an account is (scope admin).",
    discussion: """
      Accounts of one name are one owner's. What one of them buys of another is paid as any job is, but makes no price, and the
      operator's report counts it apart. It holds for jobs that end from then on.

      Example: yard account owner 5 acme
               yard account owner 5 --none
      """)

  @Argument(help: "The account's number; 0 for the key's own.") var account: UInt64
  @Argument(help: "A name that all accounts of the owner have; nothing is changed without it.")
  var name: String?
  @Flag(help: "It is nobody's that is known.") var none = false
  @OptionGroup var cluster: ClusterOptions

  func validate() throws {
    guard name.map({ (1...128).contains($0.utf8.count) }) ?? true else {
      throw ValidationError("a name has 1 to 128 bytes; --none takes it back")
    }
    guard name == nil || !none else {
      throw ValidationError("a name and --none exclude each other")
    }
  }

  func run() async throws {
    let report = try await cluster.ask(
      AccountOwnerSet(account: AccountID(account), owner: none ? "" : name)
    ) {
      if case .accountOwnerReport(let report) = $0 { report } else { nil }
    }
    if cluster.isJSON {
      let line: JSONText = [
        "account": .id(report.account),
        "owner": report.owner.isEmpty ? .null : .string(report.owner),
      ]
      return Terminal.write(line.line)
    }
    let owner = report.owner.isEmpty ? "nobody's that is known" : Terminal.plain(report.owner)
    Terminal.write("\(owner)\n")
  }
}

/// `yard account weight`.
struct WeightCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "weight",
    abstract: "Show or set what an account counts for when slots are shared (scope admin).",
    discussion: """
      Of the accounts whose jobs wait for a model, one of weight 300 is served three times as much as one of weight 100,
      which is what an account has that was given none. Where nobody waits it changes nothing.

      Example: yard account weight 3 300
      """)

  @Argument(help: "The account's number; 0 for the key's own.") var account: UInt64
  @Argument(help: "From 10 to 10000; nothing is changed without it.") var weight: UInt32?
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let report = try await cluster.ask(
      AccountWeightSet(account: AccountID(account), weight: weight)
    ) {
      if case .accountWeightReport(let report) = $0 { report } else { nil }
    }
    if cluster.isJSON {
      let line: JSONText = [
        "account": .id(report.account), "weight": .unsigned(UInt64(report.weight)),
      ]
      return Terminal.write(line.line)
    }
    Terminal.write("\(report.weight)\n")
  }
}

/// An amount of credits on the command line; what is none is refused by the name that the gateway refuses it by.
///
/// An option that takes one is parsed unconditionally: `-1` is its value then, and not another option.
enum Amount {
  static func parse(_ text: String) throws -> Credits {
    do throws(AmountFault) { return try Credits(parsing: text) } catch {
      throw ValidationError("\(error.code.name): '\(text)' \(error.sentence)")
    }
  }

  /// Credits for a million tokens.
  static func price(_ text: String) throws -> Price {
    Price(nanoPerMillion: try parse(text).rawValue)
  }
}

/// Picks the content that a request is answered with.
enum Reply {
  static func account(_ message: Message) -> AccountReport? {
    if case .accountReport(let report) = message { report } else { nil }
  }
  static func key(_ message: Message) -> KeyReport? {
    if case .keyReport(let report) = message { report } else { nil }
  }
}

/// One account, for people or for scripts.
enum AccountPrinter {
  static func print(_ account: AccountSummary, asJSON: Bool, created: Bool) {
    if asJSON { return Terminal.write(JSONText(account).line) }
    if created { return Terminal.write("\(account.account)\n") }
    var table = Table("account", "\(account.account)")
    table.add("name", account.name)
    table.add("kind", account.kind.name)
    table.add("balance", "\(account.balance) credits")
    table.add("held", "\(account.held) credits")
    table.add("spent", "\(account.spent) credits")
    table.add("earned", "\(account.earned) credits")
    Terminal.write(table.text)
  }
}
