public import ExchangeTypes

/// What a worker states of an attempt that it has ended: what it signs with the key of its certificate.
///
/// It has one encoding: version `u8` = 1 ‖ the fields in the order in which they stand here, in the canonical encoding.
/// Nobody sends it: whoever checks the signature makes it of what he knows, so that it cannot say anything else.
public struct WorkerStatement: Hashable, Sendable {
  /// The version of the encoding.
  private static let version: UInt8 = 1

  /// The job.
  public let job: JobID
  /// The attempt.
  public let epoch: Epoch
  /// The model that was asked for.
  public let model: String
  /// What its weights are, if the worker can say (`WorkerWord.digest`).
  public let modelDigest: String?
  /// Why the output stopped.
  public let finish: FinishReason
  /// Prompt tokens that its engine counted.
  public let promptTokens: TokenCount?
  /// Output tokens that its engine counted.
  public let outputTokens: TokenCount?
  /// Prompt tokens that its engine had cached; zero if it said nothing.
  public let cachedTokens: TokenCount
  /// The first event that it made: what is before was in the record when it began.
  public let firstSeq: UInt64
  /// The last event; one less than the first if it made none.
  public let lastSeq: UInt64
  /// The chain hash after the last event, 32 bytes; all zero if there is none at all.
  public let outputHash: [UInt8]

  /// Joins the parts; the hash is not looked at if there is no event at all.
  public init(
    job: JobID, epoch: Epoch, model: String, modelDigest: String?, finish: FinishReason,
    promptTokens: TokenCount?, outputTokens: TokenCount?, cachedTokens: TokenCount,
    firstSeq: UInt64, lastSeq: UInt64, outputHash: [UInt8]
  ) {
    self.job = job
    self.epoch = epoch
    self.model = model
    self.modelDigest = modelDigest
    self.finish = finish
    self.promptTokens = promptTokens
    self.outputTokens = outputTokens
    self.cachedTokens = cachedTokens
    self.firstSeq = firstSeq
    self.lastSeq = lastSeq
    self.outputHash = lastSeq == 0 ? [UInt8](repeating: 0, count: 32) : outputHash
  }

  /// Whether text is a model's digest as workers state it: the kind of the hash (of `a-z 0-9 -`), a colon, and the hash in
  /// hexadecimal.
  ///
  /// People read it in receipts, and a worker can write what it likes.
  public static func isDigest(_ text: String) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
    let parts = text.utf8.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty, !parts[1].isEmpty else { return false }
    return parts[0].allSatisfy {
      isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) || $0 == UInt8(ascii: "-")
    } && parts[1].allSatisfy { isDigit($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0) }
  }

  /// What is signed, behind what `Identity` puts before it.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: 256)
    writer.write(Self.version)
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(model)
    writer.write(modelDigest) { $0.write($1) }
    writer.write(finish.rawValue)
    writer.write(promptTokens) { $0.write($1.rawValue) }
    writer.write(outputTokens) { $0.write($1.rawValue) }
    writer.write(cachedTokens.rawValue)
    writer.write(firstSeq)
    writer.write(lastSeq)
    writer.writeRaw(outputHash)
    return writer.bytes
  }
}
