internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine

/// A change of members under way at a leader.
///
/// ```
/// idle ──add, demote, remove──► changing ──committed──► idle: changed
///   │                              └──leadership lost──► idle: unknown
///   └──promote──► catching up ──holds nearly all──► changing
///                     └──too slow, leadership lost──► idle: refused
/// ```
enum Reconfiguration {
  case changing(to: Membership, (MembershipEnd) -> Void)
  case catchingUp(ReplicaID, until: UInt64, (MembershipEnd) -> Void)
}

// Who belongs to the group: one change at a time, a new member without a vote first.
extension Replica {
  /// Whether a change of members is under way here.
  public var isReconfiguring: Bool { reconfiguration != nil }

  /// Milliseconds in which a member must catch up with the log to be promoted.
  static let catchUpTime: UInt64 = 60_000

  /// Changes the members.
  ///
  /// - Parameters:
  ///   - order: what is to be changed; one that is so already is answered as changed.
  ///   - now: monotonic milliseconds.
  ///   - completion: called exactly once.
  public func reconfigure(
    _ order: MembershipOrder, now: UInt64, _ completion: @escaping (MembershipEnd) -> Void
  ) {
    switch decide(order, now: now) {
    case .done: completion(.changed(membership))
    case .refused(let refusal): completion(.refused(refusal))
    case .change(let change):
      if case .promote(let member) = order {
        catchUp(member, now: now, completion)
      } else if let refusal = begin(change, now: now, completion) {
        completion(.refused(refusal))
      }
    }
  }

  /// Judges an order, and begins nothing.
  ///
  /// - Parameters:
  ///   - order: what is to be changed.
  ///   - now: monotonic milliseconds.
  /// - Returns: why it would be refused now; nil if it would be begun, or is carried out already.
  public func refusal(of order: MembershipOrder, now: UInt64) -> MembershipRefusal? {
    if case .refused(let refusal) = decide(order, now: now) { refusal } else { nil }
  }

  private func decide(_ order: MembershipOrder, now: UInt64) -> MembershipOrder.Decision {
    guard !isDead, role == .leader else {
      return .refused(role == .elected ? .notReady : .notLeader)
    }
    guard reconfiguration == nil else { return .refused(.underWay) }
    let members = membership
    return order.decide(
      MembershipView(
        leader: id, members: members,
        answering: Set(
          members.servers.map(\.id).filter {
            // One that has lost its disk answers, and will confirm nothing to this leader.
            (contactAge(of: $0, now: now).map { $0 < electionTimeout } ?? false)
              && !hasLostVotes($0)
          }), stateVersion: exchange.stateVersion, versionMax: { self.stateVersionMax(of: $0) }))
  }

  /// Puts a change into the log; answers why not, and then has not taken the completion.
  private func begin(
    _ change: MembershipChange, now: UInt64, _ completion: @escaping (MembershipEnd) -> Void
  ) -> MembershipRefusal? {
    guard let next = change.applied(to: membership) else { return .invalid }
    // Before the step: a sole voter commits within it.
    let before = reconfiguration
    reconfiguration = .changing(to: next, completion)
    if let refusal = order(.change(change), at: now) {
      reconfiguration = before
      if case .voterLags(let voter) = refusal, isSilent(voter, now: now) {
        return .voterIsDown(voter)
      }
      return MembershipRefusal(refusal)
    }
    return nil
  }

  /// Whether a voter has not answered this leader for an election timeout.
  private func isSilent(_ voter: ReplicaID, now: UInt64) -> Bool {
    (contactAge(of: voter, now: now) ?? now - min(now, electedAt)) > electionTimeout
  }

  private func catchUp(
    _ member: ReplicaID, now: UInt64, _ completion: @escaping (MembershipEnd) -> Void
  ) {
    if let refusal = order(.catchUp(member), at: now) {
      return completion(.refused(MembershipRefusal(refusal)))
    }
    reconfiguration = .catchingUp(member, until: now + Self.catchUpTime, completion)
    // Who holds everything already finishes with the next entry; one that does not fit is not missed, since
    // whatever fills the log serves as well.
    _ = order(.submit([.barrier]), at: now)
  }

  /// Time has passed: whoever has caught up gets his vote.
  func advanceReconfiguration(now: UInt64) {
    guard case .catchingUp(let member, let until, let completion) = reconfiguration else { return }
    // Whether it holds enough is for the engine to say (G8), which refuses until it does.
    switch begin(.assign(member, .voter), now: now, completion) {
    case nil: return
    case .voterIsDown(let voter) where now + Self.catchUpTime >= until + electionTimeout:
      // What helps is to remove it, and that must not wait for the end of this order.
      return endReconfiguration(.refused(.voterIsDown(voter)))
    case .notReady where now >= until: return endReconfiguration(.refused(.notReady))
    case .tooSlow where engine.catchUpState(of: member) != .finished:
      return endReconfiguration(.refused(.tooSlow))
    case .voterIsDown, .notReady, .underWay, .tooSlow: break
    case .some(let refusal): return endReconfiguration(.refused(refusal))
    }
    if now >= until { endReconfiguration(.refused(.tooSlow)) }
  }

  /// A change of members has been committed.
  func noteCommitted(_ members: Membership) {
    guard case .changing(let wanted, _) = reconfiguration, wanted == members else { return }
    endReconfiguration(.changed(members))
  }

  /// This replica leads no longer.
  func abandonReconfiguration() {
    switch reconfiguration {
    case nil: break
    case .changing: endReconfiguration(.unknown)
    case .catchingUp: endReconfiguration(.refused(.notLeader))
    }
  }

  private func endReconfiguration(_ end: MembershipEnd) {
    let ended = reconfiguration
    reconfiguration = nil
    switch ended {
    case nil: break
    case .changing(_, let completion), .catchingUp(_, _, let completion): completion(end)
    }
  }
}

extension MembershipRefusal {
  /// What the engine's refusal means for an order.
  fileprivate init(_ refusal: RaftRefusal) {
    self =
      switch refusal {
      case .notLeader: .notLeader
      case .changeInProgress: .underWay
      case .nothingCommittedInTerm, .voterLags, .transferInProgress, .tooManyUncommitted: .notReady
      case .notCaughtUp: .tooSlow
      case .twoVotersLeft: .lastTwoVoters
      case .invalidChange, .unsuitableServer, .snapshotNotAllowed: .invalid
      }
  }
}
