internal import ArgumentParser
internal import ExchangeTypes
internal import Identity
internal import WireProtocol

/// `yard key`.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Create, show, list, limit, rotate and revoke API keys; sign keys for agents.",
    discussion: "Example: yard key create 3 --scope submit,read",
    subcommands: [
      Create.self, Show.self, List.self, Limit.self, Rotate.self, Revoke.self, Bind.self,
      Delegate.self,
      Delegations.self, Unbind.self,
    ])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a key and print it: it is shown this once and stored nowhere.",
      discussion: "Example: yard key create 3 --name laptop --scope submit,read --expires 30d")

    @Argument(help: "The account's number.") var account: UInt64
    @Option(help: "A name for it.") var name = "key"
    @Option(
      help: ArgumentHelp("What it allows: submit, work, admin, read.", valueName: "scope,…"))
    var scope = "submit,read"
    @Option(
      help: ArgumentHelp(
        "It dies after this time; without it, when it is revoked.", valueName: "time"))
    var expires: TimeSpan?
    @OptionGroup var limit: LimitOptions
    @Option(
      help: ArgumentHelp(
        "The budget that its jobs draw on; see yard budget.", valueName: "budget"))
    var budget: UInt64?
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      _ = try Scopes(naming: scope)
      guard expires?.milliseconds != 0 else { throw ValidationError("--expires is no time at all") }
    }

    func run() async throws {
      let secret = APIKey.generateSecret()
      if let budget {
        let report = try await cluster.ask(
          BudgetKeyCreate(
            requestKey: .drawn(), account: AccountID(account), name: name,
            scopes: try Scopes(naming: scope),
            secretHash: APIKey.hash(secret), lifetimeMs: expires?.milliseconds,
            budget: BudgetID(budget)), Reply.key)
        if let terms = limit.terms {
          // Before its secret is shown, so that it is never used without.
          _ = try await cluster.ask(KeyLimit(key: report.summary.key, limit: terms), Reply.key)
        }
        return KeyCommand.show(APIKey(id: report.summary.key, secret: secret), cluster)
      }
      let report = try await cluster.ask(
        KeyCreate(
          requestKey: .drawn(), account: AccountID(account), name: name,
          scopes: try Scopes(naming: scope),
          secretHash: APIKey.hash(secret), lifetimeMs: expires?.milliseconds, limit: limit.terms),
        Reply.key)
      KeyCommand.show(APIKey(id: report.summary.key, secret: secret), cluster)
    }
  }

  /// What a key may use in a minute.
  struct LimitOptions: ParsableArguments {
    @Option(
      help: ArgumentHelp("The most jobs that it may submit in a minute.", valueName: "number"))
    var requestsPerMinute: UInt32?
    @Option(
      help: ArgumentHelp(
        "The most tokens that its jobs may have in a minute, prompt and output together.",
        valueName: "number"))
    var tokensPerMinute: UInt64?

    func validate() throws {
      guard requestsPerMinute != 0, tokensPerMinute != 0 else {
        throw ValidationError("a limit of 0 would allow nothing: revoke the key instead")
      }
    }

    /// The limit; nil if there is none.
    var terms: RateTerms? {
      requestsPerMinute == nil && tokensPerMinute == nil
        ? nil : RateTerms(requests: requestsPerMinute, tokens: tokensPerMinute)
    }
  }

  struct Limit: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Limit what a key may use in a minute, or end its limit.",
      discussion: """
        The limit that is given takes the place of the one before, and begins with a minute's worth. A job takes the most tokens that it can have, \
        and gives back at its end what it has not had.

        Example: yard key limit 7 --requests-per-minute 60 --tokens-per-minute 20000
        """)

    @Argument(help: "The key's number.") var key: UInt64
    @OptionGroup var limit: LimitOptions
    @Flag(help: "It has no limit from now on.") var none = false
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      guard none == (limit.terms == nil) else {
        throw ValidationError(
          "give --requests-per-minute, --tokens-per-minute or both, or --none alone")
      }
    }

    func run() async throws {
      let terms = limit.terms ?? RateTerms(requests: nil, tokens: nil)
      let report = try await cluster.ask(KeyLimit(key: KeyID(key), limit: terms), Reply.key)
      if cluster.isJSON {
        Terminal.write(JSONText(report.summary, report.life, report.rate).line)
      } else {
        Terminal.write("key \(report.summary.key): \(KeyCommand.words(report.rate))\n")
      }
    }
  }

  /// A limit in words.
  fileprivate static func words(_ rate: RateSummary?) -> String {
    var parts: [String] = []
    if let requests = rate?.requests { parts.append("\(requests) requests/min") }
    if let tokens = rate?.tokens { parts.append("\(tokens) tokens/min") }
    return parts.isEmpty ? "no limit" : parts.joined(separator: ", ")
  }

  struct Rotate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Give a key a new secret and print it; the former one works until the grace is over.",
      discussion: "Example: yard key rotate 7 --grace 1h")

    @Argument(help: "The key's number.") var key: UInt64
    @Option(
      help: ArgumentHelp(
        "How long the former secret still works; 0s ends it, and what it opened, at once.",
        valueName: "time"))
    var grace = TimeSpan.day
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let secret = APIKey.generateSecret()
      do {
        _ = try await cluster.ask(
          KeyRotate(
            requestKey: .drawn(), key: KeyID(key), secretHash: APIKey.hash(secret),
            graceMs: grace.milliseconds), Reply.key)
      } catch let error as CommandError where error.code == .unavailable {
        // A key that has changed its own secret can be asked for no other.
        Terminal.note(
          "whether the key has its new secret is not known; if it has, it is the one printed here")
        KeyCommand.show(APIKey(id: KeyID(key), secret: secret), cluster)
        throw error
      }
      KeyCommand.show(APIKey(id: KeyID(key), secret: secret), cluster)
    }
  }

  /// Shows a new secret: this once.
  fileprivate static func show(_ key: APIKey, _ cluster: ClusterOptions) {
    if cluster.isJSON {
      let line: JSONText = ["key": .id(key.id), "secret": .string(key.text)]
      Terminal.write(line.line)
    } else {
      Terminal.write("\(key.text)\n")
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List an account's keys, without their secrets.",
      discussion: "Example: yard key list")

    @Argument(help: "The account's number; the key's own if absent.") var account: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let listing = try await cluster.ask(KeyList(account: AccountID(account))) {
        if case .keyListing(let listing) = $0 { listing } else { nil }
      }
      let lives = listing.lives ?? []
      let rates = listing.rates ?? []
      let keys = listing.keys.enumerated().map { place, key in
        (
          key: key, life: place < lives.count ? lives[place] : nil,
          rate: place < rates.count ? rates[place] : nil
        )
      }
      if cluster.isJSON {
        for (key, life, rate) in keys { Terminal.write(JSONText(key, life, rate).line) }
        return
      }
      var table = Table("KEY", "NAME", "SCOPES", "STATE", "LIMIT", "LAST USED")
      for (key, life, rate) in keys {
        table.add(
          "\(key.key)", key.name, key.scopes.names.joined(separator: ","),
          KeyCommand.state(key, life),
          KeyCommand.words(rate),
          life?.lastUsedAgoMs.map { TimeSpan.words(milliseconds: $0) + " ago" } ?? "")
      }
      Terminal.write(table.text)
    }
  }

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show the key that asks: what it allows, its limits and what it may still spend.",
      discussion: """
        Any key may ask. One without the scope read is told of its own budget and of what is left to it, and nothing of its account.

        Example: yard key show
        """)

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let standing = try await cluster.ask(StandingQuery()) {
        if case .standing(let standing) = $0 { standing } else { nil }
      }
      if cluster.isJSON { return Terminal.write(JSONText(standing).line) }
      let key = standing.key
      var table = Table("key", "\(key.key)")
      table.add("name", key.name)
      table.add("scopes", key.scopes.names.joined(separator: ","))
      table.add("state", KeyCommand.state(key, standing.life))
      table.add("limit", KeyCommand.words(standing.rate))
      if let account = standing.account {
        table.add("account", "\(account.account) (\(account.name))")
        table.add("balance", "\(account.balance) credits, \(account.held) held")
      }
      table.add("left", standing.left.map { "\($0) credits" } ?? "as much as its account has")
      Terminal.write(table.text)
      if !standing.budgets.isEmpty { BudgetCommand.show(standing.budgets, cluster) }
    }
  }

  /// Whether a key lives, and for how long.
  fileprivate static func state(_ key: KeySummary, _ life: KeyLife?) -> String {
    guard !key.revoked else { return life?.expiresInMs == 0 ? "expired" : "revoked" }
    var parts = ["live"]
    if let left = life?.expiresInMs {
      parts.append("expires in \(TimeSpan.words(milliseconds: left))")
    }
    if let left = life?.formerForMs {
      parts.append("former secret for \(TimeSpan.words(milliseconds: left))")
    }
    return parts.joined(separator: ", ")
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke a key for ever, with all that its holder has signed, or one of those.",
      discussion: """
        Example: yard key revoke 7
                 yard key revoke 7 --delegation 0f6d…
        """)

    @Argument(help: "The key's number.") var key: UInt64
    @Option(
      help: ArgumentHelp(
        "Only this delegation of the key, whether or not it has been used.", valueName: "id"))
    var delegation: String?
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      guard delegation.map({ DelegationID(parsing: $0) != nil }) ?? true else {
        throw ValidationError("--delegation takes the 32 hexadecimal digits that it was made with")
      }
    }

    func run() async throws {
      if let delegation = delegation.flatMap(DelegationID.init(parsing:)) {
        let report = try await cluster.ask(
          DelegationRevoke(key: KeyID(key), delegation: delegation)
        ) { if case .delegationReport(let report) = $0 { report } else { nil } }
        return Terminal.write(
          cluster.isJSON
            ? JSONText(report.summary).line : "delegation \(delegation) is revoked\n")
      }
      let report = try await cluster.ask(KeyRevoke(key: KeyID(key)), Reply.key)
      if cluster.isJSON {
        Terminal.write(JSONText(report.summary, report.life, report.rate).line)
      } else {
        Terminal.write("key \(report.summary.key) is revoked\n")
      }
    }
  }
}
