internal import ExchangeTypes

extension RateLimit {
  fileprivate func encode(into writer: inout FieldWriter) {
    writer.write(requests) { $0.write($1) }
    writer.write(tokens) { $0.write($1) }
  }

  fileprivate init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      requests: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.read(UInt32.self)
      }, tokens: try reader.readOptional(number))
  }
}

private func number(_ reader: inout CanonicalReader) throws(CanonicalError) -> UInt64 {
  try reader.read()
}

extension Command.KeyLimit {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(key)
    limit.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), key: try reader.readID(), limit: try RateLimit(from: &reader))
  }
}

extension Command.KeyIssueLimited {
  func encode(into writer: inout FieldWriter) {
    create.encode(into: &writer)
    writer.write(lifetime) { $0.write($1) }
    limit.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      create: try Command.KeyCreate(from: &reader), lifetime: try reader.readOptional(number),
      limit: try RateLimit(from: &reader))
  }
}
