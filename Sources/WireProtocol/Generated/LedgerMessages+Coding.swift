// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension JournalQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(after.rawValue)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    after = try TransferID(rawValue: reader.read())
    limit = try reader.read(UInt32.self)
  }
}

extension JournalListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(entries) { $1.encode(into: &$0) }
    writer.write(more)
    writer.write(base.rawValue)
    writer.writeRaw(baseHash)
    writer.write(head.rawValue)
    writer.writeRaw(headHash)
    writer.write(logTime.rawValue)
    writer.write(sales) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    entries = try reader.readList(limit: 512, elementBytesMin: 44, TransferEntry.init(from:))
    more = try reader.readBool()
    base = try TransferID(rawValue: reader.read())
    baseHash = try reader.readRaw(count: 32)
    head = try TransferID(rawValue: reader.read())
    headHash = try reader.readRaw(count: 32)
    logTime = try LogTime(rawValue: reader.read())
    sales = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 512, elementBytesMin: 41, JournalSale.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(entries.count, of: "JournalListing.entries", atMost: 512)
    try checkCount(baseHash.count, of: "JournalListing.baseHash", exactly: 32)
    try checkCount(headHash.count, of: "JournalListing.headHash", exactly: 32)
    if let sales { try checkCount(sales.count, of: "JournalListing.sales", atMost: 512) }
  }
}

extension AccountList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(after.rawValue)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    after = try AccountID(rawValue: reader.read())
    limit = try reader.read(UInt32.self)
  }
}

extension AccountListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(accounts) { $1.encode(into: &$0) }
    writer.write(more)
    writer.write(head.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    accounts = try reader.readList(limit: 512, elementBytesMin: 46, AccountSums.init(from:))
    more = try reader.readBool()
    head = try TransferID(rawValue: reader.read())
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(accounts.count, of: "AccountListing.accounts", atMost: 512)
    for element in accounts {
      try element.checkBounds()
    }
  }
}

extension TransferPost {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(legs) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    legs = try reader.readList(limit: 16, elementBytesMin: 24, TransferLeg.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(legs.count, of: "TransferPost.legs", atMost: 16)
  }
}

extension TransferReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(entries) { $1.encode(into: &$0) }
    writer.write(duplicate)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    entries = try reader.readList(limit: 16, elementBytesMin: 44, TransferEntry.init(from:))
    duplicate = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(entries.count, of: "TransferReport.entries", atMost: 16)
  }
}

extension TransferReverse {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(transfer.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    transfer = try TransferID(rawValue: reader.read())
  }
}

extension AccountClose {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
  }
}

extension FeeSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(parts) { $0.write($1) }
    writer.write(account.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    parts = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    account = try AccountID(rawValue: reader.read())
  }
}

extension FeeReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(parts)
    writer.write(account.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    parts = try reader.read(UInt32.self)
    account = try AccountID(rawValue: reader.read())
  }
}

extension BudgetCreate {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(account.rawValue)
    writer.write(parent.rawValue)
    writer.write(level.rawValue)
    writer.write(name)
    writer.write(perDay) { $0.write($1.rawValue) }
    writer.write(perMonth) { $0.write($1.rawValue) }
    writer.write(total) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    account = try AccountID(rawValue: reader.read())
    parent = try BudgetID(rawValue: reader.read())
    level = try reader.readCase(BudgetLevel.self)
    name = try reader.readString(limit: 128)
    perDay = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    perMonth = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    total = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "BudgetCreate.name", atMost: 128)
  }
}

extension BudgetReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try BudgetSummary(from: &reader)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}

extension BudgetSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(budget.rawValue)
    writer.write(perDay) { $0.write($1.rawValue) }
    writer.write(perMonth) { $0.write($1.rawValue) }
    writer.write(total) { $0.write($1.rawValue) }
    writer.write(closed)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    budget = try BudgetID(rawValue: reader.read())
    perDay = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    perMonth = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    total = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    closed = try reader.readBool()
  }
}

extension BudgetList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(after.rawValue)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    after = try BudgetID(rawValue: reader.read())
    limit = try reader.read(UInt32.self)
  }
}

extension BudgetListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(budgets) { $1.encode(into: &$0) }
    writer.write(more)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    budgets = try reader.readList(limit: 256, elementBytesMin: 89, BudgetSummary.init(from:))
    more = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(budgets.count, of: "BudgetListing.budgets", atMost: 256)
    for element in budgets {
      try element.checkBounds()
    }
  }
}

extension BudgetKeyCreate {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(scopes.rawValue)
    writer.writeRaw(secretHash)
    writer.write(lifetimeMs) { $0.write($1) }
    writer.write(budget.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    account = try AccountID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    scopes = try Scopes(rawValue: reader.read())
    secretHash = try reader.readRaw(count: 32)
    lifetimeMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    budget = try BudgetID(rawValue: reader.read())
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "BudgetKeyCreate.name", atMost: 128)
    try checkCount(secretHash.count, of: "BudgetKeyCreate.secretHash", exactly: 32)
  }
}

extension ReceiptQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
  }
}

extension Receipt {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(statement)
    writer.write(signedAt)
    writer.write(certificate)
    writer.write(signature)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    statement = try reader.readBytes(limit: 16384)
    signedAt = try reader.read(UInt64.self)
    certificate = try reader.readBytes(limit: 16384)
    signature = try reader.readBytes(limit: 64)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(statement.count, of: "Receipt.statement", atMost: 16384)
    try checkCount(certificate.count, of: "Receipt.certificate", atMost: 16384)
    try checkCount(signature.count, of: "Receipt.signature", atMost: 64)
  }
}
