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

  /// As `SettleCached`, by a worker that has signed what it states of it.
  public struct SettleSigned: Hashable, Sendable {
    /// The end, with what was cached.
    public let settle: SettleCached
    /// What the worker signed, beside what the settle says.
    public let signed: AttemptSigned
    /// Joins the parts.
    public init(settle: SettleCached, signed: AttemptSigned) {
      self.settle = settle
      self.signed = signed
    }
  }

  /// As `SettleCached`, or `SettleSigned`, of an engine that says what of its output was reasoning.
  public struct SettleReasoned: Hashable, Sendable {
    /// The end, with what was cached.
    public let settle: SettleCached
    /// What the worker signed, beside what the settle says; nil if nothing.
    public let signed: AttemptSigned?
    /// Output tokens that were reasoning, as the engine says.
    public let reasoningTokens: TokenCount
    /// Joins the parts.
    public init(settle: SettleCached, signed: AttemptSigned?, reasoningTokens: TokenCount) {
      self.settle = settle
      self.signed = signed
      self.reasoningTokens = reasoningTokens
    }
  }

  /// What a worker has signed of an attempt that it has ended, with the key by which that can be checked.
  public struct AttemptSigned: Hashable, Sendable {
    /// The first event that it made.
    public let firstSeq: UInt64
    /// What the model's weights are, as it says.
    public let modelDigest: String?
    /// The public key of its certificate.
    public let publicKey: [UInt8]
    /// The signature.
    public let signature: [UInt8]
    /// Joins the parts.
    public init(
      firstSeq: UInt64, modelDigest: String?, publicKey: [UInt8], signature: [UInt8]
    ) {
      self.firstSeq = firstSeq
      self.modelDigest = modelDigest
      self.publicKey = publicKey
      self.signature = signature
    }
  }
}

extension Command.SettleSigned {
  func encode(into writer: inout FieldWriter) {
    settle.encode(into: &writer)
    signed.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      settle: try Command.SettleCached(from: &reader),
      signed: try Command.AttemptSigned(from: &reader))
  }
}

extension Command.SettleReasoned {
  func encode(into writer: inout FieldWriter) {
    settle.encode(into: &writer)
    writer.write(signed) { $1.encode(into: &$0) }
    writer.write(reasoningTokens.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      settle: try Command.SettleCached(from: &reader),
      signed: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try Command.AttemptSigned(from: &reader)
      }, reasoningTokens: try reader.readTokens())
  }
}

extension Command.AttemptSigned {
  func encode(into writer: inout FieldWriter) {
    writer.write(firstSeq)
    writer.write(modelDigest) { $0.write($1, limit: Command.Limits.digestBytesMax) }
    writer.write(publicKey, limit: Command.Limits.publicKeyBytesMax)
    writer.write(signature, limit: Command.Limits.signatureBytesMax)
  }

  /// Reads the fields, as rows have them too.
  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      firstSeq: try reader.read(),
      modelDigest: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readString(limit: Command.Limits.digestBytesMax)
      }, publicKey: try reader.readBytes(limit: Command.Limits.publicKeyBytesMax),
      signature: try reader.readBytes(limit: Command.Limits.signatureBytesMax))
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
