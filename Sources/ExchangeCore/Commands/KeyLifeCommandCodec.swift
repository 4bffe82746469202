internal import ExchangeTypes

extension Command.KeyIssue {
  func encode(into writer: inout FieldWriter) {
    create.encode(into: &writer)
    writer.write(lifetime)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(create: try Command.KeyCreate(from: &reader), lifetime: try reader.read())
  }
}

extension Command.KeyRotate {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(key)
    writer.writeHash(secretHash)
    writer.write(grace)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      key: try reader.readID(), secretHash: try reader.readHash(), grace: try reader.read())
  }
}

extension Command.KeysUsed {
  func encode(into writer: inout FieldWriter) {
    writer.write(keys, limit: Command.Limits.keysMax) { $0.write($1) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      keys: try reader.readList(limit: Command.Limits.keysMax, elementBytesMin: 8) {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readID(KeyID.self)
      })
  }
}
