// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension ModelList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(beginning) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    beginning = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readString(limit: 48)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let beginning { try checkCount(beginning.utf8.count, of: "ModelList.beginning", atMost: 48) }
  }
}

extension ModelListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(models) { $1.encode(into: &$0) }
    writer.write(abilities) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    models = try reader.readList(limit: 1024, elementBytesMin: 34, ModelSummary.init(from:))
    abilities = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 1024, elementBytesMin: 8, ModelAbilities.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(models.count, of: "ModelListing.models", atMost: 1024)
    for element in models {
      try element.checkBounds()
    }
    if let abilities { try checkCount(abilities.count, of: "ModelListing.abilities", atMost: 1024) }
  }
}

extension WorkerList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension WorkerListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(workers) { $1.encode(into: &$0) }
    writer.write(gpus) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    workers = try reader.readList(limit: 1024, elementBytesMin: 30, WorkerSummary.init(from:))
    gpus = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 512, elementBytesMin: 30, WorkerGPU.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(workers.count, of: "WorkerListing.workers", atMost: 1024)
    for element in workers {
      try element.checkBounds()
    }
    if let gpus { try checkCount(gpus.count, of: "WorkerListing.gpus", atMost: 512) }
  }
}

extension StatusQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension StatusReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(replica.rawValue)
    writer.write(role.rawValue)
    writer.write(term.rawValue)
    writer.write(leader.rawValue)
    writer.write(leaderAddress)
    writer.write(commitIndex.rawValue)
    writer.write(appliedIndex.rawValue)
    writer.write(lastIndex.rawValue)
    writer.writeRaw(digest)
    writer.write(stateVersion)
    writer.write(logTime.rawValue)
    writer.write(jobsQueued)
    writer.write(jobsRunning)
    writer.write(peers) { $1.encode(into: &$0) }
    writer.write(software)
    writer.write(divergedAt) { $0.write($1.rawValue) }
    writer.write(stateVersionMax) { $0.write($1) }
    writer.write(refusals) { $0.write($1) { $1.encode(into: &$0) } }
    writer.write(diskUsed) { $0.write($1) }
    writer.write(diskCapacity) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    replica = try ReplicaID(rawValue: reader.read())
    role = try reader.readCase(ReplicaRole.self)
    term = try Term(rawValue: reader.read())
    leader = try ReplicaID(rawValue: reader.read())
    leaderAddress = try reader.readString(limit: 256)
    commitIndex = try LogIndex(rawValue: reader.read())
    appliedIndex = try LogIndex(rawValue: reader.read())
    lastIndex = try LogIndex(rawValue: reader.read())
    digest = try reader.readRaw(count: 32)
    stateVersion = try reader.read(UInt32.self)
    logTime = try LogTime(rawValue: reader.read())
    jobsQueued = try reader.read(UInt32.self)
    jobsRunning = try reader.read(UInt32.self)
    peers = try reader.readList(limit: 64, elementBytesMin: 29, PeerSummary.init(from:))
    software = try reader.readString(limit: 64)
    divergedAt = try reader.readAppended { (part) throws(CanonicalError) in
      try LogIndex(rawValue: part.read())
    }
    stateVersionMax = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    refusals = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 64, elementBytesMin: 12, RefusalCount.init(from:))
    }
    diskUsed = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    diskCapacity = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(leaderAddress.utf8.count, of: "StatusReport.leaderAddress", atMost: 256)
    try checkCount(digest.count, of: "StatusReport.digest", exactly: 32)
    try checkCount(peers.count, of: "StatusReport.peers", atMost: 64)
    for element in peers {
      try element.checkBounds()
    }
    try checkCount(software.utf8.count, of: "StatusReport.software", atMost: 64)
    if let refusals { try checkCount(refusals.count, of: "StatusReport.refusals", atMost: 64) }
  }
}

extension WorkerWhyQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
  }
}

extension WorkerWhyReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(offers) { $1.encode(into: &$0) }
    writer.write(leftOut)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    offers = try reader.readList(limit: 64, elementBytesMin: 76, OfferOutlook.init(from:))
    leftOut = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(offers.count, of: "WorkerWhyReport.offers", atMost: 64)
    for element in offers {
      try element.checkBounds()
    }
  }
}
