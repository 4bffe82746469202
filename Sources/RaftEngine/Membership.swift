public import ExchangeTypes

/// A member of the consensus group.
public struct RaftServer: Hashable, Sendable {
  /// What a member may do; the numbers are libraft's (`raft.h`, server role codes).
  public enum Role: UInt8, Sendable {
    /// Receives the log, has no vote.
    case standby = 0
    /// Receives the log and votes.
    case voter = 1
    /// Listed only: neither receives the log nor votes.
    case spare = 2
  }

  /// The most bytes in an address.
  public static let addressBytesMax = 255

  /// Its id, greater than zero and never reused.
  public let id: ReplicaID
  /// Where its peers reach it; 1 to `addressBytesMax` bytes, none of them zero.
  public let address: String
  /// What it may do.
  public let role: Role

  /// Whether it is listed only so that its id is not given again.
  public var isRetired: Bool { role == .spare && address == Self.retired(id).address }

  /// What stays listed of a member that was removed.
  static func retired(_ id: ReplicaID) -> RaftServer {
    RaftServer(id: id, address: "retired-\(id)", role: .spare)
  }

  /// Joins the parts.
  public init(id: ReplicaID, address: String, role: Role) {
    self.id = id
    self.address = address
    self.role = role
  }
}

/// The members of the consensus group, in the order that libraft keeps its progress table in.
///
/// Its encoding is the payload of a `change` entry: libraft's format 1 (`configuration.c`), which is a
/// version byte, a 64-bit little-endian count, then per server a 64-bit id, a zero-terminated address
/// and a role byte, padded with zeros to a multiple of eight bytes.
public struct Membership: Hashable, Sendable {
  /// The most members: a payload of them stays far below `LogEntry.payloadBytesMax`.
  public static let serversMax = 32

  /// The members.
  public let servers: [RaftServer]

  /// Members in this order, or nil if an id, an address or a count is not allowed, or one is there twice.
  public init?(_ servers: [RaftServer]) {
    guard servers.count <= Self.serversMax else { return nil }
    for (place, server) in servers.enumerated() {
      let address = server.address.utf8
      guard server.id.rawValue > 0, (1...RaftServer.addressBytesMax).contains(address.count),
        !address.contains(0)
      else { return nil }
      for other in servers[..<place] where other.id == server.id || other.address == server.address
      {
        return nil
      }
    }
    self.servers = servers
  }

  private init(unchecked servers: [RaftServer]) { self.servers = servers }

  /// No members: what a server that joins knows before its first entry.
  public static let none = Membership(unchecked: [])

  /// The members that vote.
  public var voters: [ReplicaID] { servers.filter { $0.role == .voter }.map(\.id) }

  /// These members retired, and after them one new voter; nil if its id is not above theirs, or its address will not do.
  public func succeeded(by id: ReplicaID, address: String) -> Membership? {
    guard servers.allSatisfy({ $0.id < id }) else { return nil }
    let voter = RaftServer(id: id, address: address, role: .voter)
    return Membership(servers.map { RaftServer.retired($0.id) } + [voter])
  }

  /// Whether `id` has been a member, or been passed over, and will never be one again (decision 14).
  public func hasRemoved(_ id: ReplicaID) -> Bool {
    if let server = server(id) { return server.isRetired }
    return servers.contains { $0.id > id }
  }

  /// The member with this id, if there is one.
  public func server(_ id: ReplicaID) -> RaftServer? { servers.first { $0.id == id } }

  /// The payload of a `change` entry with these members.
  ///
  /// - Precondition: there is at least one.
  public var encoded: [UInt8] {
    precondition(!servers.isEmpty, "an empty configuration has no encoding")
    var bytes: [UInt8] = [1]
    func append(_ value: UInt64) {
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        bytes.append(UInt8(truncatingIfNeeded: value >> shift))
      }
    }
    append(UInt64(servers.count))
    for server in servers {
      append(server.id.rawValue)
      bytes.append(contentsOf: server.address.utf8)
      bytes.append(0)
      bytes.append(server.role.rawValue)
    }
    bytes.append(contentsOf: repeatElement(0, count: (8 - bytes.count % 8) % 8))
    return bytes
  }

  /// The members that `payload` encodes, or nil if it is anything but the encoding of valid members.
  ///
  /// libraft itself reads past the end of a short payload, so nothing reaches it unchecked.
  public init?(encoded payload: [UInt8]) {
    var offset = 0
    func byte() -> UInt8? {
      guard offset < payload.count else { return nil }
      defer { offset += 1 }
      return payload[offset]
    }
    func word() -> UInt64? {
      var value: UInt64 = 0
      for shift in stride(from: UInt64(0), to: 64, by: 8) {
        guard let next = byte() else { return nil }
        value |= UInt64(next) << shift
      }
      return value
    }
    guard byte() == 1, let count = word(), (1...UInt64(Self.serversMax)).contains(count) else {
      return nil
    }
    var servers: [RaftServer] = []
    for _ in 0..<count {
      guard let id = word(), let end = payload[offset...].firstIndex(of: 0),
        let address = String(validating: payload[offset..<end], as: UTF8.self)
      else { return nil }
      offset = end + 1
      guard let code = byte(), let role = RaftServer.Role(rawValue: code) else { return nil }
      servers.append(RaftServer(id: ReplicaID(id), address: address, role: role))
    }
    self.init(servers)
    guard encoded == payload else { return nil }
  }
}

/// One step from a membership to the next; several steps at once could leave two disjoint majorities.
public enum MembershipChange: Hashable, Sendable {
  /// Adds a server at the end of the list.
  case add(RaftServer)
  /// Gives a member another role.
  case assign(ReplicaID, RaftServer.Role)
  /// Removes a member.
  case remove(ReplicaID)
  /// Leaves a member listed without log, vote and address, so that its id is known to have been given.
  case retire(ReplicaID)

  /// The members after this change, or nil if it does not apply to `membership`.
  ///
  /// The others keep their places: libraft's progress table is rebuilt only when the count changes.
  public func applied(to membership: Membership) -> Membership? {
    switch self {
    case .add(let server):
      return Membership(membership.servers + [server])
    case .assign(let id, let role):
      guard let old = membership.server(id), old.role != role else { return nil }
      return Membership(
        membership.servers.map {
          $0.id == id ? RaftServer(id: id, address: $0.address, role: role) : $0
        })
    case .remove(let id):
      guard membership.server(id) != nil else { return nil }
      return Membership(membership.servers.filter { $0.id != id })
    case .retire(let id):
      guard let old = membership.server(id), !old.isRetired else { return nil }
      return Membership(membership.servers.map { $0.id == id ? RaftServer.retired(id) : $0 })
    }
  }
}
