internal import ExchangeTypes
internal import RaftEngine
internal import WireProtocol

extension RaftMessage {
  /// The message as a frame's content.
  ///
  /// The bytes `version`, `features` and `capacity` are libraft's own and belong to the engine behind
  /// its guards; on our wire they are zero and not read.
  var wire: any WireMessage {
    switch self {
    case .requestVote(let body):
      // The candidate is the sender, whom the stream's certificate names.
      return WireProtocol.RequestVote(
        version: 0, term: body.term, candidate: ReplicaID(0), lastLogIndex: body.lastLogIndex,
        lastLogTerm: body.lastLogTerm, disruptLeader: body.disruptLeader, preVote: body.preVote)
    case .requestVoteResult(let body):
      return WireProtocol.RequestVoteResult(
        version: 0, term: body.term, voteGranted: body.granted, preVote: body.preVote,
        features: 0, capacity: 0)
    case .appendEntries(let body):
      return WireProtocol.AppendEntries(
        version: 0, term: body.term, prevLogIndex: body.prevLogIndex,
        prevLogTerm: body.prevLogTerm, leaderCommit: body.leaderCommit, entries: body.entries)
    case .appendEntriesResult(let body):
      return WireProtocol.AppendEntriesResult(
        version: 0, term: body.term, rejected: body.rejected ?? LogIndex(0),
        lastLogIndex: body.lastLogIndex, features: 0, capacity: 0)
    case .installSnapshot(let body):
      return WireProtocol.InstallSnapshot(
        version: 0, term: body.term, lastIndex: body.snapshot.index,
        lastTerm: body.snapshot.term, confIndex: body.snapshot.membershipIndex,
        servers: body.snapshot.membership.servers.map(WireProtocol.RaftServer.init),
        manifest: body.manifest)
    case .timeoutNow(let body):
      return WireProtocol.TimeoutNow(
        version: 0, term: body.term, lastLogIndex: body.lastLogIndex,
        lastLogTerm: body.lastLogTerm)
    }
  }

  /// What a frame on a peer stream says; nil if it is no message of the algorithm, or an impossible one.
  init?(_ message: Message) {
    switch message {
    case .requestVote(let body):
      self = .requestVote(
        .init(
          term: body.term, lastLogIndex: body.lastLogIndex, lastLogTerm: body.lastLogTerm,
          disruptLeader: body.disruptLeader, preVote: body.preVote))
    case .requestVoteResult(let body):
      self = .requestVoteResult(
        .init(term: body.term, granted: body.voteGranted, preVote: body.preVote))
    case .appendEntries(let body):
      self = .appendEntries(
        .init(
          term: body.term, prevLogIndex: body.prevLogIndex, prevLogTerm: body.prevLogTerm,
          leaderCommit: body.leaderCommit, entries: body.entries))
    case .appendEntriesResult(let body):
      self = .appendEntriesResult(
        .init(
          term: body.term, rejected: body.rejected.rawValue == 0 ? nil : body.rejected,
          lastLogIndex: body.lastLogIndex))
    case .installSnapshot(let body):
      guard let membership = Membership(body.servers.map(Member.init)) else {
        return nil
      }
      self = .installSnapshot(
        .init(
          term: body.term,
          snapshot: SnapshotMetadata(
            index: body.lastIndex, term: body.lastTerm, membership: membership,
            membershipIndex: body.confIndex), manifest: body.manifest))
    case .timeoutNow(let body):
      self = .timeoutNow(
        .init(
          term: body.term, lastLogIndex: body.lastLogIndex, lastLogTerm: body.lastLogTerm))
    default:
      return nil
    }
  }
}

extension WireProtocol.RaftServer {
  fileprivate init(_ server: Member) {
    let role: ServerRole =
      switch server.role {
      case .standby: .standby
      case .voter: .voter
      case .spare: .spare
      }
    self.init(replica: server.id, address: server.address, role: role)
  }
}

extension Member {
  fileprivate init(_ server: WireProtocol.RaftServer) {
    let role: Role =
      switch server.role {
      case .standby: .standby
      case .voter: .voter
      case .spare: .spare
      }
    self.init(id: server.replica, address: server.address, role: role)
  }
}
