public import ExchangeTypes
public import JobMarket

extension Command {
  /// Posts what a supplier asks for a model, or takes it back; needs `work`.
  public struct AskSet: Hashable, Sendable {
    /// Who asks: the terms are those of his account.
    public let caller: KeyID
    /// The model.
    public let model: String
    /// What holds from now on, all of it; nil for what each worker registers with.
    public let terms: AskTerms?
    /// Joins the parts.
    public init(caller: KeyID, model: String, terms: AskTerms?) {
      self.caller = caller
      self.model = model
      self.terms = terms
    }
  }

  /// As `Settle`, of an engine that had a part of the prompt cached.
  public struct SettleCached: Hashable, Sendable {
    /// The end.
    public let settle: Settle
    /// Prompt tokens that the engine had cached, as it says.
    public let cachedTokens: TokenCount
    /// Joins the parts.
    public init(settle: Settle, cachedTokens: TokenCount) {
      self.settle = settle
      self.cachedTokens = cachedTokens
    }
  }
}

extension Command.SettleCached {
  func encode(into writer: inout FieldWriter) {
    settle.encode(into: &writer)
    writer.write(cachedTokens.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      settle: try Command.Settle(from: &reader), cachedTokens: try reader.readTokens())
  }
}

extension Command.AskSet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(model, limit: Offer.modelBytesMax)
    writer.write(terms) { $1.encode(into: &$0) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), model: try reader.readString(limit: Offer.modelBytesMax),
      terms: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try AskTerms(from: &reader)
      })
  }
}

extension AskTerms {
  func encode(into writer: inout FieldWriter) {
    for price in [input, cachedInput, output] { writer.write(price) { $0.write($1.rawValue) } }
    writer.write(reserve)
    for accounts in [own, only, refuse] {
      writer.write(accounts, limit: Self.accountsMax) { $0.write($1) }
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    func price() throws(CanonicalError) -> Price? {
      try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readPrice()
      }
    }
    func accounts() throws(CanonicalError) -> [AccountID] {
      try reader.readList(limit: Self.accountsMax, elementBytesMin: 8) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readID(AccountID.self)
      }
    }
    self.init(
      input: try price(), cachedInput: try price(), output: try price(), reserve: try reader.read(),
      own: try accounts(),
      only: try accounts(), refuse: try accounts())
  }
}
