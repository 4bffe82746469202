// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension Hello {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(versionMin)
    writer.write(versionMax)
    writer.write(role.rawValue)
    writer.write(clusterID.rawValue)
    writer.write(node)
    writer.write(name)
    writer.write(incarnation)
    writer.write(features) { $0.write($1) }
    writer.write(software)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    versionMin = try reader.read(UInt16.self)
    versionMax = try reader.read(UInt16.self)
    role = try reader.readCase(NodeRole.self)
    clusterID = try ClusterID(rawValue: reader.read())
    node = try reader.read(UInt64.self)
    name = try reader.readString(limit: 128)
    incarnation = try reader.read(UInt64.self)
    features = try reader.readList(limit: 32, elementBytesMin: 4) { (part) throws(CanonicalError) in
      try part.readString(limit: 64)
    }
    software = try reader.readString(limit: 64)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "Hello.name", atMost: 128)
    try checkCount(features.count, of: "Hello.features", atMost: 32)
    for element in features {
      try checkCount(element.utf8.count, of: "Hello.features", atMost: 64)
    }
    try checkCount(software.utf8.count, of: "Hello.software", atMost: 64)
  }
}

extension Welcome {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(role.rawValue)
    writer.write(clusterID.rawValue)
    writer.write(node)
    writer.write(name)
    writer.write(incarnation)
    writer.write(features) { $0.write($1) }
    writer.write(software)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt16.self)
    role = try reader.readCase(NodeRole.self)
    clusterID = try ClusterID(rawValue: reader.read())
    node = try reader.read(UInt64.self)
    name = try reader.readString(limit: 128)
    incarnation = try reader.read(UInt64.self)
    features = try reader.readList(limit: 32, elementBytesMin: 4) { (part) throws(CanonicalError) in
      try part.readString(limit: 64)
    }
    software = try reader.readString(limit: 64)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "Welcome.name", atMost: 128)
    try checkCount(features.count, of: "Welcome.features", atMost: 32)
    for element in features {
      try checkCount(element.utf8.count, of: "Welcome.features", atMost: 64)
    }
    try checkCount(software.utf8.count, of: "Welcome.software", atMost: 64)
  }
}

extension Failure {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(code)
    writer.write(message.cut(toBytes: 1024))
    writer.write(details) { $1.encode(into: &$0) }
    writer.write(retryAfterMs) { $0.write($1) }
    writer.write(job.rawValue)
    writer.write(charge) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    code = try reader.read(UInt16.self)
    message = try reader.readString(limit: 1024)
    details = try reader.readList(limit: 16, elementBytesMin: 8, ErrorDetail.init(from:))
    retryAfterMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    job = try JobID(rawValue: reader.read())
    charge = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(details.count, of: "Failure.details", atMost: 16)
    for element in details {
      try element.checkBounds()
    }
  }
}

extension Ping {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(nonce)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    nonce = try reader.read(UInt64.self)
  }
}

extension Pong {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(nonce)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    nonce = try reader.read(UInt64.self)
  }
}

extension Goodbye {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(reason.cut(toBytes: 256))
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    reason = try reader.readString(limit: 256)
  }
}

extension LeaderNotice {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(term.rawValue)
    writer.write(leader.rawValue)
    writer.write(address)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    term = try Term(rawValue: reader.read())
    leader = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 256)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "LeaderNotice.address", atMost: 256)
  }
}

extension RevocationNotice {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(coordinators) { $0.write($1.rawValue) }
    writer.write(others) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    coordinators = try reader.readList(limit: 1024, elementBytesMin: 8) {
      (part) throws(CanonicalError) in
      try ReplicaID(rawValue: part.read())
    }
    others = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 16, elementBytesMin: 12, CoordinatorAddress.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(coordinators.count, of: "RevocationNotice.coordinators", atMost: 1024)
    if let others { try checkCount(others.count, of: "RevocationNotice.others", atMost: 16) }
  }
}
