public import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine
internal import WireProtocol

// The coordinators themselves: who they are, and an operator's changes of that.
extension Dispatcher {
  /// Answers a request about the cluster's coordinators; only a key with scope `admin` may ask.
  func administer(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    guard caller.scopes.contains(.admin) else {
      return answer(
        Failure(
          .forbidden, "the coordinators are changed and listed with a key of scope admin",
          details: [ErrorDetail(name: "scope", value: "admin")]))
    }
    switch message {
    case .clusterQuery:
      confirmed { [weak self] isLeader in
        guard isLeader, let self else { return answer(Failure.notLeader) }
        answer(clusterReport)
      }
    case .clusterChange(let message): change(message, answer)
    default: preconditionFailure("not about the cluster: \(message)")
    }
  }

  /// Whether a change of members is under way here, or waits for keys.
  public var isReconfiguring: Bool { replica.isReconfiguring || orderedChange != nil }

  private func change(_ message: ClusterChange, _ answer: @escaping Answer) {
    guard handover == nil else {
      return answer(Failure(.changeInProgress, "leadership is being handed over"))
    }
    let order: MembershipOrder
    switch message.action {
    case .add: order = .add(message.replica, address: message.address)
    case .promote: order = .promote(message.replica)
    case .demote: order = .demote(message.replica)
    case .remove: order = .remove(message.replica)
    case .transfer: return transfer(to: message.replica, answer)
    }
    reconfigure(order) { [weak self] end in
      switch end {
      case .replica(.changed): if let self { answer(clusterReport) }
      case .replica(.refused(let refusal)): answer(Failure(refusal, of: message.replica))
      case .replica(.unknown):
        answer(
          Failure(
            .outcomeUnknown, "leadership changed before the change was committed; ask again",
            retryAfterMs: 50))
      case .keysAreNotHeld:
        answer(
          Failure(
            .memberUnsuitable,
            "too few of the voters that there would be say that they have the wrapping keys of the jobs that are kept: are they running, and can they be reached?",
            details: [ErrorDetail(name: "replica", value: "\(message.replica)")]))
      }
    }
  }

  /// Changes the members; a change of voters waits until a majority of them has the wrapping keys that the state needs.
  ///
  /// Otherwise members that came one after the other could elect a leader that nobody has given the keys: when the last one that
  /// had them is away, what was sealed is lost.
  ///
  /// - Parameters:
  ///   - order: what is to be changed.
  ///   - completion: called exactly once.
  public func reconfigure(_ order: MembershipOrder, _ completion: @escaping (ChangeEnd) -> Void) {
    guard orderedChange == nil else { return completion(.replica(.refused(.underWay))) }
    if let refusal = replica.refusal(of: order, now: clock.now) {
      return completion(.replica(.refused(refusal)))
    }
    let voters = order.voters(after: replica.voters)
    guard voters != replica.voters else {
      return replica.reconfigure(order, now: clock.now) { completion(.replica($0)) }
    }
    orderedChange = OrderedChange(order: order, completion: completion)
    tellCustody()
    custody(.changing(to: voters))
    shell?.wantsEndOfTurn()
  }

  /// Enough voters have the keys.
  func makeChange() {
    guard let change = orderedChange else { preconditionFailure("no change was ordered") }
    replica.reconfigure(change.order, now: clock.now) { [weak self] end in
      self?.endChange(.replica(end))
    }
    shell?.wantsEndOfTurn()
  }

  /// They have not said so in time.
  func refuseChange() { endChange(.keysAreNotHeld) }

  /// Ends a change that waits, or has been made.
  func endChange(_ end: ChangeEnd) {
    guard let change = orderedChange else { return }
    orderedChange = nil
    custody(.changed)
    change.completion(end)
  }

  /// The new leader answers: this one's streams end with its leadership, and the request is asked again there.
  private func transfer(to successor: ReplicaID, _ answer: @escaping Answer) {
    guard successor != replica.id else { return answer(clusterReport) }
    guard replica.voters.contains(successor) else {
      return answer(
        Failure(.memberUnsuitable, "coordinator \(successor) is not a voter: it cannot lead"))
    }
    handOver(to: successor) { ending in
      switch ending {
      case .led, .notLeading: answer(Failure.notLeader)
      case .noSuccessor, .timeIsOver:
        answer(
          Failure(
            .memberUnsuitable,
            "coordinator \(successor) does not answer, or did not take over in time"))
      }
    }
  }

  private var clusterReport: ClusterReport {
    ClusterReport(
      term: replica.term, leader: replica.id, lastIndex: replica.lastIndex,
      stateVersion: exchange.stateVersion,
      underWay: isReconfiguring || handover != nil,
      members: replica.membership.servers.map { server in
        MemberSummary(
          replica: server.id, address: address(of: server.id) ?? server.address,
          role: server.isRetired ? .retired : server.role == .voter ? .voter : .standby,
          matchIndex: replica.matchIndex(of: server.id) ?? LogIndex(0),
          contactAgeMs: server.id == replica.id
            ? 0 : replica.contactAge(of: server.id, now: clock.now) ?? .max,
          stateVersionMax: replica.stateVersionMax(of: server.id) ?? 0)
      }, lost: replica.membership.servers.map(\.id).filter(replica.hasLostVotes))
  }
}

/// How a change of members ended.
public enum ChangeEnd: Sendable, Hashable {
  /// As the replica says.
  case replica(MembershipEnd)
  /// It was not begun: too few of the voters that there would be say that they have the wrapping keys.
  case keysAreNotHeld
}

/// A change of voters that waits for their wrapping keys, or is being made.
struct OrderedChange {
  let order: MembershipOrder
  let completion: (ChangeEnd) -> Void
}

extension Failure {
  /// What an operator is told of an order that was refused.
  fileprivate init(_ refusal: MembershipRefusal, of replica: ReplicaID) {
    let detail = [ErrorDetail(name: "replica", value: "\(replica)")]
    switch refusal {
    case .notLeader: self = .notLeader
    case .notReady:
      self.init(
        .unavailable, "a voter does not hold the last change of members yet, or the leader is new",
        details: detail, retryAfterMs: 200)
    case .voterIsDown(let voter):
      self.init(
        .memberUnsuitable,
        "voter \(voter) is down and does not hold the last change of members: remove it first, or start it",
        details: detail + [ErrorDetail(name: "voter", value: "\(voter)")])
    case .underWay:
      self.init(
        .changeInProgress, "another change is under way, or a coordinator is catching up",
        details: detail)
    case .losesMajority(let answering, let voters):
      self.init(
        .majorityAtRisk,
        "after this there would be \(voters) voters, of which \(answering) answer now: nothing could be committed",
        details: detail + [
          ErrorDetail(name: "voters", value: "\(voters)"),
          ErrorDetail(name: "answering", value: "\(answering)"),
        ])
    case .lastTwoVoters:
      self.init(
        .majorityAtRisk, "two voters cannot become one: add and promote a coordinator first",
        details: detail)
    case .idWasUsed(let highest):
      self.init(
        .memberUnsuitable,
        "ids only rise and are never given again: choose one above \(highest)",
        details: detail + [ErrorDetail(name: "highest", value: "\(highest)")])
    case .idIsFar(let highest):
      self.init(
        .memberUnsuitable,
        "an id so high would leave none for those that come later: choose one just above \(highest)",
        details: detail + [ErrorDetail(name: "highest", value: "\(highest)")])
    case .addressInUse:
      self.init(
        .memberUnsuitable, "another member has this address: remove that one first", details: detail
      )
    case .invalid:
      self.init(
        .memberUnsuitable,
        "an address is 1 to \(MembershipOrder.addressBytesMax) bytes, and there are at most \(Membership.serversMax) members",
        details: detail)
    case .unknownMember:
      self.init(.memberUnsuitable, "there is no member \(replica)", details: detail)
    case .isLeader:
      self.init(
        .memberUnsuitable, "coordinator \(replica) leads: transfer leadership to another first",
        details: detail)
    case .silent:
      self.init(
        .unavailable,
        "coordinator \(replica) does not answer yet: is it running, and can it be reached?",
        details: detail, retryAfterMs: 200)
    case .olderProgram(let needs):
      self.init(
        .memberUnsuitable,
        "the program of coordinator \(replica) does not know state version \(needs): upgrade it",
        details: detail)
    case .tooSlow:
      self.init(
        .memberUnsuitable,
        "coordinator \(replica) has not caught up with the log in time; try again",
        details: detail)
    }
  }
}
