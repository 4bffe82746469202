internal import CRaft
internal import ExchangeTypes

/// How long a replica waits for a leader: longer while elections bear none.
///
/// Where everything takes longer than the election timeout (a machine with more work than processors, a disk that is
/// full of requests), votes come when their candidate stands in another term already, and nobody is ever elected.
///
/// ```
///             ┌──── another term has passed without a leader: doubled, eight times the configured at most ────┐
///             ▼                                                                                               │
/// the configured timeout ◄── a leader has been known for `steadyTimeouts`: halved ──── a longer timeout ◄─────┘
/// ```
/// One term without a leader is free: votes are split now and then. A doubling is taken back a step at a time: a leader
/// that was elected with patience is not deposed for want of it. Terms are what all members see, so they lengthen their
/// timeouts together, whoever of them stood.
struct ElectionPatience {
  /// So many configured timeouts with a leader take one doubling back.
  static let steadyTimeouts: UInt64 = 20

  /// Milliseconds, as configured.
  let base: UInt32
  /// How often `base` may be doubled.
  let doublingsMax: Int
  /// Terms that passed without a leader, as far as they count.
  private var inVain = 0
  private var term: Term
  /// Whether a leader of `term` has been known.
  ///
  /// What was before the start does not count against anybody.
  private var wasLed = true
  private var ledSince: UInt64?

  init(base: UInt32, doublingsMax: Int, term: Term) {
    self.base = base
    self.doublingsMax = doublingsMax
    self.term = term
  }

  /// How often the configured timeout is doubled now.
  var doublings: Int { max(0, inVain - 1) }

  /// Milliseconds without a leader until an election, randomised up to twice that.
  var timeout: UInt32 { base << UInt32(doublings) }

  /// How things stand after a step.
  ///
  /// - Parameters:
  ///   - term: the current term.
  ///   - now: milliseconds, on the engine's clock.
  ///   - isLed: whether its leader is known; of a leader, whether a majority has answered it.
  mutating func observe(_ term: Term, at now: UInt64, isLed: @autoclosure () -> Bool) {
    if term != self.term {
      if !wasLed { inVain = min(inVain + 1, doublingsMax + 1) }
      self.term = term
      wasLed = false
      ledSince = nil
    }
    guard inVain > 0 || !wasLed else { return }
    guard isLed() else {
      ledSince = nil
      return
    }
    wasLed = true
    let since = ledSince ?? now
    ledSince = since
    if doublings == 0 {
      inVain = 0
    } else if since + Self.steadyTimeouts * UInt64(base) <= now {
      inVain -= 1
      ledSince = now
    }
  }
}

extension RaftEngine {
  /// Gives libraft the timeout that is due after this step; a timer that runs is drawn again if it changes.
  func adjustPatience() {
    patience.observe(term, at: now, isLed: isLed)
    if raft.pointee.election_timeout != patience.timeout {
      raft_set_election_timeout(raft, patience.timeout)
    }
  }

  /// Whether the term has a leader that works, as far as this replica knows.
  private var isLed: Bool {
    switch role {
    case .follower(let leader): return leader != nil
    case .candidate: return false
    case .leader:
      let members = raft.pointee.configuration
      var voters = 0
      var answering = 0
      for place in 0..<Int(members.n) {
        let server = members.servers[place]
        guard server.role == Int32(RaftServer.Role.voter.rawValue) else { continue }
        let id = ReplicaID(server.id)
        voters += 1
        if id == configuration.id || contacts.lastHeard(from: id) != nil { answering += 1 }
      }
      return answering > voters / 2
    }
  }
}
