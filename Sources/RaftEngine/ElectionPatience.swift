internal import CRaft
internal import ExchangeTypes

/// How long a replica waits for a leader: longer once votes have come too late.
///
/// Where everything takes longer than the election timeout (a machine with more work than processors, a disk that is
/// full of requests), votes come when their candidate stands in another term already, and nobody is ever elected.
///
/// ```
///             ┌──── a vote comes for a term that is over: doubled, eight times the configured at most ────┐
///             ▼                                                                                           │
/// the configured timeout ◄── a leader has been known for `steadyTimeouts`: halved ── a longer timeout ◄───┘
/// ```
/// A vote that was never given, or is lost, says nothing of the kind: after a crash or a partition the next election comes as
/// soon as ever. Nor do many at once: a voter that stood still has answered all that waited for it, and is quick again; so they
/// count once in a configured timeout. A doubling is taken back a step at a time: a leader that was elected with patience is not deposed for want
/// of it.
struct ElectionPatience {
  /// So many configured timeouts with a leader take one doubling back.
  static let steadyTimeouts: UInt64 = 20

  /// Milliseconds, as configured.
  let base: UInt32
  /// How often `base` may be doubled.
  let doublingsMax: Int
  /// How often the configured timeout is doubled now.
  private(set) var doublings = 0
  /// The last term for which a vote came too late: all that come for one term count once.
  private var lateTerm = Term(0)
  /// When the timeout may be doubled next.
  private var nextDoubling: UInt64 = 0
  private var ledSince: UInt64?

  init(base: UInt32, doublingsMax: Int) {
    self.base = base
    self.doublingsMax = doublingsMax
  }

  /// Milliseconds without a leader until an election, randomised up to twice that.
  var timeout: UInt32 { base << UInt32(doublings) }

  /// This replica was given a vote for a term that is over.
  ///
  /// - Parameters:
  ///   - term: the term.
  ///   - now: milliseconds, on the engine's clock.
  mutating func noteLateVote(of term: Term, at now: UInt64) {
    guard term > lateTerm else { return }
    lateTerm = term
    guard now >= nextDoubling else { return }
    nextDoubling = now + UInt64(base)
    doublings = min(doublings + 1, doublingsMax)
    ledSince = nil
  }

  /// How things stand after a step.
  ///
  /// - Parameters:
  ///   - now: milliseconds, on the engine's clock.
  ///   - isLed: whether the term's leader is known; of a leader, whether a majority has answered it.
  mutating func observe(at now: UInt64, isLed: @autoclosure () -> Bool) {
    guard doublings > 0 else { return }
    guard isLed() else {
      ledSince = nil
      return
    }
    let since = ledSince ?? now
    ledSince = since
    if since + Self.steadyTimeouts * UInt64(base) <= now {
      doublings -= 1
      ledSince = now
    }
  }
}

extension RaftEngine {
  /// Gives libraft the timeout that is due after this step; a timer that runs is drawn again if it changes.
  func adjustPatience() {
    patience.observe(at: now, isLed: isLed)
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
