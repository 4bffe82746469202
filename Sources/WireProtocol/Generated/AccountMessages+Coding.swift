// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension AccountCreate {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(name)
    writer.write(kind.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    name = try reader.readString(limit: 128)
    kind = try reader.readCase(AccountKind.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "AccountCreate.name", atMost: 128)
  }
}

extension AccountReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try AccountSummary(from: &reader)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}

extension AccountCredit {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(account.rawValue)
    writer.write(amount.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    account = try AccountID(rawValue: reader.read())
    amount = try Credits(rawValue: reader.read())
  }
}

extension AccountQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
  }
}

extension KeyCreate {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(scopes.rawValue)
    writer.writeRaw(secretHash)
    writer.write(lifetimeMs) { $0.write($1) }
    writer.write(limit) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    account = try AccountID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    scopes = try Scopes(rawValue: reader.read())
    secretHash = try reader.readRaw(count: 32)
    lifetimeMs = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    limit = try reader.readAppended(RateTerms.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "KeyCreate.name", atMost: 128)
    try checkCount(secretHash.count, of: "KeyCreate.secretHash", exactly: 32)
  }
}

extension KeyReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
    writer.write(life) { $1.encode(into: &$0) }
    writer.write(rate) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try KeySummary(from: &reader)
    life = try reader.readAppended(KeyLife.init(from:))
    rate = try reader.readAppended(RateSummary.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}

extension KeyList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
  }
}

extension KeyListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(keys) { $1.encode(into: &$0) }
    writer.write(lives) { $0.write($1) { $1.encode(into: &$0) } }
    writer.write(rates) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    keys = try reader.readList(limit: 1024, elementBytesMin: 25, KeySummary.init(from:))
    lives = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 1024, elementBytesMin: 3, KeyLife.init(from:))
    }
    rates = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 1024, elementBytesMin: 14, RateSummary.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(keys.count, of: "KeyListing.keys", atMost: 1024)
    for element in keys {
      try element.checkBounds()
    }
    if let lives { try checkCount(lives.count, of: "KeyListing.lives", atMost: 1024) }
    if let rates { try checkCount(rates.count, of: "KeyListing.rates", atMost: 1024) }
  }
}

extension KeyRevoke {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
  }
}

extension KeyRotate {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(key.rawValue)
    writer.writeRaw(secretHash)
    writer.write(graceMs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    key = try KeyID(rawValue: reader.read())
    secretHash = try reader.readRaw(count: 32)
    graceMs = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(secretHash.count, of: "KeyRotate.secretHash", exactly: 32)
  }
}

extension RetentionSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(keptMs) { $0.write($1) }
    writer.write(untilDelivered)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    keptMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    untilDelivered = try reader.readBool()
  }
}

extension RetentionReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(keptMs)
    writer.write(untilDelivered)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    keptMs = try reader.read(UInt64.self)
    untilDelivered = try reader.readBool()
  }
}

extension KeyLimit {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
    limit.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
    limit = try RateTerms(from: &reader)
  }
}

extension StandingQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension Standing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    key.encode(into: &writer)
    life.encode(into: &writer)
    writer.write(rate) { $1.encode(into: &$0) }
    writer.write(account) { $1.encode(into: &$0) }
    writer.write(budgets) { $1.encode(into: &$0) }
    writer.write(left) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeySummary(from: &reader)
    life = try KeyLife(from: &reader)
    rate = try reader.readOptional(RateSummary.init(from:))
    account = try reader.readOptional(AccountSummary.init(from:))
    budgets = try reader.readList(limit: 16, elementBytesMin: 89, BudgetSummary.init(from:))
    left = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try key.checkBounds()
    if let account { try account.checkBounds() }
    try checkCount(budgets.count, of: "Standing.budgets", atMost: 16)
    for element in budgets {
      try element.checkBounds()
    }
  }
}

extension AccountWeightSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(weight) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    weight = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }
}

extension AccountWeightReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(weight)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    weight = try reader.read(UInt32.self)
  }
}

extension AccountOwnerSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(owner) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    owner = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readString(limit: 128)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let owner { try checkCount(owner.utf8.count, of: "AccountOwnerSet.owner", atMost: 128) }
  }
}

extension AccountOwnerReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(owner)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    owner = try reader.readString(limit: 128)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(owner.utf8.count, of: "AccountOwnerReport.owner", atMost: 128)
  }
}
