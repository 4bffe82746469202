import ExchangeTypes
import JobDispatch
import Testing

@Suite("The custody of wrapping keys, by transcripts")
struct KeyCustodyTests {
  /// One coordinator of three, at a time of its own.
  private struct Bench {
    var custody: KeyCustody
    var now: UInt64 = 0

    init(_ id: UInt64 = 1, held: [UInt64] = [1]) {
      custody = KeyCustody(
        id: ReplicaID(id), schedule: .init(interval: 10_000), held: held)
      custody.members = [1, 2, 3].map { ReplicaID($0) }
      custody.voters = custody.members
    }

    /// Takes an event and answers what it asks for; log time is the monotonic clock's here.
    mutating func take(_ event: KeyCustody.Event) -> String {
      custody.handle(event, now: now, logTime: LogTime(milliseconds: now))
        .map(describe).joined(separator: ", ")
    }
    mutating func state(_ current: UInt64?, since: UInt64 = 0, _ keys: [UInt64]) -> String {
      take(
        .state(
          .init(
            current: current, since: LogTime(milliseconds: since), keys: keys, rotates: true)))
    }
    /// Lets time pass to the next deadline.
    mutating func pass() -> String {
      now = max(now, custody.deadline(now: now, logTime: LogTime(milliseconds: now)))
      return "\(now): " + take(.tick)
    }

    private func describe(_ action: KeyCustody.Action) -> String {
      switch action {
      case .draw(let key): "draw \(name(key))"
      case .keep(let key): "keep \(name(key))"
      case .destroy(let keys): "destroy \(keys.map(name).joined(separator: " "))"
      case .offer(let key, let peer): "offer \(name(key)) to \(peer)"
      case .accept(let key, let peer): "accept \(name(key)) to \(peer)"
      case .ask(let key, let peer): "ask \(peer) for \(name(key))"
      case .announce(let key): "announce \(name(key))"
      case .lead: "lead"
      case .change: "change"
      case .refuseChange: "refuse"
      }
    }
    /// A key by the term that drew it and its place in that term.
    private func name(_ key: UInt64) -> String {
      key < 1 << 24 ? "\(key)" : "\(key >> 24)/\(key & 0xFF_FFFF)"
    }
  }

  private static func key(_ term: UInt64, _ place: UInt64 = 1) -> UInt64 { term << 24 | place }

  @Test("voters change only when most of those that there will be have every key that is needed")
  func changingVoters() {
    var bench = Bench(held: [1, 2])
    let next = [1, 2, 4].map { ReplicaID($0) }
    _ = bench.state(2, [1, 2])
    _ = bench.take(.began(Term(2)))
    #expect(
      bench.take(.changing(to: next)) == "offer 1 to 2, offer 1 to 4, offer 2 to 2, offer 2 to 4")
    #expect(bench.take(.accepted(1, by: ReplicaID(2))) == "")
    #expect(bench.take(.accepted(2, by: ReplicaID(3))) == "", "he will have no vote")
    #expect(bench.take(.accepted(2, by: ReplicaID(4))) == "change", "each key has two of three")
    #expect(bench.take(.accepted(2, by: ReplicaID(2))) == "")

    // Until it is over the next key must be with most of both.
    #expect(bench.pass() == "7500: draw 2/1")
    #expect(bench.take(.kept(Self.key(2))) == "offer 2/1 to 2, offer 2/1 to 3")
    #expect(bench.take(.accepted(Self.key(2), by: ReplicaID(3))) == "")
    #expect(bench.take(.accepted(Self.key(2), by: ReplicaID(2))) == "")
    #expect(bench.pass() == "10000: announce 2/1")
  }

  @Test(
    "a change of voters is not begun whose keys nobody confirms, nor without what the leader lacks")
  func changingVotersInVain() {
    var bench = Bench()
    _ = bench.state(1, [1])
    _ = bench.take(.began(Term(2)))
    #expect(bench.take(.changing(to: [1, 4].map { ReplicaID($0) })) == "offer 1 to 4")
    for moment in stride(from: 500, to: 5_000, by: 500) {
      #expect(bench.pass() == "\(moment): offer 1 to 4")
    }
    #expect(bench.pass() == "5000: refuse")
    #expect(bench.take(.accepted(1, by: ReplicaID(4))) == "", "it is too late")
    #expect(bench.take(.changing(to: [1, 4].map { ReplicaID($0) })) == "change", "and known now")
    #expect(bench.take(.changed) == "")
    // What was said to another leadership counts for nothing.
    _ = bench.take(.ceased)
    #expect(bench.take(.changing(to: [1, 4].map { ReplicaID($0) })) == "")
    #expect(bench.take(.began(Term(3))) == "lead")
    #expect(bench.take(.changing(to: [1, 4].map { ReplicaID($0) })) == "offer 1 to 4")

    var lacking = Bench(held: [])
    _ = lacking.state(1, [1])
    _ = lacking.take(.began(Term(2)))
    lacking.now = 3_000
    #expect(lacking.take(.tick).contains("lead"))
    #expect(lacking.take(.changing(to: [1, 2, 3].map { ReplicaID($0) })) == "")
    #expect(lacking.take(.accepted(1, by: ReplicaID(2))) == "")
    #expect(lacking.take(.accepted(1, by: ReplicaID(3))) == "change")
  }

  @Test(
    "a key that nobody names is lost: members may change without it; one that is lacking again is not there"
  )
  func changingVotersWithoutALostKey() {
    var bench = Bench(held: [2])
    _ = bench.state(2, [1, 2])
    _ = bench.take(.began(Term(2)))
    bench.now = 3_000
    #expect(bench.take(.tick).hasSuffix("lead"))
    let next = [1, 2].map { ReplicaID($0) }
    #expect(bench.take(.changing(to: next)) == "offer 2 to 2")
    #expect(bench.take(.accepted(2, by: ReplicaID(2))) == "")
    #expect(bench.take(.asked(2, by: ReplicaID(2))) == "offer 2 to 2", "he has it no more")
    bench.now += 5_000
    #expect(bench.take(.tick).contains("refuse"))
    #expect(bench.take(.changing(to: next)) == "offer 2 to 2")
    #expect(bench.take(.accepted(2, by: ReplicaID(2))) == "")
    bench.now += 5_000
    #expect(bench.take(.tick).contains("change"), "nobody has had 1 for five seconds")

    _ = bench.take(.changed)
    #expect(bench.take(.offered(1, by: ReplicaID(3))) == "keep 1", "somebody has it")
    _ = bench.take(.notKept(1))
    #expect(bench.take(.changing(to: next)) == "")
    bench.now += 5_000
    #expect(bench.take(.tick).contains("refuse"), "it is not lost, and not where it must be")
  }

  @Test("the founding key is announced once a majority says that it is durable there")
  func founding() {
    var bench = Bench()
    #expect(bench.state(nil, []) == "")
    #expect(bench.custody.sealing == nil, "nothing is sealed before a key is announced")
    #expect(bench.take(.began(Term(2))) == "lead, offer 1 to 2, offer 1 to 3")
    #expect(bench.custody.sealing == nil)
    #expect(bench.pass() == "500: offer 1 to 2, offer 1 to 3", "what is not answered is said again")
    #expect(bench.take(.accepted(1, by: ReplicaID(3))) == "announce 1")
    #expect(bench.custody.sealing == 1, "whatever is proposed from here on comes behind it")
    #expect(bench.take(.accepted(1, by: ReplicaID(2))) == "")
    #expect(bench.state(1, since: 500, [1]) == "")
  }

  @Test(
    "the next key is made ahead of need, is everywhere before it is used, and then comes the next")
  func rotation() {
    var bench = Bench()
    _ = bench.state(1, [1])
    #expect(bench.take(.began(Term(2))) == "lead")
    #expect(bench.pass() == "7500: draw 2/1")
    #expect(bench.take(.accepted(Self.key(2), by: ReplicaID(2))) == "", "nobody was offered it yet")
    #expect(bench.take(.kept(Self.key(2))) == "", "two of three have it; its hour has not come")
    #expect(bench.custody.sealing == 1)
    #expect(bench.pass() == "10000: announce 2/1")
    #expect(bench.custody.sealing == Self.key(2))
    #expect(bench.state(Self.key(2), since: 10_000, [1, Self.key(2)]) == "", "jobs need the first")
    #expect(bench.state(Self.key(2), since: 10_000, [Self.key(2)]) == "destroy 1")
    #expect(bench.pass() == "17500: draw 2/2")
  }

  @Test("a key that no majority has is never announced, however often it is offered")
  func minority() {
    var bench = Bench()
    _ = bench.state(1, [1])
    _ = bench.take(.began(Term(4)))
    #expect(bench.pass() == "7500: draw 4/1")
    #expect(bench.take(.kept(Self.key(4))) == "offer 4/1 to 2, offer 4/1 to 3")
    for round in 1...20 {
      #expect(bench.pass() == "\(7_500 + round * 500): offer 4/1 to 2, offer 4/1 to 3")
    }
    #expect(bench.custody.sealing == 1, "the former one goes on meanwhile")
    #expect(bench.take(.accepted(Self.key(3), by: ReplicaID(2))) == "", "another key's")
    #expect(bench.take(.accepted(Self.key(4), by: ReplicaID(2))) == "announce 4/1")
    #expect(bench.take(.notAnnounced) == "", "the log did not take it")
    #expect(bench.custody.sealing == 1)
    #expect(bench.pass() == "18000: announce 4/1")
  }

  @Test("a voter that was added counts: a majority of two is none of four")
  func membership() {
    var bench = Bench()
    _ = bench.state(1, [1])
    _ = bench.take(.began(Term(2)))
    _ = bench.pass()
    _ = bench.take(.kept(Self.key(2)))
    bench.custody.members = [1, 2, 3, 4].map { ReplicaID($0) }
    bench.custody.voters = bench.custody.members
    _ = bench.take(.accepted(Self.key(2), by: ReplicaID(2)))
    bench.now = 20_000
    #expect(bench.take(.tick) == "offer 2/1 to 3, offer 2/1 to 4")
    #expect(bench.take(.accepted(Self.key(2), by: ReplicaID(4))) == "announce 2/1")
  }

  @Test(
    "a follower keeps what it is offered, says so once it is durable, and destroys by the state alone"
  )
  func follower() {
    var bench = Bench(2)
    _ = bench.state(1, [1])
    #expect(bench.take(.offered(Self.key(2), by: ReplicaID(1))) == "keep 2/1")
    #expect(bench.take(.offered(Self.key(2), by: ReplicaID(1))) == "", "it is being written")
    #expect(bench.take(.kept(Self.key(2))) == "accept 2/1 to 1")
    #expect(bench.take(.offered(Self.key(2), by: ReplicaID(1))) == "keep 2/1", "said again")
    #expect(bench.take(.kept(Self.key(2))) == "accept 2/1 to 1")
    // Its leader died before it announced the key; another one has drawn its own.
    #expect(bench.take(.offered(Self.key(3), by: ReplicaID(3))) == "keep 3/1")
    #expect(bench.take(.notKept(Self.key(3))) == "", "the disk was full: no acceptance")
    #expect(bench.take(.offered(Self.key(3), by: ReplicaID(3))) == "keep 3/1")
    #expect(bench.take(.kept(Self.key(3))) == "accept 3/1 to 3")
    #expect(bench.state(Self.key(3), [Self.key(3)]) == "destroy 1 2/1")
    #expect(bench.take(.notDestroyed([1, Self.key(2)])) == "")
    #expect(bench.pass() == "500: destroy 1 2/1", "tried again")
    #expect(bench.take(.destroyed([1, Self.key(2)])) == "")
    #expect(
      bench.take(.offered(1, by: ReplicaID(1))) == "", "what was long under way is not taken back")
    #expect(bench.take(.asked(1, by: ReplicaID(1))) == "", "nor given")
    #expect(bench.take(.asked(Self.key(3), by: ReplicaID(1))) == "offer 3/1 to 1")
  }

  @Test(
    "who lacks a key that the state needs asks all others, again and again, and stops when it is there"
  )
  func rejoining() {
    var bench = Bench(3)
    #expect(bench.state(Self.key(2), [1, Self.key(2)]) == "ask 1 for 2/1, ask 2 for 2/1")
    #expect(bench.pass() == "500: ask 1 for 2/1, ask 2 for 2/1")
    #expect(bench.pass() == "1500: ask 1 for 2/1, ask 2 for 2/1")
    #expect(bench.take(.offered(Self.key(2), by: ReplicaID(1))) == "keep 2/1")
    #expect(bench.take(.kept(Self.key(2))) == "accept 2/1 to 1")
    #expect(bench.custody.missing.isEmpty && bench.custody.sealing == Self.key(2))
    #expect(bench.pass() == "3500: ")
    #expect(bench.custody.deadline(now: 3_500, logTime: LogTime(milliseconds: 3_500)) == .max)
  }

  @Test(
    "a leader waits for the keys that it lacks; if nobody has them it begins, and makes a new one at once"
  )
  func leaderWithoutKeys() {
    var bench = Bench(held: [])
    _ = bench.state(Self.key(2), [Self.key(2)])
    #expect(bench.take(.began(Term(5))) == "ask 2 for 2/1, ask 3 for 2/1")
    #expect(bench.take(.offered(Self.key(2), by: ReplicaID(2))) == "keep 2/1")
    #expect(bench.take(.kept(Self.key(2))) == "accept 2/1 to 2, lead")

    var lost = Bench(held: [])
    _ = lost.state(Self.key(2), [Self.key(2)])
    _ = lost.take(.began(Term(5)))
    lost.now = 2_999
    #expect(!lost.take(.tick).contains("lead"))
    lost.now = 3_000
    #expect(lost.take(.tick).hasSuffix("lead, draw 5/1"))
    #expect(lost.custody.sealing == nil)
    #expect(lost.take(.kept(Self.key(5))).hasSuffix("offer 5/1 to 2, offer 5/1 to 3"))
    #expect(lost.take(.accepted(Self.key(5), by: ReplicaID(2))) == "announce 5/1")
    #expect(lost.custody.sealing == Self.key(5))
  }

  @Test("before state version 3 nothing is announced, offered or drawn: the founding key seals")
  func olderState() {
    var bench = Bench()
    let needs = KeyCustody.Needs(
      current: nil, since: LogTime(milliseconds: 0), keys: [1], rotates: false)
    #expect(bench.take(.state(needs)) == "")
    #expect(bench.take(.began(Term(2))) == "lead")
    #expect(bench.custody.sealing == 1)
    bench.now = 1_000_000
    #expect(bench.take(.tick) == "")
  }
}
