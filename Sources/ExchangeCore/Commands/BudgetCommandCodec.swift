internal import ExchangeTypes
internal import TokenLedger

extension Command.BudgetCreate {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(requestKey)
    writer.write(account)
    writer.write(parent) { $0.write($1) }
    writer.write(level.rawValue)
    writer.write(name, limit: Command.Limits.nameBytesMax)
    limits.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), requestKey: try reader.readRequestKey(),
      account: try reader.readID(),
      parent: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readID(BudgetID.self)
      }, level: try reader.readCase(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      limits: try BudgetLimits(from: &reader))
  }
}

extension Command.BudgetSet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(budget)
    limits.encode(into: &writer)
    writer.write(isClosed)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), budget: try reader.readID(),
      limits: try BudgetLimits(from: &reader), isClosed: try reader.readBool())
  }
}

extension Command.KeyIssueBudgeted {
  func encode(into writer: inout FieldWriter) {
    create.encode(into: &writer)
    writer.write(lifetime) { $0.write($1) }
    writer.write(budget)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      create: try Command.KeyCreate(from: &reader),
      lifetime: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try reader.read(UInt64.self)
      }, budget: try reader.readID())
  }
}

extension BudgetLimits {
  func encode(into writer: inout FieldWriter) {
    for limit in [perDay, perMonth, total] { writer.write(limit) { $0.write($1.rawValue) } }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      perDay: try reader.readOptional(credits), perMonth: try reader.readOptional(credits),
      total: try reader.readOptional(credits))
  }
}

private func credits(_ reader: inout CanonicalReader) throws(CanonicalError) -> Credits {
  try reader.readCredits()
}
