// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension ClusterQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension ClusterReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(term.rawValue)
    writer.write(leader.rawValue)
    writer.write(lastIndex.rawValue)
    writer.write(stateVersion)
    writer.write(underWay)
    writer.write(members) { $1.encode(into: &$0) }
    writer.write(lost) { $0.write($1) { $0.write($1.rawValue) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    term = try Term(rawValue: reader.read())
    leader = try ReplicaID(rawValue: reader.read())
    lastIndex = try LogIndex(rawValue: reader.read())
    stateVersion = try reader.read(UInt32.self)
    underWay = try reader.readBool()
    members = try reader.readList(limit: 32, elementBytesMin: 33, MemberSummary.init(from:))
    lost = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 32, elementBytesMin: 8) { (part) throws(CanonicalError) in
        try ReplicaID(rawValue: part.read())
      }
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(members.count, of: "ClusterReport.members", atMost: 32)
    for element in members {
      try element.checkBounds()
    }
    if let lost { try checkCount(lost.count, of: "ClusterReport.lost", atMost: 32) }
  }
}

extension ClusterChange {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(action.rawValue)
    writer.write(replica.rawValue)
    writer.write(address)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    action = try reader.readCase(ClusterAction.self)
    replica = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 255)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "ClusterChange.address", atMost: 255)
  }
}
