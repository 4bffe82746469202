internal import ExchangeTypes
internal import JobMarket
internal import TokenLedger

extension Command.DelegationKeySet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(key)
    writer.write(publicKey) { $0.writeHash($1) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), key: try reader.readID(),
      publicKey: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.readHash()
      })
  }
}

extension Command.DelegationAdmit {
  func encode(into writer: inout FieldWriter) {
    writer.write(parent)
    writer.writeHash(publicKey)
    writer.write(id)
    writer.writeHash(digest)
    writer.write(name, limit: Command.Limits.nameBytesMax)
    writer.write(scopes.rawValue)
    limits.encode(into: &writer)
    writer.write(models, limit: Self.modelsMax) { $0.write($1, limit: Offer.modelBytesMax) }
    writer.writeHash(secretHash)
    writer.write(lifetime)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      parent: try reader.readID(), publicKey: try reader.readHash(),
      id: try reader.readDelegationID(), digest: try reader.readHash(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      scopes: try reader.readScopes(), limits: try BudgetLimits(from: &reader),
      models: try reader.readModels(), secretHash: try reader.readHash(),
      lifetime: try reader.read())
  }
}

extension Command.DelegationRevoke {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(parent)
    writer.write(id)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), parent: try reader.readID(), id: try reader.readDelegationID())
  }
}

extension FieldWriter {
  mutating func write(_ id: DelegationID) {
    write(id.high)
    write(id.low)
  }
}

extension CanonicalReader {
  mutating func readDelegationID() throws(CanonicalError) -> DelegationID {
    DelegationID(high: try read(), low: try read())
  }

  /// The models of a delegation.
  mutating func readModels() throws(CanonicalError) -> [String] {
    try readList(limit: Command.DelegationAdmit.modelsMax, elementBytesMin: 4) {
      (reader: inout CanonicalReader) throws(CanonicalError) in
      try reader.readString(limit: Offer.modelBytesMax)
    }
  }
}
