internal import ArgumentParser
internal import ExchangeTypes
internal import WireProtocol

/// `yard budget`.
struct BudgetCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "budget",
    abstract: "Budgets: a tree of limits that jobs draw on, all levels at once or none.",
    discussion: """
      A job's hold must be within the limits of its key's budget and of every budget that that is a part of. A day and a
      month (30 days) are those of log time.

      Example: yard budget create acme --level organisation --month 500
               yard budget create research --level team --parent 12 --day 20
               yard key create 3 --budget 13 --scope submit,read
      """,
    subcommands: [Create.self, Set.self, Close.self, List.self])

  /// The limits of a budget; what is not named has none.
  struct Limits: ParsableArguments {
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Most that may be spent in a day.", valueName: "credits"),
      transform: Amount.parse)
    var day: Credits?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Most that may be spent in 30 days.", valueName: "credits"),
      transform: Amount.parse)
    var month: Credits?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("Most that may ever be spent.", valueName: "credits"),
      transform: Amount.parse)
    var total: Credits?
  }

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make a budget and print its number.",
      discussion: "Example: yard budget create research --level team --parent 12 --day 20")

    @Argument(help: "A name for people.") var name: String
    @Option(help: "organisation, team, user or agent.") var level: Level
    @Option(help: "The budget that it becomes a part of; the top of a tree if absent.")
    var parent: UInt64 = 0
    @Option(help: "Who pays, of the top of a tree; the key's own account if absent.")
    var account: UInt64 = 0
    @OptionGroup var limits: Limits
    @OptionGroup var cluster: ClusterOptions

    /// A key's budget comes with the key.
    enum Level: String, ExpressibleByArgument, CaseIterable {
      case organisation, team, user, agent
      var value: BudgetLevel {
        switch self {
        case .organisation: .organisation
        case .team: .team
        case .user: .user
        case .agent: .agent
        }
      }
    }

    func run() async throws {
      let create = BudgetCreate(
        requestKey: .drawn(), account: AccountID(account), parent: BudgetID(parent),
        level: level.value,
        name: name, perDay: limits.day, perMonth: limits.month, total: limits.total)
      let report = try await cluster.ask(create, BudgetCommand.report)
      if cluster.isJSON {
        Terminal.write(JSONText(report.summary).line)
      } else {
        Terminal.write("\(report.summary.budget)\n")
      }
    }
  }

  struct Set: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Set a budget's limits, all three, and open it if it was closed.",
      discussion: """
        What is not named has no limit afterwards; --none ends all three.

        Example: yard budget set 13 --day 50 --total 1000
        """)

    @Argument(help: "The budget's number.") var budget: UInt64
    @OptionGroup var limits: Limits
    @Flag(help: "It has no limit of its own from now on.") var none = false
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      let isNamed = limits.day != nil || limits.month != nil || limits.total != nil
      guard isNamed != none else {
        throw ValidationError(
          none ? "--none and a limit exclude each other" : "name a limit, or --none for no limit")
      }
    }

    func run() async throws {
      let set = BudgetSet(
        budget: BudgetID(budget), perDay: limits.day, perMonth: limits.month, total: limits.total,
        closed: false)
      BudgetCommand.show([try await cluster.ask(set, BudgetCommand.report).summary], cluster)
    }
  }

  struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Allow nothing more below a budget; jobs that run go on.",
      discussion: "Example: yard budget close 13")

    @Argument(help: "The budget's number.") var budget: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let set = BudgetSet(
        budget: BudgetID(budget), perDay: nil, perMonth: nil, total: nil, closed: true)
      BudgetCommand.show([try await cluster.ask(set, BudgetCommand.report).summary], cluster)
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List an account's budgets, with what was drawn on them.",
      discussion: "Example: yard budget list --output json")

    @Argument(help: "The account's number; the key's own if absent.") var account: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let budgets = try await cluster.withClient { client in
        var all: [BudgetSummary] = []
        while true {
          let listing = try await client.ask(
            BudgetList(
              account: AccountID(account), after: all.last?.budget ?? BudgetID(0), limit: 256)
          ) { if case .budgetListing(let listing) = $0 { listing } else { nil } }
          all += listing.budgets
          guard listing.more else { return all }
        }
      }
      BudgetCommand.show(budgets, cluster)
    }
  }

  private static func report(_ message: Message) -> BudgetReport? {
    if case .budgetReport(let report) = message { report } else { nil }
  }

  /// Budgets, for people or for scripts.
  static func show(_ budgets: [BudgetSummary], _ cluster: ClusterOptions) {
    if cluster.isJSON {
      for budget in budgets { Terminal.write(JSONText(budget).line) }
      return
    }
    func used(_ spent: Credits, of limit: Credits?) -> String {
      limit.map { "\(spent)/\($0)" } ?? "\(spent)"
    }
    var table = Table(
      "BUDGET", "PART OF", "LEVEL", "NAME", "STATE", "HELD", "DAY", "MONTH", "TOTAL")
    for budget in budgets {
      table.add(
        "\(budget.budget)", budget.parent == BudgetID(0) ? "" : "\(budget.parent)",
        budget.level.name, budget.key == KeyID(0) ? budget.name : "\(budget.name) (\(budget.key))",
        budget.closed ? "closed" : "open", "\(budget.held)",
        used(budget.spentInDay, of: budget.perDay), used(budget.spentInMonth, of: budget.perMonth),
        used(budget.spent, of: budget.total))
    }
    Terminal.write(table.text)
  }
}
