internal import ExchangeTypes

extension Command.TransferRequest {
  /// The bytes of a leg.
  static let legBytes = 24

  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(legs, limit: Command.Limits.legsMax) { writer, leg in
      writer.write(leg.debit)
      writer.write(leg.credit)
      writer.write(leg.amount.rawValue)
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      legs: try reader.readList(limit: Command.Limits.legsMax, elementBytesMin: Self.legBytes) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        Leg(
          debit: try reader.readID(), credit: try reader.readID(),
          amount: try reader.readCredits())
      })
  }
}

extension Command.TransferReverse {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(transfer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      transfer: try reader.readID())
  }
}

extension Command.AccountClose {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(account)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), account: try reader.readID())
  }
}

extension Command.FeeSet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(terms.parts)
    writer.write(terms.account)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(),
      terms: FeeTerms(parts: try reader.read(), account: try reader.readID()))
  }
}

extension Command.AccountOwnerSet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(account)
    writer.write(owner, limit: Command.Limits.nameBytesMax)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), account: try reader.readID(),
      owner: try reader.readString(limit: Command.Limits.nameBytesMax))
  }
}
