public import ExchangeTypes

/// What a coordinator states about an ended job: all that its owner needs to check the charge.
///
/// It has one encoding, which is what is signed: version `u8` ‖ the fields in the order in which they stand here,
/// in the canonical encoding. Version 1 ends with the postings; what comes after them is in version 2, and only a receipt that
/// has something there is of it. Read strictly: an unknown version, one that is not the receipt's or a byte too many is an error.
public struct JobReceipt: Hashable, Sendable {
  /// The version of the encoding: the lowest that holds it.
  private var version: UInt8 {
    cachedTokens == .zero && cachedPrice == nil && reversals.isEmpty && word == nil ? 1 : 2
  }
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

  /// What the worker signed that ended the job, beside what the receipt says of it anyway.
  public struct Word: Hashable, Sendable {
    /// The worker.
    public let worker: WorkerID
    /// The public key of the certificate with which it was connected, in DER form.
    public let publicKey: [UInt8]
    /// What the model's weights are, as it says (`WorkerStatement.modelDigest`).
    public let modelDigest: String?
    /// Prompt tokens that its engine counted.
    public let promptTokens: TokenCount?
    /// Output tokens that its engine counted.
    public let outputTokens: TokenCount?
    /// Prompt tokens that its engine had cached, as it says.
    public let cachedTokens: TokenCount
    /// The first event that it made.
    public let firstSeq: UInt64
    /// Its signature under the `WorkerStatement`: 64 bytes.
    public let signature: [UInt8]
    /// Joins the parts.
    public init(
      worker: WorkerID, publicKey: [UInt8], modelDigest: String?, promptTokens: TokenCount?,
      outputTokens: TokenCount?, cachedTokens: TokenCount, firstSeq: UInt64, signature: [UInt8]
    ) {
      self.worker = worker
      self.publicKey = publicKey
      self.modelDigest = modelDigest
      self.promptTokens = promptTokens
      self.outputTokens = outputTokens
      self.cachedTokens = cachedTokens
      self.firstSeq = firstSeq
      self.signature = signature
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
  /// Prompt tokens billed that the engine had cached.
  public var cachedTokens: TokenCount
  /// What such a token cost; nil if it cost what the others did.
  public var cachedPrice: Price?
  /// The transfers that had taken the postings back when this was signed, in the postings' order; empty if none had.
  public var reversals: [TransferID]
  /// What the worker signed that ended the job; nil if it signed nothing, or nothing that is good.
  public var word: Word?

  /// Joins the parts.
  public init(
    cluster: ClusterID, job: JobID, account: AccountID, model: String, state: JobState,
    finish: FinishReason?, error: UInt16, createdAt: LogTime, endedAt: LogTime,
    requestHash: [UInt8], lastSeq: UInt64, outputHash: [UInt8], outputBytes: UInt64,
    basis: BillingBasis?, prices: PricePair, promptTokens: TokenCount, outputTokens: TokenCount,
    hold: Credits, charge: Credits, feeParts: UInt32, attempts: UInt32, parts: [Part],
    postings: [Posting], cachedTokens: TokenCount = .zero, cachedPrice: Price? = nil,
    reversals: [TransferID] = [], word: Word? = nil
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
    self.cachedTokens = cachedTokens
    self.cachedPrice = cachedPrice
    self.reversals = reversals
    self.word = word
  }

  /// What the worker signed, as it follows from the receipt; nil if nothing is said of it.
  public var workerStatement: WorkerStatement? {
    guard let word, let finish else { return nil }
    return WorkerStatement(
      job: job, epoch: Epoch(attempts), model: model, modelDigest: word.modelDigest,
      finish: finish, promptTokens: word.promptTokens, outputTokens: word.outputTokens,
      cachedTokens: word.cachedTokens, firstSeq: word.firstSeq, lastSeq: lastSeq,
      outputHash: outputHash)
  }

  /// What is signed.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: 512)
    writer.write(version)
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
    guard version > 1 else { return writer.bytes }
    writer.write(cachedTokens.rawValue)
    writer.write(cachedPrice) { $0.write($1.rawValue) }
    writer.write(reversals) { $0.write($1.rawValue) }
    writer.write(word) { $1.write(to: &$0) }
    return writer.bytes
  }

  /// Reads what `bytes` writes, and nothing else.
  ///
  /// - Throws: `CanonicalError`.
  public init(bytes: [UInt8]) throws(CanonicalError) {
    var reader = CanonicalReader(bytes)
    let version = try reader.read(UInt8.self)
    guard version == 1 || version == 2 else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
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
    cachedTokens = .zero
    reversals = []
    if version > 1 {
      cachedTokens = TokenCount(try reader.read(UInt64.self))
      cachedPrice = try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        Price(nanoPerMillion: try reader.read())
      }
      reversals = try reader.readList(limit: Self.partsMax, elementBytesMin: 8) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        TransferID(try reader.read(UInt64.self))
      }
      word = try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try Word(from: &reader)
      }
    }
    try reader.finish()
    guard self.version == version else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
  }
}

extension JobReceipt.Word {
  /// More bytes than a public key or a digest has.
  private static let partBytesMax = 128

  fileprivate func write(to writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(publicKey)
    writer.write(modelDigest) { $0.write($1) }
    writer.write(promptTokens) { $0.write($1.rawValue) }
    writer.write(outputTokens) { $0.write($1.rawValue) }
    writer.write(cachedTokens.rawValue)
    writer.write(firstSeq)
    writer.writeRaw(signature)
  }

  fileprivate init(from reader: inout CanonicalReader) throws(CanonicalError) {
    func tokens(_ reader: inout CanonicalReader) throws(CanonicalError) -> TokenCount {
      TokenCount(try reader.read(UInt64.self))
    }
    self.init(
      worker: WorkerID(try reader.read(UInt64.self)),
      publicKey: try reader.readBytes(limit: Self.partBytesMax),
      modelDigest: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) -> String in
        let at = reader.offset
        let digest = try reader.readString(limit: Self.partBytesMax)
        guard WorkerStatement.isDigest(digest) else {
          throw CanonicalError.unknownValue(offset: at, value: 0)
        }
        return digest
      }, promptTokens: try reader.readOptional(tokens),
      outputTokens: try reader.readOptional(tokens), cachedTokens: try tokens(&reader),
      firstSeq: try reader.read(), signature: try reader.readRaw(count: 64))
  }
}
