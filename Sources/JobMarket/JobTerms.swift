/// What a job asks of whoever runs it, beyond what its bid says: no offer has it, and no price.
public struct JobTerms: Hashable, Sendable {
  /// What its engine must be able to do.
  public var needs: Capabilities
  /// Whom its consumer wants.
  public var preferences: Preferences

  /// Joins both.
  public init(needs: Capabilities = [], preferences: Preferences = Preferences()) {
    self.needs = needs
    self.preferences = preferences
  }

  /// Whether it asks for nothing.
  public var isEmpty: Bool { self == JobTerms() }
}

/// What an engine can do beyond text out of text; the bits are those of rows and of the wire, append-only.
public struct Capabilities: OptionSet, Hashable, Sendable {
  /// The bits.
  public let rawValue: UInt32
  /// Wraps bits.
  public init(rawValue: UInt32) { self.rawValue = rawValue }

  /// It calls tools.
  public static let tools = Capabilities(rawValue: 1 << 0)
  /// Its output follows a schema or a grammar.
  public static let structuredOutput = Capabilities(rawValue: 1 << 1)
  /// It tells log probabilities.
  public static let logprobs = Capabilities(rawValue: 1 << 2)
  /// It gives several answers to one request.
  public static let severalAnswers = Capabilities(rawValue: 1 << 3)
  /// It takes prompts of token ids.
  public static let tokenIDPrompt = Capabilities(rawValue: 1 << 4)
  /// It gives the prompt back with the output.
  public static let echo = Capabilities(rawValue: 1 << 5)
  /// It is told which tools to call, or that it must call some.
  public static let toolChoice = Capabilities(rawValue: 1 << 6)
  /// It samples tokens with a bias.
  public static let logitBias = Capabilities(rawValue: 1 << 7)

  /// Each with its name.
  public static let named: [(name: String, capability: Capabilities)] = [
    ("tools", .tools), ("structured_output", .structuredOutput), ("logprobs", .logprobs),
    ("several_answers", .severalAnswers), ("token_id_prompt", .tokenIDPrompt), ("echo", .echo),
    ("tool_choice", .toolChoice), ("logit_bias", .logitBias),
  ]

  /// All that this version knows: what a worker is taken to have that says nothing.
  public static let all = Capabilities(Self.named.map(\.capability))

  /// The names of those that are here.
  public var names: [String] { Self.named.filter { contains($0.capability) }.map(\.name) }
}

/// Whom a consumer wants to have a job run by: OpenRouter's `provider` object, but for its prices, which are ceilings.
///
/// A name is that of a supplier's account, or `account/worker` for one of its workers.
public struct Preferences: Hashable, Sendable {
  /// What the choice among those that are left is made by; the raw values are those of rows.
  public enum Sort: UInt8, Hashable, Sendable, CaseIterable {
    /// The lowest price.
    case price = 1
    /// The most tokens a second, as measured.
    case throughput = 2
    /// The least time to the first output, as measured.
    case latency = 3
  }

  /// The most names in a list.
  public static let namesMax = 8
  /// The most bytes of a name.
  public static let nameBytesMax = 257

  /// Who is asked first, in this order.
  public var order: [String]
  /// Nobody else; empty for anybody.
  public var only: [String]
  /// Not these.
  public var ignore: [String]
  /// Whether those that `order` does not name come after it.
  public var allowsFallbacks: Bool
  /// What decides among the rest; nil is the price.
  public var sort: Sort?

  /// Joins the parts.
  public init(
    order: [String] = [], only: [String] = [], ignore: [String] = [], allowsFallbacks: Bool = true,
    sort: Sort? = nil
  ) {
    self.order = order
    self.only = only
    self.ignore = ignore
    self.allowsFallbacks = allowsFallbacks
    self.sort = sort
  }

  /// Whether a worker may run the job.
  public func admits(_ worker: SupplierName) -> Bool {
    guard only.isEmpty || only.contains(where: worker.isCalled) else { return false }
    guard !ignore.contains(where: worker.isCalled) else { return false }
    return allowsFallbacks || order.isEmpty || order.contains(where: worker.isCalled)
  }

  /// A worker's place in the order: the least is asked first.
  public func place(of worker: SupplierName) -> Int {
    order.firstIndex(where: worker.isCalled) ?? order.count
  }
}

/// A worker as consumers name it.
public struct SupplierName: Hashable, Sendable {
  /// Its account's name.
  public let account: String
  /// Its own, unique within the account.
  public let worker: String

  /// Joins both.
  public init(account: String, worker: String) {
    self.account = account
    self.worker = worker
  }

  /// Whether a name means it.
  public func isCalled(_ name: String) -> Bool {
    name == account
      || (name.utf8.count == account.utf8.count + 1 + worker.utf8.count
        && name == "\(account)/\(worker)")
  }
}
