// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension BookQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "BookQuery.model", atMost: 256)
  }
}

extension Book {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(asks) { $1.encode(into: &$0) }
    writer.write(costs) { $0.write($1.rawValue) }
    writer.write(more)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    asks = try reader.readList(limit: 256, elementBytesMin: 63, AskEntry.init(from:))
    costs = try reader.readList(limit: 256, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    more = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(asks.count, of: "Book.asks", atMost: 256)
    for element in asks {
      try element.checkBounds()
    }
    try checkCount(costs.count, of: "Book.costs", atMost: 256)
  }
}

extension QuoteQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
    writer.write(promptTokens)
    writer.write(outputTokens)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
    promptTokens = try reader.read(UInt32.self)
    outputTokens = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "QuoteQuery.model", atMost: 256)
  }
}

extension PriceQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
    writer.write(intervals)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
    intervals = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "PriceQuery.model", atMost: 256)
  }
}

extension PriceHistory {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(intervalMs)
    writer.write(points) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    intervalMs = try reader.read(UInt64.self)
    points = try reader.readList(limit: 168, elementBytesMin: 120, PriceEntry.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(points.count, of: "PriceHistory.points", atMost: 168)
  }
}

extension AskSet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    terms.encode(into: &writer)
    writer.write(withdraw)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    terms = try PostedTerms(from: &reader)
    withdraw = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try terms.checkBounds()
  }
}

extension AskList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension AskListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(terms) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    terms = try reader.readList(limit: 256, elementBytesMin: 21, PostedTerms.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(terms.count, of: "AskListing.terms", atMost: 256)
    for element in terms {
      try element.checkBounds()
    }
  }
}

extension SalesQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(after)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    after = try reader.read(UInt64.self)
    limit = try reader.read(UInt32.self)
  }
}

extension SalesListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(intervalMs)
    writer.write(sales) { $1.encode(into: &$0) }
    writer.write(more)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    intervalMs = try reader.read(UInt64.self)
    sales = try reader.readList(limit: 256, elementBytesMin: 76, SalesEntry.init(from:))
    more = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(sales.count, of: "SalesListing.sales", atMost: 256)
    for element in sales {
      try element.checkBounds()
    }
  }
}
