public import ExchangeTypes

/// What a coordinator states about an ended job: all that its owner needs to check the charge.
///
/// It has one encoding, which is what is signed: version `u8` = 1 ‖ the fields in the order in which they stand here,
/// in the canonical encoding. Read strictly: an unknown version or a byte too many is an error.
public struct JobReceipt: Hashable, Sendable {
  /// The version of the encoding.
  static let version: UInt8 = 1
  /// More parts and postings than a job can have.
  private static let partsMax = 64

  /// What an attempt added to the output, and whose share of the charge follows from it.
  public struct Part: Hashable, Sendable {
    /// Who is paid for it.
    public let supplier: AccountID
    /// Bytes of the record.
    public let bytes: UInt64
    /// Joins the parts.
    public init(supplier: AccountID, bytes: UInt64) {
      self.supplier = supplier
      self.bytes = bytes
    }
  }

  /// A transfer out of the job's hold.
  public struct Posting: Hashable, Sendable {
    /// Its number in the journal.
    public let transfer: TransferID
    /// Who was paid.
    public let payee: AccountID
    /// How much.
    public let amount: Credits
    /// Whether it is the operator's part.
    public let isFee: Bool
    /// Joins the parts.
    public init(transfer: TransferID, payee: AccountID, amount: Credits, isFee: Bool) {
      self.transfer = transfer
      self.payee = payee
      self.amount = amount
      self.isFee = isFee
    }
  }

  /// The cluster.
  public var cluster: ClusterID
  /// The job.
  public var job: JobID
  /// Who paid.
  public var account: AccountID
  /// The model asked for.
  public var model: String
  /// How it ended.
  public var state: JobState
  /// Why its output stopped; nil if none began.
  public var finish: FinishReason?
  /// What went wrong; 0 if nothing did.
  public var error: UInt16
  /// Log time of the submit.
  public var createdAt: LogTime
  /// Log time of the end.
  public var endedAt: LogTime
  /// SHA-256 over the request, its body included: 32 bytes.
  public var requestHash: [UInt8]
  /// The record's last event; 0 if there is none.
  public var lastSeq: UInt64
  /// The record's chain hash after it: 32 bytes.
  public var outputHash: [UInt8]
  /// Bytes of the record.
  public var outputBytes: UInt64
  /// What output tokens were counted by; nil if no worker had the job.
  public var basis: BillingBasis?
  /// Prices of the billed attempt; zero if no worker had the job.
  public var prices: PricePair
  /// Prompt tokens billed.
  public var promptTokens: TokenCount
  /// Output tokens billed.
  public var outputTokens: TokenCount
  /// What was held.
  public var hold: Credits
  /// What was charged.
  public var charge: Credits
  /// The operator's part, in parts of a million.
  public var feeParts: UInt32
  /// How many attempts there were.
  public var attempts: UInt32
  /// What they added to the output, those that added something, in their order.
  public var parts: [Part]
  /// What was paid; empty if nothing moved.
  public var postings: [Posting]

  /// Joins the parts.
  public init(
    cluster: ClusterID, job: JobID, account: AccountID, model: String, state: JobState,
    finish: FinishReason?, error: UInt16, createdAt: LogTime, endedAt: LogTime,
    requestHash: [UInt8], lastSeq: UInt64, outputHash: [UInt8], outputBytes: UInt64,
    basis: BillingBasis?, prices: PricePair, promptTokens: TokenCount, outputTokens: TokenCount,
    hold: Credits, charge: Credits, feeParts: UInt32, attempts: UInt32, parts: [Part],
    postings: [Posting]
  ) {
    self.cluster = cluster
    self.job = job
    self.account = account
    self.model = model
    self.state = state
    self.finish = finish
    self.error = error
    self.createdAt = createdAt
    self.endedAt = endedAt
    self.requestHash = requestHash
    self.lastSeq = lastSeq
    self.outputHash = outputHash
    self.outputBytes = outputBytes
    self.basis = basis
    self.prices = prices
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.hold = hold
    self.charge = charge
    self.feeParts = feeParts
    self.attempts = attempts
    self.parts = parts
    self.postings = postings
  }

  /// What is signed.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: 512)
    writer.write(Self.version)
    writer.write(cluster.rawValue)
    writer.write(job.rawValue)
    writer.write(account.rawValue)
    writer.write(model)
    writer.write(state.rawValue)
    writer.write(finish) { $0.write($1.rawValue) }
    writer.write(error)
    writer.write(createdAt.rawValue)
    writer.write(endedAt.rawValue)
    writer.writeRaw(requestHash)
    writer.write(lastSeq)
    writer.writeRaw(outputHash)
    writer.write(outputBytes)
    writer.write(basis) { $0.write($1.rawValue) }
    writer.write(prices.input.rawValue)
    writer.write(prices.output.rawValue)
    writer.write(promptTokens.rawValue)
    writer.write(outputTokens.rawValue)
    writer.write(hold.rawValue)
    writer.write(charge.rawValue)
    writer.write(feeParts)
    writer.write(attempts)
    writer.write(parts) {
      $0.write($1.supplier.rawValue)
      $0.write($1.bytes)
    }
    writer.write(postings) {
      $0.write($1.transfer.rawValue)
      $0.write($1.payee.rawValue)
      $0.write($1.amount.rawValue)
      $0.write($1.isFee)
    }
    return writer.bytes
  }

  /// Reads what `bytes` writes, and nothing else.
  ///
  /// - Throws: `CanonicalError`.
  public init(bytes: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(bytes)
    let version = try reader.read(UInt8.self)
    guard version == Self.version else { throw .unknownValue(offset: 0, value: UInt64(version)) }
    cluster = ClusterID(try reader.read())
    job = JobID(try reader.read(UInt64.self))
    account = AccountID(try reader.read(UInt64.self))
    model = try reader.readString(limit: 256)
    state = try reader.readCase()
    finish = try reader.readOptional {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      try reader.readCase(FinishReason.self)
    }
    error = try reader.read()
    createdAt = LogTime(milliseconds: try reader.read())
    endedAt = LogTime(milliseconds: try reader.read())
    requestHash = try reader.readRaw(count: 32)
    lastSeq = try reader.read()
    outputHash = try reader.readRaw(count: 32)
    outputBytes = try reader.read()
    basis = try reader.readOptional {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      try reader.readCase(BillingBasis.self)
    }
    prices = PricePair(
      input: Price(nanoPerMillion: try reader.read()),
      output: Price(nanoPerMillion: try reader.read()))
    promptTokens = TokenCount(try reader.read(UInt64.self))
    outputTokens = TokenCount(try reader.read(UInt64.self))
    hold = Credits(nano: try reader.read())
    charge = Credits(nano: try reader.read())
    feeParts = try reader.read()
    attempts = try reader.read()
    parts = try reader.readList(limit: Self.partsMax, elementBytesMin: 16) {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      Part(supplier: AccountID(try reader.read(UInt64.self)), bytes: try reader.read())
    }
    postings = try reader.readList(limit: Self.partsMax, elementBytesMin: 25) {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      Posting(
        transfer: TransferID(try reader.read(UInt64.self)),
        payee: AccountID(try reader.read(UInt64.self)),
        amount: Credits(nano: try reader.read()), isFee: try reader.readBool())
    }
    try reader.finish()
  }
}
