import Consensus
import Crypto
import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: delegations")
struct DelegationTests {
  /// Whoever signs: the holder of the root key unless another is said.
  private let signer = Curve25519.Signing.PrivateKey()

  private func delegation(
    _ id: UInt64, cluster: ClusterID = LeaderBench.cluster, parent: KeyID = KeyID(1),
    scopes: Scopes = [.submit, .read], total: Credits? = nil, models: [String] = [],
    from notBefore: UInt64 = 0, to expires: UInt64 = FakeWallClock.start + 3_600,
    by other: Curve25519.Signing.PrivateKey? = nil
  ) throws -> Credential {
    let delegation = Delegation(
      cluster: cluster, parent: parent, id: DelegationID(high: 1, low: id), name: "agent",
      scopes: scopes, perDay: nil, perMonth: nil, total: total, models: models,
      notBefore: notBefore, expires: expires, secretHash: [UInt8](repeating: 8, count: 32))
    let signature = try (other ?? signer).signature(for: SignedDelegation.signed(delegation))
    return Credential(SignedDelegation(delegation, signature: [UInt8](signature)))
  }

  private func bind(_ bench: LeaderBench) throws {
    let bound = try bench.call(
      .delegationKeySet(
        .init(key: KeyID(0), signer: [UInt8](signer.publicKey.rawRepresentation)))
    ).last(DelegationListing.self)
    #expect(bound.clusterID == LeaderBench.cluster && bound.key == KeyID(1))
  }

  @Test(
    "a row that is kept for ever has a deadline like others: a leader wakes for it now and then")
  func endOfTime() {
    func wake(_ deadline: UInt64) -> UInt64 {
      Dispatcher.wake(
        for: LogTime(rawValue: deadline), at: LogTime(rawValue: 5_000), clock: 70_000)
    }
    #expect(wake(4_000) == 70_000 && wake(5_000) == 70_000 && wake(5_250) == 70_250)
    #expect(wake(.max) == 3_670_000)
  }

  @Test("what a leader does not know is refused only while a majority takes it for the leader")
  func unsureOfTheLead() throws {
    let bench = try LeaderBench(voters: 3)
    let created = try bench.call(
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: AccountID(1), name: "old", scopes: .read,
          secretHash: [UInt8](repeating: 7, count: 32), lifetimeMs: nil))
    ).last(KeyReport.self)
    let dead = Credential(
      key: created.summary.key, secretHash: [UInt8](repeating: 7, count: 32))
    #expect(bench.call(.keyRevoke(.init(key: dead.key))).failure == nil)
    let strangers: [(Credential, ErrorCode)] = [
      (Credential(key: KeyID(99), secretHash: LeaderBench.secret), .unauthenticated),
      (
        Credential(key: KeyID(1), secretHash: [UInt8](repeating: 6, count: 32)), .unauthenticated
      ),
      (try delegation(1), .delegationRevoked),
    ]
    for (credential, code) in strangers {
      #expect(bench.call(.modelList(.init()), credential).failure == code)
    }

    bench.others.areCutOff = true
    let asked = strangers.map { bench.call(.modelList(.init()), $0.0) }
    let gone = bench.open(.call, strangers[0].0)
    bench.close(gone)
    // No more of what he says is kept than somebody says who has not been answered.
    let flood = bench.open(.call, strangers[0].0)
    for _ in 0..<Newcomer.messagesMax { bench.say(.modelList(.init()), on: flood) }
    #expect(flood.sent.isEmpty)
    for _ in 0..<3 { bench.say(.modelList(.init()), on: flood) }
    #expect(flood.failure == .overloaded && flood.sent.count == 1 && flood.isFinished)
    for peer in asked { #expect(peer.sent.isEmpty && !peer.isReading) }
    // What does not change is said at once.
    #expect(bench.call(.modelList(.init()), dead).failure == .unauthenticated)
    #expect(bench.call(.modelList(.init()), nil).failure == .unauthenticated)
    bench.advance(5 * bench.replica.electionTimeout)
    #expect(bench.replica.role != .leader)
    for peer in asked { #expect(peer.failure == .notLeader && peer.isFinished) }
    #expect(gone.sent.isEmpty && flood.sent.count == 1)
  }

  @Test("each refusal in its order, and nothing of what is refused is in the log")
  func refusals() throws {
    let bench = try LeaderBench()
    let other = Curve25519.Signing.PrivateKey()
    let before = bench.replica.commitIndex
    let now = FakeWallClock.start
    func expect(_ code: ErrorCode, _ reason: String?, of credential: Credential) {
      let peer = bench.call(.modelList(.init()), credential)
      #expect(peer.failure == code && peer.isFinished)
      let given = peer.all(Failure.self).last?.details.first { $0.name == "reason" }?.value
      #expect(given == reason, "\(code)")
    }
    // Each has all the faults of those behind it.
    expect(
      .delegationReplayed, nil,
      of: try delegation(
        1, cluster: ClusterID(8), parent: KeyID(99), scopes: .admin, from: now + 1, by: other))
    expect(
      .delegationRevoked, "parent",
      of: try delegation(1, parent: KeyID(99), scopes: .admin, from: now + 1, by: other))
    expect(
      .delegationRevoked, "not_bound",
      of: try delegation(1, scopes: .admin, from: now + 1, by: other))
    #expect(bench.replica.commitIndex == before)
    try bind(bench)
    let bound = bench.replica.commitIndex
    expect(.delegationForged, nil, of: try delegation(1, scopes: .admin, from: now + 1, by: other))
    expect(
      .delegationExpired, "not_yet_valid", of: try delegation(1, scopes: .admin, from: now + 1))
    expect(.delegationExpired, "ended", of: try delegation(1, scopes: .admin, to: now))
    expect(.delegationWidened, nil, of: try delegation(1, scopes: .admin))
    expect(.delegationWidened, nil, of: try delegation(1, to: .max))
    #expect(bench.replica.commitIndex == bound)
  }

  @Test(
    "the first use is one entry, further ones none; revoking it ends its streams at once, and for good"
  )
  func life() throws {
    let bench = try LeaderBench()
    try bind(bench)
    let agent = try delegation(1, models: ["m"])
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let stream = bench.open(.job, agent)
    bench.say(.submit(bench.submission()), on: stream)
    let job = try slot.last(Assign.self).job
    #expect(stream.isReading && stream.failure == nil)
    #expect(try stream.last(Accepted.self).job == job)
    func admissions() throws -> Int {
      try bench.commands(after: LogIndex(0)).count {
        if case .delegationAdmit = $0 { true } else { false }
      }
    }
    #expect(try admissions() == 1)
    #expect(bench.call(.modelList(.init()), agent).failure == nil)
    #expect(try admissions() == 1)
    #expect(
      bench.call(
        .keyCreate(
          .init(
            requestKey: bench.requestKey(), account: AccountID(1), name: "k", scopes: .submit,
            secretHash: [UInt8](repeating: 4, count: 32), lifetimeMs: nil)), agent
      ).failure == .forbidden)
    // A key of the same secret and another delegation is another one.
    let listed = try bench.call(.delegationList(.init(key: KeyID(0), after: 0, limit: 9)))
      .last(DelegationListing.self)
    let summary = try #require(listed.delegations.first)
    #expect(listed.delegations.count == 1 && summary.live && summary.models == ["m"])
    #expect((summary.budget?.held ?? .zero) > .zero && summary.parent == KeyID(1))
    let revoked = try bench.call(
      .delegationRevoke(.init(key: KeyID(0), delegation: summary.delegation))
    ).last(DelegationReport.self).summary
    #expect(!revoked.live && revoked.key == summary.key)
    #expect(stream.failure == .unauthenticated && stream.isFinished)
    #expect(bench.call(.modelList(.init()), agent).failure == .delegationRevoked)
    bench.wallClock.secondsSince1970 += 3_600
    #expect(bench.call(.modelList(.init()), agent).failure == .delegationExpired)
    #expect(try admissions() == 1)
    let unused = try delegation(2)
    let never = try bench.call(
      .delegationRevoke(.init(key: KeyID(0), delegation: DelegationID(high: 1, low: 2)))
    ).last(DelegationReport.self).summary
    #expect(!never.live && never.key == KeyID(0))
    bench.wallClock.secondsSince1970 -= 3_600
    #expect(bench.call(.modelList(.init()), unused).failure == .delegationRevoked)
    #expect(try admissions() == 1)
  }

  @Test("what was signed ends by the clock, also where log time stood still or was restored")
  func ends() throws {
    let bench = try LeaderBench()
    try bind(bench)
    let agent = try delegation(1)
    #expect(bench.call(.modelList(.init()), agent).failure == nil)
    let key = try #require(
      bench.replica.exchange.delegations(of: KeyID(1), limit: 9).first?.use?.key)
    bench.wallClock.secondsSince1970 += 3_599
    #expect(bench.call(.modelList(.init()), agent).failure == nil)
    bench.wallClock.secondsSince1970 += 1
    #expect(bench.replica.exchange.key(key)?.isDead(at: bench.replica.exchange.logTime) == false)
    #expect(bench.call(.modelList(.init()), agent).failure == .delegationExpired)
  }

  @Test("a wrong secret opens nothing, also where the right one does")
  func secret() throws {
    let bench = try LeaderBench()
    try bind(bench)
    let agent = try delegation(1)
    #expect(bench.call(.modelList(.init()), agent).failure == nil)
    let key = try #require(
      try bench.call(.delegationList(.init(key: KeyID(0), after: 0, limit: 9)))
        .last(DelegationListing.self).delegations.first?.key)
    let wrong = Credential(key: key, secretHash: [UInt8](repeating: 1, count: 32))
    #expect(bench.call(.modelList(.init()), wrong).failure == .unauthenticated)
  }

  @Test(
    "a delegated key reads the jobs that it submitted; of its siblings' nobody tells it that they are there"
  )
  func ownJobs() throws {
    let bench = try LeaderBench()
    try bind(bench)
    let agent = try delegation(1)
    let other = try delegation(2)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.say(.submit(bench.submission()), on: bench.open(.job, agent))
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    worker.finish(assign, output(1...3), on: slot)
    let questions: [Message] = [
      .jobQuery(.init(job: assign.job)), .receiptQuery(.init(job: assign.job)),
      .jobWhyQuery(.init(job: assign.job)),
    ]
    for (credential, isOwn) in [(agent, true), (LeaderBench.root, true), (other, false)] {
      let code: ErrorCode? = isOwn ? nil : .unknownJob
      for question in questions { #expect(bench.call(question, credential).failure == code) }
      #expect(bench.follow(assign.job, attach: false, as: credential).failure == code)
      let listed = try bench.call(.jobList(.init(after: JobID(0), limit: 9)), credential)
        .last(JobListing.self)
      #expect(listed.jobs.count == (isOwn ? 1 : 0) && !listed.more)
    }
    bench.call(.purge(.init(jobs: [assign.job])))
    for question in questions {
      #expect(bench.call(question, agent).failure == .outputExpired)
      #expect(bench.call(question, other).failure == .unknownJob)
    }
  }

  @Test("who draws on a budget is told of the keys below it, and a delegated key of itself")
  func visibleKeys() throws {
    let bench = try LeaderBench()
    let account = try bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "a", kind: .consumer))
    ).last(AccountReport.self).summary.account
    let budget = try bench.call(
      .budgetCreate(
        .init(
          requestKey: bench.requestKey(), account: account, parent: BudgetID(0), level: .team,
          name: "t", perDay: nil, perMonth: nil, total: nil))
    ).last(BudgetReport.self).summary.budget
    func key(_ seed: UInt8, budget: BudgetID?) throws -> (id: KeyID, credential: Credential) {
      let hash = [UInt8](repeating: seed, count: 32)
      let make: Message =
        budget.map {
          Message.budgetKeyCreate(
            .init(
              requestKey: bench.requestKey(), account: account, name: "k",
              scopes: [.submit, .read],
              secretHash: hash, lifetimeMs: nil, budget: $0))
        }
        ?? Message.keyCreate(
          .init(
            requestKey: bench.requestKey(), account: account, name: "k", scopes: [.submit, .read],
            secretHash: hash, lifetimeMs: nil))
      let id = try bench.call(make).last(KeyReport.self).summary.key
      return (id, Credential(key: id, secretHash: hash))
    }
    let free = try key(21, budget: nil)
    let bounded = try key(22, budget: budget)
    let sibling = try key(23, budget: budget)
    let binding = DelegationKeySet(
      key: KeyID(0), signer: [UInt8](signer.publicKey.rawRepresentation))
    #expect(bench.call(.delegationKeySet(binding), bounded.credential).failure == nil)
    let agent = try delegation(1, parent: bounded.id)
    func listed(_ credential: Credential) throws -> [KeyID] {
      try bench.call(.keyList(.init(account: AccountID(0))), credential)
        .last(KeyListing.self).keys.map(\.key)
    }
    let own = try #require(try listed(agent).first)
    #expect(try listed(agent) == [own])
    #expect(try listed(free.credential) == [free.id, bounded.id, sibling.id, own])
    #expect(try listed(bounded.credential) == [bounded.id, own])
    #expect(try listed(sibling.credential) == [sibling.id])
    for (credential, seen) in [
      (free.credential, [free.id, bounded.id, sibling.id]), (bounded.credential, [bounded.id]),
      (sibling.credential, [sibling.id]), (agent, []),
    ] {
      for key in [free.id, bounded.id, sibling.id] {
        let list = DelegationList(key: key, after: 0, limit: 9)
        #expect(
          bench.call(.delegationList(list), credential).failure
            == (seen.contains(key) ? nil : .notFound))
      }
    }
  }

  @Test("of the models that a request names, a delegated key gets one that was signed for it")
  func models() throws {
    let bench = try LeaderBench()
    try bind(bench)
    let agent = try delegation(1, models: ["x"])
    let slot = try WorkerPeer(bench).park()
    let delegated = try WorkerPeer(bench, "v", model: "x").park()
    let messages = #""max_tokens":40,"messages":[{"role":"user","content":"hi"}]}"#
    let either = Array((#"{"model":"m","models":["x"],"# + messages).utf8)
    bench.say(.submit(bench.submission(body: either)), on: bench.open(.job, agent))
    #expect(slot.all(Assign.self).isEmpty)
    #expect(try delegated.last(Assign.self).model == "x")
    let neither = Array((#"{"model":"m","models":["y"],"# + messages).utf8)
    let refused = bench.open(.job, agent)
    bench.say(.submit(bench.submission(body: neither)), on: refused)
    #expect(refused.failure == .modelNotDelegated)
  }
}
