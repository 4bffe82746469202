internal import ExchangeTypes
internal import JobMarket

/// The row of table 35: what an open job asks beyond its bid; jobs that ask for nothing have none.
struct JobTermsRow: Hashable, Sendable {
  let job: JobID
  let terms: JobTerms
}

extension JobTermsRow: StoredRow {
  static var table: Table { .jobTerms }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    var fields = FieldWriter(capacity: 64)
    terms.encode(into: &fields)
    writer.writeRaw(fields.out.bytes)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(job: JobID(key), terms: try JobTerms(from: &reader))
  }
}

extension JobTerms {
  func encode(into writer: inout FieldWriter) {
    writer.write(needs.rawValue)
    for names in [preferences.order, preferences.only, preferences.ignore] {
      writer.write(names, limit: Preferences.namesMax) {
        $0.write($1, limit: Preferences.nameBytesMax)
      }
    }
    writer.write(preferences.allowsFallbacks)
    writer.write(preferences.sort) { $0.write($1.rawValue) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      needs: Capabilities(rawValue: try reader.read()),
      preferences: Preferences(
        order: try reader.readNames(), only: try reader.readNames(),
        ignore: try reader.readNames(), allowsFallbacks: try reader.readBool(),
        sort: try reader.readOptional(sort)))
  }
}

private func sort(_ reader: inout CanonicalReader) throws(CanonicalError) -> Preferences.Sort {
  let at = reader.offset
  let value = try reader.read(UInt8.self)
  guard let sort = Preferences.Sort(rawValue: value) else {
    throw .unknownValue(offset: at, value: UInt64(value))
  }
  return sort
}

extension CanonicalReader {
  fileprivate mutating func readNames() throws(CanonicalError) -> [String] {
    try readList(limit: Preferences.namesMax, elementBytesMin: 4) {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      try reader.readString(limit: Preferences.nameBytesMax)
    }
  }
}
