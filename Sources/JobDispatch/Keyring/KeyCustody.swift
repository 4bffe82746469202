public import ExchangeTypes

/// Which wrapping keys one coordinator holds, and what it does about the others: pure, driven by events.
///
/// ```
/// (nothing) ──draw──► held by its leader ──offers──► held by a majority ──announced (log)──► current
///                                                                                              │
///      destroyed, on each node ◄── no job of the state is sealed under it ── former ◄── the next is announced
/// ```
///
/// Every coordinator has one, whoever leads. Invariants (the room's README has them all, "Wrapping keys"):
/// 1. A key is announced only while a majority of the voters, this one included, has it durable.
/// 2. A key that the state needs (the current one, and every one that a job is sealed under) is never destroyed.
/// 3. Every other key that is older than the current one is destroyed.
/// 4. No two keys have one number: a number names the term whose leader drew it.
/// 5. A change of voters begins only while a majority of those that there will be have every key that the state needs.
public struct KeyCustody: Sendable {
  /// When keys change.
  public struct Schedule: Hashable, Sendable {
    /// How long a key is the current one, in milliseconds of log time: what one key opens is bounded by it.
    public var interval: UInt64
    /// How long before that the next is made, so that it is everywhere in time.
    var lead: UInt64 { min(interval / 4, 300_000) }
    /// What was not answered is said again after this long, in milliseconds.
    static let retry: UInt64 = 500
    /// How long a new leader waits for keys that it lacks, in milliseconds, before it begins without them.
    static let patience: UInt64 = 3_000
    /// How long a change of voters waits until enough of them say that they have the keys, in milliseconds.
    static let changePatience: UInt64 = 5_000

    /// An hour.
    public static let hourly = Schedule(interval: 3_600_000)

    /// A schedule for keys that live so long.
    public init(interval: UInt64) { self.interval = max(1, interval) }
  }

  /// What the state machine says of keys.
  public struct Needs: Hashable, Sendable {
    /// The key to seal new jobs under; nil before the first was announced.
    public var current: UInt64?
    /// The log time at which it was announced.
    public var since: LogTime
    /// All keys that must be readable, ascending; the current one is among them.
    public var keys: [UInt64]
    /// Whether the log may be told of keys: the cluster's state version knows of them.
    public var rotates: Bool

    /// Joins the parts.
    public init(current: UInt64?, since: LogTime, keys: [UInt64], rotates: Bool) {
      self.current = current
      self.since = since
      self.keys = keys
      self.rotates = rotates
    }
  }

  /// What happened.
  public enum Event: Hashable, Sendable {
    /// The state says something new of keys.
    case state(Needs)
    /// This coordinator leads.
    case began(Term)
    /// It does not any more.
    case ceased
    /// A key is durable here.
    case kept(UInt64)
    /// A key could not be made durable, or is another one than the one held under its number.
    case notKept(UInt64)
    /// Keys are gone from this coordinator's keyring for good.
    case destroyed([UInt64])
    /// They are still in its file.
    case notDestroyed([UInt64])
    /// Another coordinator hands over a key.
    case offered(UInt64, by: ReplicaID)
    /// Another coordinator has a key durable.
    case accepted(UInt64, by: ReplicaID)
    /// Another coordinator lacks a key.
    case asked(UInt64, by: ReplicaID)
    /// What was announced did not enter the log.
    case notAnnounced
    /// The leader is ordered to make these the voters.
    case changing(to: [ReplicaID])
    /// That change is over, made or not.
    case changed
    /// Time has passed.
    case tick
  }

  /// What is to be done.
  public enum Action: Hashable, Sendable {
    /// Draw a key and make it durable.
    case draw(UInt64)
    /// Make the key durable that was offered last.
    case keep(UInt64)
    /// Take keys out of the keyring for good.
    case destroy([UInt64])
    /// Hand a key to another coordinator.
    case offer(UInt64, to: ReplicaID)
    /// Say that a key is durable here.
    case accept(UInt64, to: ReplicaID)
    /// Ask another coordinator for a key.
    case ask(UInt64, of: ReplicaID)
    /// Put it into the log that this key is the current one.
    case announce(UInt64)
    /// Leadership may begin: the keys are here, or are not to be had.
    case lead
    /// The change of voters may begin: a majority of them has the keys.
    case change
    /// It must not: that majority did not say so in time.
    case refuseChange
  }

  private struct Candidate: Sendable {
    let key: UInt64
    var isAnnounced = false
    var offeredAt: UInt64?
  }

  /// A change of voters that an operator has ordered.
  private struct Change: Sendable {
    let voters: [ReplicaID]
    let until: UInt64
    /// When the keys that somebody has not confirmed were offered last.
    var offeredAt: UInt64?
    /// Whether it has begun.
    var isMade = false
  }

  private struct Leadership: Sendable {
    let term: Term
    /// Who has said in this term that a key is durable there: of the keys that the state needs, and of the next.
    var holders: [UInt64: Set<ReplicaID>] = [:]
    var change: Change?
    /// When it begins without the keys that it lacks; nil once it has begun.
    var patience: UInt64?
    var candidate: Candidate?
    var drawn: UInt64 = 0
    /// Nothing is drawn or announced before that: it failed a moment ago.
    var pausedUntil: UInt64 = 0
  }

  private let id: ReplicaID
  /// When keys change; only the leader's counts.
  public var schedule: Schedule
  /// All coordinators of the configuration in force.
  public var members: [ReplicaID] = []
  /// Those of them whose majority counts.
  public var voters: [ReplicaID] = []
  /// Durable here, and not about to go.
  public private(set) var held: Set<UInt64>
  private var needs = Needs(
    current: nil, since: LogTime(milliseconds: 0), keys: [], rotates: false)
  private var keeping: Set<UInt64> = []
  private var owed: [UInt64: Set<ReplicaID>] = [:]
  private var isDestroying = false
  /// When what is missing is asked for again, or a destruction tried again; never if neither is due.
  private var retryAt: UInt64 = .max
  private var asked: UInt64 = 0
  private var leadership: Leadership?

  /// The custody of a coordinator that has just started.
  ///
  /// - Parameters:
  ///   - id: this coordinator.
  ///   - schedule: when keys change; the leader's counts.
  ///   - held: the keys that its keyring has.
  public init(id: ReplicaID, schedule: Schedule, held: [UInt64]) {
    self.id = id
    self.schedule = schedule
    self.held = Set(held)
  }

  /// Keys that the state needs and that are not here, ascending.
  public var missing: [UInt64] { needs.keys.filter { !held.contains($0) } }
  /// The key to seal a job under that is proposed now; nil if there is none, or it is not here.
  ///
  /// From the moment on at which its announcement is proposed, since whatever is proposed later comes after it in
  /// the log. A cluster of an older state version has one key, which it was founded with.
  public var sealing: UInt64? {
    let key: UInt64?
    if let candidate = leadership?.candidate, candidate.isAnnounced {
      key = candidate.key
    } else {
      key = needs.current ?? (needs.rotates ? nil : held.max())
    }
    return key.flatMap { held.contains($0) ? $0 : nil }
  }
  /// Whether it was told something else before: an entry says so by its effect, a snapshot that was installed does not.
  public func isBehind(_ needs: Needs) -> Bool { self.needs != needs }

  /// When `tick` is due, in monotonic milliseconds.
  ///
  /// - Parameters:
  ///   - now: monotonic milliseconds.
  ///   - logTime: the log time of a command that would be proposed now.
  /// - Returns: the moment; `.max` if nothing is ever due.
  public func deadline(now: UInt64, logTime: LogTime) -> UInt64 {
    var next = retryAt
    guard let leadership else { return next }
    if let patience = leadership.patience { return min(next, patience) }
    if let change = leadership.change, !change.isMade {
      next = min(next, change.until, change.offeredAt.map { $0 + Schedule.retry } ?? now)
    }
    guard needs.rotates else { return next }
    let due: UInt64
    if let candidate = leadership.candidate {
      if !isMajority(candidate, of: leadership) {
        let again = candidate.offeredAt.map { $0 + Schedule.retry } ?? .max
        return min(next, max(again, leadership.pausedUntil))
      }
      guard !candidate.isAnnounced else { return next }
      due = now + remaining(until: schedule.interval, at: logTime)
    } else {
      due = now + remaining(until: schedule.interval - schedule.lead, at: logTime)
    }
    return min(next, max(due, leadership.pausedUntil))
  }

  /// Takes an event and answers what is to be done, in this order.
  public mutating func handle(_ event: Event, now: UInt64, logTime: LogTime) -> [Action] {
    var actions: [Action] = []
    switch event {
    case .state(let needs):
      self.needs = needs
      asked = 0
      retryAt = min(retryAt, now)
      if let candidate = leadership?.candidate, needs.current.map({ $0 >= candidate.key }) == true {
        leadership?.candidate = nil
      }
      let known = Set(needs.keys)
      if let holders = leadership?.holders {
        let next = leadership?.candidate?.key
        leadership?.holders = holders.filter { known.contains($0.key) || $0.key == next }
      }
    case .began(let term):
      leadership = Leadership(term: term, patience: now + Schedule.patience)
      asked = 0
      retryAt = now
    case .ceased:
      leadership = nil
    case .kept(let key):
      keeping.remove(key)
      held.insert(key)
      for peer in (owed.removeValue(forKey: key) ?? []).sorted() {
        actions.append(.accept(key, to: peer))
      }
    case .notKept(let key):
      keeping.remove(key)
      owed[key] = nil
      if leadership?.candidate?.key == key {
        leadership?.candidate = nil
        leadership?.pausedUntil = now + Schedule.retry
      }
      retryAt = min(retryAt, now + Schedule.retry)
    case .destroyed:
      isDestroying = false
    case .notDestroyed(let keys):
      isDestroying = false
      held.formUnion(keys)
      retryAt = min(retryAt, now + Schedule.retry)
    case .offered(let key, let peer):
      guard isWanted(key) else { break }
      confirm(key, by: peer)
      owed[key, default: []].insert(peer)
      guard keeping.insert(key).inserted else { break }
      actions.append(.keep(key))
    case .accepted(let key, let peer):
      confirm(key, by: peer)
    case .asked(let key, let peer):
      leadership?.holders[key]?.remove(peer)
      if held.contains(key) { actions.append(.offer(key, to: peer)) }
    case .notAnnounced:
      leadership?.candidate?.isAnnounced = false
      leadership?.pausedUntil = now + Schedule.retry
    case .changing(let voters):
      leadership?.change = Change(voters: voters, until: now + Schedule.changePatience)
    case .changed:
      leadership?.change = nil
    case .tick:
      break
    }
    if case .notDestroyed = event { return actions }
    destroyUnneeded(&actions)
    if retryAt <= now { ask(&actions, now: now) }
    lead(&actions, now: now, logTime: logTime)
    return actions
  }

  /// A key is durable on another coordinator, as it says by accepting or offering it.
  private mutating func confirm(_ key: UInt64, by peer: ReplicaID) {
    guard leadership?.candidate?.key == key || needs.keys.contains(key) else { return }
    leadership?.holders[key, default: []].insert(peer)
  }

  /// A key that is offered is kept if the state needs it, or may come to: it is newer than the current one.
  ///
  /// An offer that was long under way must not bring back what has been destroyed.
  private func isWanted(_ key: UInt64) -> Bool {
    guard let current = needs.current, key <= current else { return true }
    return needs.keys.contains(key)
  }

  private mutating func destroyUnneeded(_ actions: inout [Action]) {
    guard !isDestroying, let current = needs.current else { return }
    let needed = Set(needs.keys)
    let gone = held.filter { $0 < current && !needed.contains($0) }.sorted()
    guard !gone.isEmpty else { return }
    held.subtract(gone)
    isDestroying = true
    actions.append(.destroy(gone))
  }

  /// Asks all others for what is missing, at growing intervals: one of a majority has what was ever current,
  /// unless keyrings were lost.
  private mutating func ask(_ actions: inout [Action], now: UInt64) {
    let missing = missing.filter { !keeping.contains($0) }
    guard !missing.isEmpty else {
      retryAt = .max
      return
    }
    retryAt = now + Schedule.retry << min(asked, 5)
    asked += 1
    for key in missing {
      for peer in members where peer != id { actions.append(.ask(key, of: peer)) }
    }
  }

  // MARK: The leader's part

  private mutating func lead(_ actions: inout [Action], now: UInt64, logTime: LogTime) {
    guard var leading = leadership else { return }
    defer { leadership = leading }
    if let patience = leading.patience {
      guard missing.isEmpty || now >= patience else { return }
      leading.patience = nil
      actions.append(.lead)
    }
    change(&leading, &actions, now: now)
    guard needs.rotates, now >= leading.pausedUntil else { return }
    if leading.candidate == nil,
      remaining(until: schedule.interval - schedule.lead, at: logTime) == 0
    {
      leading.candidate = makeCandidate(&leading, &actions)
    }
    guard var candidate = leading.candidate, held.contains(candidate.key) else { return }
    if !isMajority(candidate, of: leading) {
      if candidate.offeredAt.map({ now >= $0 + Schedule.retry }) ?? true {
        candidate.offeredAt = now
        for peer in members where !isHeld(candidate.key, by: peer, leading) {
          actions.append(.offer(candidate.key, to: peer))
        }
      }
    } else if !candidate.isAnnounced, remaining(until: schedule.interval, at: logTime) == 0 {
      candidate.isAnnounced = true
      actions.append(.announce(candidate.key))
    }
    leading.candidate = candidate
  }

  /// The first key of a cluster is the one that its founders were given; every other one is drawn.
  ///
  /// A current key that is nowhere to be had is replaced at once, in `remaining`.
  private func makeCandidate(
    _ leading: inout Leadership, _ actions: inout [Action]
  ) -> Candidate {
    if needs.current == nil, let founding = held.max() { return Candidate(key: founding) }
    leading.drawn += 1
    let key = leading.term.rawValue << 24 | leading.drawn
    actions.append(.draw(key))
    return Candidate(key: key)
  }

  /// Lets a change of voters begin once enough of them have the keys, and offers these to those that have not said so.
  private func change(
    _ leading: inout Leadership, _ actions: inout [Action], now: UInt64
  ) {
    guard var change = leading.change, !change.isMade else { return }
    let isTimeOver = now >= change.until
    // A key that nobody has named all this time, though a majority answers, is lost: to wait on brings nothing back.
    if needs.keys.allSatisfy({
      isHeld($0, byMajorityOf: change.voters, leading) || (isTimeOver && isLost($0, leading))
    }) {
      change.isMade = true
      actions.append(.change)
    } else if isTimeOver {
      leading.change = nil
      actions.append(.refuseChange)
      return
    } else if change.offeredAt.map({ now >= $0 + Schedule.retry }) ?? true {
      change.offeredAt = now
      for key in needs.keys where held.contains(key) {
        for voter in change.voters where !isHeld(key, by: voter, leading) {
          actions.append(.offer(key, to: voter))
        }
      }
    }
    leading.change = change
  }

  private func isHeld(_ key: UInt64, by member: ReplicaID, _ leading: Leadership) -> Bool {
    member == id ? held.contains(key) : leading.holders[key]?.contains(member) == true
  }

  /// Whether it is neither here, nor on its way, nor anywhere that has been heard of in this term.
  private func isLost(_ key: UInt64, _ leading: Leadership) -> Bool {
    !held.contains(key) && !keeping.contains(key) && leading.holders[key]?.isEmpty != false
  }

  private func isHeld(
    _ key: UInt64, byMajorityOf voters: [ReplicaID], _ leading: Leadership
  ) -> Bool {
    voters.count { isHeld(key, by: $0, leading) } > voters.count / 2
  }

  /// Whether a majority has it of those who vote, and of those who will after a change that is under way.
  private func isMajority(_ candidate: Candidate, of leading: Leadership) -> Bool {
    isHeld(candidate.key, byMajorityOf: voters, leading)
      && leading.change.map { isHeld(candidate.key, byMajorityOf: $0.voters, leading) } ?? true
  }

  /// How much of log time is left until the current key is so old; none if it cannot be used.
  private func remaining(until age: UInt64, at logTime: LogTime) -> UInt64 {
    guard let current = needs.current, held.contains(current) else { return 0 }
    let due = needs.since.advanced(milliseconds: age).rawValue
    return due - min(due, logTime.rawValue)
  }
}
