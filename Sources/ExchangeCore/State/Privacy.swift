internal import ExchangeTypes

/// The one row of table 28: how long outputs are kept, and under which key new jobs are sealed.
struct Privacy: Hashable, Sendable {
  /// The number of the wrapping key; nil before the first was announced.
  var wrappingKey: UInt64?
  /// When it was announced.
  var wrappingKeySince = LogTime(milliseconds: 0)
  /// What a job gets that asks for nothing else.
  var retention = Retention.standard
}

extension Privacy: StoredRow {
  static var table: Table { .privacy }
  var rowKey: UInt64 { 0 }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(wrappingKey) { $0.write($1) }
    writer.write(wrappingKeySince.rawValue)
    writer.write(retention.kept)
    writer.write(retention.untilDelivered)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    guard key == 0 else { throw .unknownValue(offset: 0, value: key) }
    wrappingKey = try reader.readOptional {
      (reader: inout CanonicalReader) throws(CanonicalError) in try reader.read(UInt64.self)
    }
    wrappingKeySince = try reader.readTime()
    retention = try Retention(from: &reader)
  }
}

extension Retention {
  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(kept: try reader.read(), untilDelivered: try reader.readBool())
  }
}
