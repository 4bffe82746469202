public import ExchangeTypes
public import RaftEngine

/// A change of the group's members that an operator orders.
public enum MembershipOrder: Sendable, Hashable {
  /// Adds a coordinator that receives the log and has no vote yet.
  case add(ReplicaID, address: String)
  /// Gives a member that holds the log a vote.
  case promote(ReplicaID)
  /// Takes a member's vote; it goes on receiving the log.
  case demote(ReplicaID)
  /// Ends a membership for ever: its id is not given again.
  case remove(ReplicaID)

  /// Who votes after it, of those who vote before; whether it will be made is for `Replica.refusal(of:now:)` to say.
  public func voters(after voters: [ReplicaID]) -> [ReplicaID] {
    switch self {
    case .add: voters
    case .promote(let id): voters.contains(id) ? voters : voters + [id]
    case .demote(let id), .remove(let id): voters.filter { $0 != id }
    }
  }

  /// The most bytes in an address.
  public static let addressBytesMax = RaftServer.addressBytesMax
}

/// Why a change of members was not made.
public enum MembershipRefusal: Error, Sendable, Hashable {
  /// Only a leader changes the members.
  case notLeader
  /// Another change is not committed yet, or a member is catching up.
  case underWay
  /// The leader has just been elected, or a voter does not hold the last change yet: ask again.
  case notReady
  /// This voter does not hold the last change, and does not answer: asking again helps only once it is back.
  case voterIsDown(ReplicaID)
  /// Ids only rise, so that a coordinator that has forgotten its votes never votes again under its old one.
  case idWasUsed(highest: ReplicaID)
  /// An id far above the highest would leave none for those that come later.
  case idIsFar(highest: ReplicaID)
  /// A member has this address.
  case addressInUse
  /// No address, or the group is as large as it may be.
  case invalid
  /// There is no such member.
  case unknownMember
  /// It is the leader: transfer leadership first.
  case isLeader
  /// Two voters cannot become one.
  case lastTwoVoters
  /// Of the voters that there would be, too few answer now.
  case losesMajority(answering: Int, voters: Int)
  /// It has not answered lately, or has not said yet what its program supports.
  case silent
  /// Its program does not know the state version that the group has.
  case olderProgram(needs: UInt32)
  /// It did not catch up with the log in time.
  case tooSlow
}

/// How an order ended.
public enum MembershipEnd: Sendable, Hashable {
  /// These are the members now, committed.
  case changed(Membership)
  /// Nothing was changed.
  case refused(MembershipRefusal)
  /// Leadership was lost before the change was committed: it may be made, or never. Every order may be repeated.
  case unknown
}

/// What an order is judged by: how the group looks to its leader.
struct MembershipView {
  var leader: ReplicaID
  var members: Membership
  /// Members that have answered within an election timeout.
  var answering: Set<ReplicaID>
  /// The state version of the group.
  var stateVersion: UInt32
  /// What each member's program supports, as far as it has said so.
  var versionMax: (ReplicaID) -> UInt32?

  /// Whether the voters of `next` that answer are a majority of them.
  func refusal(of next: Membership) -> MembershipRefusal? {
    let voters = next.voters
    let answering = voters.count { $0 == leader || self.answering.contains($0) }
    guard answering > voters.count / 2 else {
      return .losesMajority(answering: answering, voters: voters.count)
    }
    return nil
  }
}

extension MembershipOrder {
  /// How far above the highest id a new one may be.
  private static let idStepMax: UInt64 = 1_000

  /// What an order comes to.
  enum Decision: Equatable {
    /// It is so already: the order was repeated.
    case done
    /// One step of the engine.
    case change(MembershipChange)
    case refused(MembershipRefusal)
  }

  /// Judges the order, in this sequence: who it is about, its role, whether it is fit, the majority.
  func decide(_ view: MembershipView) -> Decision {
    let highest = view.members.servers.map(\.id).max() ?? ReplicaID(0)
    switch self {
    case .add(let id, let address):
      if let member = view.members.server(id), member.address == address { return .done }
      guard id > highest else { return .refused(.idWasUsed(highest: highest)) }
      guard id.rawValue - highest.rawValue <= Self.idStepMax else {
        return .refused(.idIsFar(highest: highest))
      }
      guard !view.members.servers.contains(where: { $0.address == address }) else {
        return .refused(.addressInUse)
      }
      return checked(.add(RaftServer(id: id, address: address, role: .standby)), view)
    case .promote(let id):
      guard let member = view.members.server(id), !member.isRetired else {
        return .refused(.unknownMember)
      }
      guard member.role != .voter else { return .done }
      guard view.answering.contains(id), let version = view.versionMax(id) else {
        return .refused(.silent)
      }
      guard version >= view.stateVersion else {
        return .refused(.olderProgram(needs: view.stateVersion))
      }
      return checked(.assign(id, .voter), view)
    case .demote(let id):
      guard let member = view.members.server(id), !member.isRetired else {
        return .refused(.unknownMember)
      }
      guard member.role == .voter else { return .done }
      return without(id, view, .assign(id, .standby))
    case .remove(let id):
      guard let member = view.members.server(id) else {
        return id <= highest ? .done : .refused(.unknownMember)
      }
      // The highest id stays listed, so that the next one is higher.
      if id == highest {
        return member.isRetired ? .done : without(id, view, .retire(id))
      }
      return without(id, view, .remove(id))
    }
  }

  /// A change that takes somebody's vote, or his place.
  private func without(
    _ id: ReplicaID, _ view: MembershipView, _ change: MembershipChange
  ) -> Decision {
    guard id != view.leader else { return .refused(.isLeader) }
    let voters = view.members.voters
    guard !voters.contains(id) || voters.count != 2 else { return .refused(.lastTwoVoters) }
    return checked(change, view)
  }

  private func checked(_ change: MembershipChange, _ view: MembershipView) -> Decision {
    guard let next = change.applied(to: view.members) else { return .refused(.invalid) }
    if next.voters != view.members.voters, let refusal = view.refusal(of: next) {
      return .refused(refusal)
    }
    return .change(change)
  }
}
