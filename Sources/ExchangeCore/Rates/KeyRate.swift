public import ExchangeTypes

/// The row of table 34 for a key that has or had a limit: what it may use, and what it has left.
public struct KeyRate: Hashable, Sendable {
  /// The key.
  public let key: KeyID
  /// The first job that counts: those before it took nothing, and give nothing back.
  private(set) var firstJob: JobID
  /// Jobs that it may submit.
  public internal(set) var requests: RateBucket?
  /// Tokens that they may have.
  public internal(set) var tokens: RateBucket?

  /// Full buckets.
  init(key: KeyID, limit: RateLimit, firstJob: JobID, at time: LogTime) {
    self.key = key
    self.firstJob = firstJob
    requests = limit.requests.map { RateBucket(perMinute: UInt64($0), at: time) }
    tokens = limit.tokens.map { RateBucket(perMinute: $0, at: time) }
  }

  /// Whether it holds anything back.
  public var hasLimit: Bool { requests != nil || tokens != nil }
}

extension KeyRate: StoredRow {
  static var table: Table { .keyRates }
  var rowKey: UInt64 { key.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(firstJob.rawValue)
    for bucket in [requests, tokens] {
      writer.write(bucket) { writer, bucket in
        writer.write(bucket.perMinute)
        writer.write(bucket.parts)
        writer.write(bucket.at.rawValue)
      }
    }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.key = KeyID(key)
    firstJob = try reader.readID()
    requests = try reader.readOptional(bucket)
    tokens = try reader.readOptional(bucket)
  }
}

private func bucket(_ reader: inout CanonicalReader) throws(CanonicalError) -> RateBucket {
  let at = reader.offset
  let bucket = RateBucket(
    perMinute: try reader.read(), parts: try reader.read(), at: try reader.readTime())
  guard let bucket else { throw .unknownValue(offset: at, value: 0) }
  return bucket
}
