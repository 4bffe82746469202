// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension RequestVote {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(candidate.rawValue)
    writer.write(lastLogIndex.rawValue)
    writer.write(lastLogTerm.rawValue)
    writer.write(disruptLeader)
    writer.write(preVote)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    candidate = try ReplicaID(rawValue: reader.read())
    lastLogIndex = try LogIndex(rawValue: reader.read())
    lastLogTerm = try Term(rawValue: reader.read())
    disruptLeader = try reader.readBool()
    preVote = try reader.readBool()
  }
}

extension RequestVoteResult {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(voteGranted)
    writer.write(preVote)
    writer.write(features)
    writer.write(capacity)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    voteGranted = try reader.readBool()
    preVote = try reader.readBool()
    features = try reader.read(UInt16.self)
    capacity = try reader.read(UInt16.self)
  }
}

extension AppendEntries {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(prevLogIndex.rawValue)
    writer.write(prevLogTerm.rawValue)
    writer.write(leaderCommit.rawValue)
    writer.write(entries) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    prevLogIndex = try LogIndex(rawValue: reader.read())
    prevLogTerm = try Term(rawValue: reader.read())
    leaderCommit = try LogIndex(rawValue: reader.read())
    entries = try reader.readList(limit: 1024, elementBytesMin: 13, LogEntry.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(entries.count, of: "AppendEntries.entries", atMost: 1024)
    for element in entries {
      try element.checkBounds()
    }
  }
}

extension AppendEntriesResult {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(rejected.rawValue)
    writer.write(lastLogIndex.rawValue)
    writer.write(features)
    writer.write(capacity)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    rejected = try LogIndex(rawValue: reader.read())
    lastLogIndex = try LogIndex(rawValue: reader.read())
    features = try reader.read(UInt16.self)
    capacity = try reader.read(UInt16.self)
  }
}

extension InstallSnapshot {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(lastIndex.rawValue)
    writer.write(lastTerm.rawValue)
    writer.write(confIndex.rawValue)
    writer.write(servers) { $1.encode(into: &$0) }
    writer.write(manifest)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    lastIndex = try LogIndex(rawValue: reader.read())
    lastTerm = try Term(rawValue: reader.read())
    confIndex = try LogIndex(rawValue: reader.read())
    servers = try reader.readList(limit: 64, elementBytesMin: 13, RaftServer.init(from:))
    manifest = try reader.readBytes(limit: 65536)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(servers.count, of: "InstallSnapshot.servers", atMost: 64)
    for element in servers {
      try element.checkBounds()
    }
    try checkCount(manifest.count, of: "InstallSnapshot.manifest", atMost: 65536)
  }
}

extension TimeoutNow {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(version)
    writer.write(term.rawValue)
    writer.write(lastLogIndex.rawValue)
    writer.write(lastLogTerm.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    version = try reader.read(UInt8.self)
    term = try Term(rawValue: reader.read())
    lastLogIndex = try LogIndex(rawValue: reader.read())
    lastLogTerm = try Term(rawValue: reader.read())
  }
}

extension ReadConfirm {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(term.rawValue)
    writer.write(nonce)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    term = try Term(rawValue: reader.read())
    nonce = try reader.read(UInt64.self)
  }
}

extension ReadConfirmResult {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(term.rawValue)
    writer.write(nonce)
    writer.write(confirmed)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    term = try Term(rawValue: reader.read())
    nonce = try reader.read(UInt64.self)
    confirmed = try reader.readBool()
  }
}

extension KeyOffer {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(wrappingKey)
    writer.writeRaw(secret.bytes)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    wrappingKey = try reader.read(UInt64.self)
    secret = try Secret(reader.readRaw(count: 32))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(secret.bytes.count, of: "KeyOffer.secret", exactly: 32)
  }
}

extension KeyAccept {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(wrappingKey)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    wrappingKey = try reader.read(UInt64.self)
  }
}

extension SnapshotFetch {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.writeRaw(snapshot)
    writer.write(chunk)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    snapshot = try reader.readRaw(count: 32)
    chunk = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(snapshot.count, of: "SnapshotFetch.snapshot", exactly: 32)
  }
}

extension SnapshotChunk {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.writeRaw(snapshot)
    writer.write(chunk)
    writer.writeRaw(hash)
    writer.write(rows)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    snapshot = try reader.readRaw(count: 32)
    chunk = try reader.read(UInt32.self)
    hash = try reader.readRaw(count: 32)
    rows = try reader.readBytes(limit: 294912)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(snapshot.count, of: "SnapshotChunk.snapshot", exactly: 32)
    try checkCount(hash.count, of: "SnapshotChunk.hash", exactly: 32)
    try checkCount(rows.count, of: "SnapshotChunk.rows", atMost: 294912)
  }
}

extension KeyRequest {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(wrappingKey)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    wrappingKey = try reader.read(UInt64.self)
  }
}

extension StateStatement {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(versionMax)
    writer.write(index.rawValue)
    writer.writeRaw(digest)
    writer.write(asks)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    versionMax = try reader.read(UInt32.self)
    index = try LogIndex(rawValue: reader.read())
    digest = try reader.readRaw(count: 32)
    asks = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(digest.count, of: "StateStatement.digest", exactly: 32)
  }
}
