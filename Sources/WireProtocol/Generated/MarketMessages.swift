// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

/// Asks for the asks of a model's workers that take jobs now, the cheapest output first.
public struct BookQuery: WireMessage {
  /// BookQuery is number 200.
  public static let kind = MessageKind.bookQuery

  /// The model.
  public let model: String

  /// Joins the fields.
  public init(model: String) {
    self.model = model
  }
}

/// Answers a BookQuery or a QuoteQuery.
public struct Book: WireMessage {
  /// Book is number 201.
  public static let kind = MessageKind.book

  /// The asks.
  public let asks: [AskEntry]
  /// Of a quote: what the job costs at each of the asks, in their order; else empty.
  public let costs: [Credits]
  /// Whether there are further ones.
  public let more: Bool

  /// Joins the fields.
  public init(asks: [AskEntry], costs: [Credits], more: Bool) {
    self.asks = asks
    self.costs = costs
    self.more = more
  }
}

/// Asks what a job would cost now at each worker that would take it from the caller's account, the
/// one that it would go to first.
public struct QuoteQuery: WireMessage {
  /// QuoteQuery is number 202.
  public static let kind = MessageKind.quoteQuery

  /// The model.
  public let model: String
  /// Tokens of the prompt.
  public let promptTokens: UInt32
  /// Tokens of the output.
  public let outputTokens: UInt32

  /// Joins the fields.
  public init(model: String, promptTokens: UInt32, outputTokens: UInt32) {
    self.model = model
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
  }
}

/// Asks for the price index of a model.
public struct PriceQuery: WireMessage {
  /// PriceQuery is number 203.
  public static let kind = MessageKind.priceQuery

  /// The model.
  public let model: String
  /// Most intervals in the answer, at most 168.
  public let intervals: UInt32

  /// Joins the fields.
  public init(model: String, intervals: UInt32) {
    self.model = model
    self.intervals = intervals
  }
}

/// Answers a PriceQuery.
public struct PriceHistory: WireMessage {
  /// PriceHistory is number 204.
  public static let kind = MessageKind.priceHistory

  /// The length of an interval, in milliseconds.
  public let intervalMs: UInt64
  /// The newest intervals in which the model was sold, oldest first.
  public let points: [PriceEntry]

  /// Joins the fields.
  public init(intervalMs: UInt64, points: [PriceEntry]) {
    self.intervalMs = intervalMs
    self.points = points
  }
}

/// Posts what the caller's account asks for a model, or takes it back (scope work).
public struct AskSet: WireMessage {
  /// AskSet is number 205.
  public static let kind = MessageKind.askSet

  /// What holds from now on, all of it.
  public let terms: PostedTerms
  /// Whether what is posted is taken back: only the model counts.
  public let withdraw: Bool

  /// Joins the fields.
  public init(terms: PostedTerms, withdraw: Bool) {
    self.terms = terms
    self.withdraw = withdraw
  }
}

/// Asks what the caller's account posts about models (scope read, or work).
public struct AskList: WireMessage {
  /// AskList is number 206.
  public static let kind = MessageKind.askList

  /// Joins the fields.
  public init() {}
}

/// Answers an AskList, and an AskSet by what holds of it.
public struct AskListing: WireMessage {
  /// AskListing is number 207.
  public static let kind = MessageKind.askListing

  /// What is posted, in the order in which it first was.
  public let terms: [PostedTerms]

  /// Joins the fields.
  public init(terms: [PostedTerms]) {
    self.terms = terms
  }
}

/// Asks what a supplier sold, oldest first (its own account with scope read, or work; others' with
/// admin).
public struct SalesQuery: WireMessage {
  /// SalesQuery is number 208.
  public static let kind = MessageKind.salesQuery

  /// The supplier; 0 for the caller's own.
  public let account: AccountID
  /// The number after which to begin; 0 for the oldest that is kept.
  public let after: UInt64
  /// Most entries in the answer, at most 256.
  public let limit: UInt32

  /// Joins the fields.
  public init(account: AccountID, after: UInt64, limit: UInt32) {
    self.account = account
    self.after = after
    self.limit = limit
  }
}

/// Answers a SalesQuery.
public struct SalesListing: WireMessage {
  /// SalesListing is number 209.
  public static let kind = MessageKind.salesListing

  /// The length of an interval, in milliseconds.
  public let intervalMs: UInt64
  /// What was sold.
  public let sales: [SalesEntry]
  /// Whether there are further ones.
  public let more: Bool

  /// Joins the fields.
  public init(intervalMs: UInt64, sales: [SalesEntry], more: Bool) {
    self.intervalMs = intervalMs
    self.sales = sales
    self.more = more
  }
}
