internal import CRaft
internal import ExchangeTypes

/// Entries in the form that libraft takes: an array of entries whose data share one batch.
///
/// libraft looks into the data of changes of membership only, so only theirs are copied; the payloads of
/// the others stay where they are, and what libraft hands back is matched to them by index.
struct EntryBatch {
  let entries: UnsafeMutablePointer<raft_entry>
  let count: Int
  let batch: UnsafeMutableRawPointer

  init(_ source: ArraySlice<LogEntry>) {
    count = source.count
    let size = source.reduce(0) { $1.kind == .change ? $0 + $1.payload.count : $0 }
    batch = RaftHeap.allocate(size)
    entries = RaftHeap.allocate(source.count * MemoryLayout<raft_entry>.stride)
      .bindMemory(to: raft_entry.self, capacity: source.count)
    var offset = 0
    for (place, entry) in source.enumerated() {
      let length = entry.kind == .change ? entry.payload.count : 0
      (batch + offset).copyMemory(from: entry.payload, byteCount: length)
      (entries + place).initialize(
        to: raft_entry(
          term: entry.term.rawValue, type: raft_entry_type(UInt32(entry.kind.rawValue)),
          buf: raft_buffer(base: batch + offset, len: length), batch: batch))
      offset += length
    }
  }

  /// Frees the array, which stays ours in 0.22.1 whatever libraft does with the batch.
  func freeArray() { raft_free(entries) }
  /// Frees the batch, where libraft did not take it.
  func freeBatch() { raft_free(batch) }
}

extension Membership {
  /// These members in libraft's form; whoever gets it owns its memory.
  func makeConfiguration() throws(RaftFailure) -> raft_configuration {
    var configuration = raft_configuration()
    raft_configuration_init(&configuration)
    for server in servers {
      let code = raft_configuration_add(
        &configuration, server.id.rawValue, server.address, Int32(server.role.rawValue))
      guard code == 0 else {
        raft_configuration_close(&configuration)
        throw RaftFailure(code: code, reason: "configuration not accepted")
      }
    }
    return configuration
  }

  /// Reads libraft's form without taking its memory.
  init(_ configuration: raft_configuration) throws(RaftFailure) {
    var servers: [RaftServer] = []
    for place in 0..<Int(configuration.n) {
      let server = configuration.servers[place]
      guard let role = RaftServer.Role(rawValue: UInt8(truncatingIfNeeded: server.role)),
        let address = server.address
      else { throw RaftFailure(code: 0, reason: "configuration with an unknown role") }
      servers.append(
        RaftServer(id: ReplicaID(server.id), address: String(cString: address), role: role))
    }
    guard let membership = Membership(servers) else {
      throw RaftFailure(code: 0, reason: "configuration with invalid servers")
    }
    self = membership
  }
}

extension SnapshotMetadata {
  /// This in libraft's form, with a configuration that whoever gets it owns.
  func makeMetadata() throws(RaftFailure) -> raft_snapshot_metadata {
    raft_snapshot_metadata(
      index: index.rawValue, term: term.rawValue,
      configuration: try membership.makeConfiguration(),
      configuration_index: membershipIndex.rawValue)
  }
}

extension raft_trail {
  /// The term of the entry at `index`, or of the snapshot that ends there; nil if neither is known.
  ///
  /// What `TrailTermOf` answers (`trail.c`); the records hold the last index of each term.
  func term(at index: UInt64) -> UInt64? {
    let count = front <= back ? back - front : size - front + back
    func record(_ place: UInt32) -> (index: UInt64, term: UInt64) {
      // A struct without a name in `raft.h`, of two 64-bit numbers; Swift sees no more than its address.
      let record = UnsafeRawPointer(records) + 16 * Int((front + place) % size)
      return (record.load(as: UInt64.self), record.load(fromByteOffset: 8, as: UInt64.self))
    }
    let last = count == 0 ? offset : record(count - 1).index
    guard index > offset, index <= last else {
      return index > 0 && index == snapshot.index ? snapshot.term : nil
    }
    var place = count - 1
    while place > 0, index <= record(place - 1).index { place -= 1 }
    return record(place).term
  }
}
