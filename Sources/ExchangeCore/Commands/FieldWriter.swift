internal import ExchangeTypes

/// A canonical writer that remembers whether a field was larger than its reader would take.
///
/// A command that its own decoder refuses would end every replica; so it must be refused before it is
/// proposed.
struct FieldWriter {
  var out: CanonicalWriter
  /// Whether every field so far is within its bound.
  private(set) var isWithinLimits = true

  init(capacity: Int) { out = CanonicalWriter(capacity: capacity) }

  /// Takes away what was written from `offset` on, and what was wrong with it.
  ///
  /// - Precondition: every field before it was within its bound.
  mutating func cut(at offset: Int) {
    out.cut(at: offset)
    isWithinLimits = true
  }

  mutating func write<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
    out.write(value)
  }

  mutating func write(_ value: Bool) { out.write(value) }

  mutating func write(_ value: some Identifier) { out.write(value.rawValue) }

  mutating func write(_ key: RequestKey) {
    out.write(key.high)
    out.write(key.low)
  }

  mutating func write(_ attempt: AttemptID) {
    write(attempt.job)
    out.write(attempt.epoch.rawValue)
  }

  mutating func write(_ value: String, limit: Int) {
    if value.utf8.count > limit { isWithinLimits = false }
    out.write(value)
  }

  mutating func write(_ value: [UInt8], limit: Int) {
    if value.count > limit { isWithinLimits = false }
    out.write(value)
  }

  /// Writes a hash of 32 bytes.
  mutating func writeHash(_ value: [UInt8]) {
    if value.count != 32 { isWithinLimits = false }
    out.writeRaw(value)
  }

  mutating func write<Element>(
    _ values: [Element], limit: Int, _ body: (inout FieldWriter, Element) -> Void
  ) {
    if values.count > limit { isWithinLimits = false }
    out.write(UInt32(clamping: values.count))
    for value in values { body(&self, value) }
  }

  mutating func write<Value>(_ value: Value?, _ body: (inout FieldWriter, Value) -> Void) {
    out.write(value != nil)
    if let value { body(&self, value) }
  }
}

extension CanonicalReader {
  mutating func readID<ID: Identifier>(_ type: ID.Type = ID.self) throws(CanonicalError) -> ID {
    ID(rawValue: try read(UInt64.self))
  }

  mutating func readRequestKey() throws(CanonicalError) -> RequestKey {
    RequestKey(high: try read(), low: try read())
  }

  mutating func readAttempt() throws(CanonicalError) -> AttemptID {
    AttemptID(job: try readID(), epoch: Epoch(try read(UInt32.self)))
  }

  mutating func readHash() throws(CanonicalError) -> [UInt8] { try readRaw(count: 32) }

  mutating func readTokens() throws(CanonicalError) -> TokenCount {
    TokenCount(try read(UInt64.self))
  }

  mutating func readPrice() throws(CanonicalError) -> Price {
    Price(nanoPerMillion: try read(UInt64.self))
  }

  mutating func readCredits() throws(CanonicalError) -> Credits {
    Credits(nano: try read(UInt64.self))
  }

  mutating func readTime() throws(CanonicalError) -> LogTime {
    LogTime(milliseconds: try read(UInt64.self))
  }

  mutating func readScopes() throws(CanonicalError) -> Scopes {
    Scopes(rawValue: try read(UInt32.self))
  }
}
