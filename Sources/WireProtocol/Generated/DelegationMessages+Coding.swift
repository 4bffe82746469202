// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension DelegationKeySet {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
    writer.write(signer) { $0.writeRaw($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
    signer = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readRaw(count: 32)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let signer { try checkCount(signer.count, of: "DelegationKeySet.signer", exactly: 32) }
  }
}

extension DelegationRevoke {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
    writer.write(delegation.high)
    writer.write(delegation.low)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
    delegation = try DelegationID(high: reader.read(), low: reader.read())
  }
}

extension DelegationList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
    writer.write(after)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
    after = try reader.read(UInt64.self)
    limit = try reader.read(UInt32.self)
  }
}

extension DelegationListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(clusterID.rawValue)
    writer.write(key.rawValue)
    writer.write(signer) { $0.writeRaw($1) }
    writer.write(delegations) { $1.encode(into: &$0) }
    writer.write(more)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    clusterID = try ClusterID(rawValue: reader.read())
    key = try KeyID(rawValue: reader.read())
    signer = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readRaw(count: 32)
    }
    delegations = try reader.readList(limit: 32, elementBytesMin: 55, DelegationSummary.init(from:))
    more = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let signer { try checkCount(signer.count, of: "DelegationListing.signer", exactly: 32) }
    try checkCount(delegations.count, of: "DelegationListing.delegations", atMost: 32)
    for element in delegations {
      try element.checkBounds()
    }
  }
}

extension DelegationReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try DelegationSummary(from: &reader)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}
