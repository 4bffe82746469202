import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The leader: refusals")
struct LeaderRefusalTests {
  @Test("a large body is sealed only for a job that there will be, and a dry run seals nothing")
  func sealedLast() throws {
    let bench = try LeaderBench()
    let body = LeaderBench.body(bytes: 50_000)
    #expect(bench.submit(body: body).failure == .modelNotFound)
    let poor = try bench.poorCredential()
    _ = try WorkerPeer(bench)
    let peer = bench.open(.job, poor)
    bench.say(.submit(bench.submission(body: body)), on: peer)
    #expect(peer.failure == .insufficientCredit)
    let dryRun = DryRun(
      requestKey: bench.requestKey(), endpoint: .chatCompletions, model: "m", body: body,
      maxInputPrice: nil, maxOutputPrice: nil, servedOnly: false)
    _ = try bench.call(.dryRun(dryRun)).last(JobWhyReport.self)
    #expect(bench.sealer.made == 0)
    _ = try bench.submit(body: body).last(WireProtocol.Accepted.self)
    #expect(bench.sealer.made == 1)
  }

  @Test(
    "a disk that is nearly full takes no new job, answers for an old one, and takes one when there is room"
  )
  func nearlyFullDisk() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    func submit(_ key: RequestKey) -> Peer {
      let peer = bench.open(.job)
      bench.say(.submit(bench.submission(mode: .submitted, key: key)), on: peer)
      return peer
    }
    let (old, new) = (bench.requestKey(), bench.requestKey())
    let job = try submit(old).last(WireProtocol.Accepted.self).job
    bench.store.isNearlyFull = true
    let refused = submit(new)
    #expect(refused.failure == .storageFull)
    #expect(refused.isFinished)
    let again = try submit(old).last(WireProtocol.Accepted.self)
    #expect(again.job == job && again.duplicate)
    bench.store.isNearlyFull = false
    #expect(try !submit(new).last(WireProtocol.Accepted.self).duplicate)
  }

  @Test(
    "a disk that is all but full ends what grows, with what it has, and begins nothing until there is room"
  )
  func spentDisk() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    bench.advance(60)
    let waiting = bench.submit()
    (bench.store.isNearlyFull, bench.store.isSpent) = (true, true)
    let next = worker.park()
    bench.advance(500)
    #expect(next.all(Assign.self).isEmpty)
    worker.chunk(assign, output(4...5), on: slot)
    let summary = try reader.last(Ended.self).summary
    #expect(summary.error == ErrorCode.storageFull.rawValue && reader.events == output(1...5))
    #expect(summary.outputTokens == TokenCount(5) && summary.charge > .zero)
    #expect(try bench.job(assign.job).held == .zero)
    (bench.store.isNearlyFull, bench.store.isSpent) = (false, false)
    bench.call(
      .accountCredit(
        .init(requestKey: bench.requestKey(), account: AccountID(1), amount: Credits(nano: 1))))
    #expect(next.all(Assign.self).count == 1 && waiting.failure == nil)
  }

  @Test(
    "a stream that always has more than a checkpoint takes is ended by a disk that is all but full")
  func spentDiskUnderAHeavyStream() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...12, bytes: 4_096), on: slot)
    bench.advance(60)
    #expect(try bench.job(assign.job).record.lastSeq < 12)
    (bench.store.isNearlyFull, bench.store.isSpent) = (true, true)
    bench.advance(60)
    let summary = try reader.last(Ended.self).summary
    #expect(summary.error == ErrorCode.storageFull.rawValue && reader.events.count == 12)
  }

  @Test("what comes again under its request key does nothing, and is counted by what it is")
  func repetitions() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let key = bench.requestKey()
    func submit() throws -> WireProtocol.Accepted {
      let peer = bench.open(.job)
      bench.say(.submit(bench.submission(mode: .submitted, key: key)), on: peer)
      return try peer.last(WireProtocol.Accepted.self)
    }
    let accountKey = bench.requestKey()
    func create() throws -> AccountID {
      let peer = bench.call(
        .accountCreate(.init(requestKey: accountKey, name: "x", kind: .consumer)))
      return try peer.last(AccountReport.self).summary.account
    }
    let job = try submit().job
    let account = try create()
    #expect(bench.repeated == [])
    #expect(try submit().job == job && create() == account)
    #expect(bench.repeated == [.submit, .request])
    #expect(bench.refused == [])
  }

  @Test(
    "every order with a request key is carried out once, and answered the second time as the first")
  func repeatedOrders() throws {
    let bench = try LeaderBench()
    let hash = [UInt8](repeating: 5, count: 32)
    let account = try bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "y", kind: .consumer))
    ).last(AccountReport.self).summary.account
    let budget = try bench.call(
      .budgetCreate(
        .init(
          requestKey: bench.requestKey(), account: account, parent: BudgetID(0), level: .team,
          name: "t", perDay: nil, perMonth: nil, total: nil))
    ).last(BudgetReport.self).summary.budget
    let leg = TransferLeg(debit: AccountID(1), credit: account, amount: Credits(nano: 5))
    let orders: [Message] = [
      .accountCreate(.init(requestKey: bench.requestKey(), name: "x", kind: .consumer)),
      .accountCredit(
        .init(requestKey: bench.requestKey(), account: account, amount: Credits(nano: 1_000))),
      .keyCreate(
        .init(
          requestKey: bench.requestKey(), account: account, name: "k", scopes: .read,
          secretHash: hash, lifetimeMs: nil)),
      .budgetKeyCreate(
        .init(
          requestKey: bench.requestKey(), account: account, name: "b", scopes: .read,
          secretHash: hash, lifetimeMs: nil, budget: budget)),
      .budgetCreate(
        .init(
          requestKey: bench.requestKey(), account: account, parent: BudgetID(0), level: .team,
          name: "u", perDay: nil, perMonth: nil, total: nil)),
      .transferPost(.init(requestKey: bench.requestKey(), legs: [leg])),
    ]
    func answer(_ order: Message) throws -> [UInt8] {
      let peer = bench.call(order)
      #expect(peer.failure == nil, "\(order)")
      var answer = try #require(peer.sent.last)
      // A transfer's answer says that it is the second one, and is the same otherwise.
      if let report = answer as? TransferReport {
        answer = TransferReport(entries: report.entries, duplicate: false)
      }
      var writer = CanonicalWriter()
      answer.encode(into: &writer)
      return writer.bytes
    }
    for (place, order) in orders.enumerated() {
      let first = try answer(order)
      let after = bench.replica.exchange.digest
      #expect(bench.repeated.count == place)
      #expect(try answer(order) == first, "\(order)")
      #expect(bench.replica.exchange.digest == after, "\(order)")
    }
    #expect(bench.repeated == Array(repeating: .request, count: orders.count))
  }

  @Test(
    "every code has one sentence that says what is wrong, and one that says what would be right")
  func sentences() {
    for code in ErrorCode.allCases {
      for text in [code.meaning, code.remedy] {
        #expect(text.hasSuffix(".") && text.first?.isUppercase == true, "\(code): \(text)")
      }
      #expect(!code.name.contains("_") || !code.sentence().contains(code.name), "\(code)")
    }
  }

  @Test(
    "what the state machine refuses says what was wrong, with its numbers, and what would be right, once"
  )
  func rejections() throws {
    let bench = try LeaderBench()
    let poor = try bench.poorCredential()
    func message(_ peer: Peer, _ code: ErrorCode) throws -> String {
      let failure = try peer.last(Failure.self)
      #expect(failure.errorCode == code)
      #expect(!failure.message.contains(code.name) && failure.message.contains("; "))
      return failure.message
    }
    let scope = bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "x", kind: .consumer)), poor)
    #expect(
      try message(scope, .forbidden)
        == "the scopes of the key do not allow this (scope admin); use a key with the scope that is named"
    )
    let last = bench.call(.keyRevoke(.init(key: LeaderBench.root.key)))
    #expect(try message(last, .wrongState).contains("make another admin key first"))
    let model = try message(bench.submit(), .modelNotFound)
    #expect(model.contains("(model m)"))
    _ = try WorkerPeer(bench)
    let credit = bench.open(.job, poor)
    bench.say(.submit(bench.submission()), on: credit)
    #expect(try message(credit, .insufficientCredit).contains("available 0"))
    #expect(try message(bench.follow(JobID(77)), .unknownJob).contains("no job 77"))
  }

  @Test(
    "money that cannot be moved and keys that may not reach so far are told of in words of their own"
  )
  func misleadingWords() throws {
    let bench = try LeaderBench()
    let account = try bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "poor", kind: .consumer))
    ).last(AccountReport.self).summary.account
    let leg = TransferLeg(debit: account, credit: AccountID(1), amount: Credits(nano: 5))
    let moved = try bench.call(.transferPost(.init(requestKey: bench.requestKey(), legs: [leg])))
      .last(Failure.self)
    #expect(
      moved.message
        == "the account that is to pay has less than the transfer takes from it (amount 0.000000005, available 0, account \(account)); move no more than is available, or credit that account first"
    )
    let budget = try bench.call(
      .budgetCreate(
        .init(
          requestKey: bench.requestKey(), account: account, parent: BudgetID(0), level: .team,
          name: "team", perDay: nil, perMonth: nil, total: nil))
    ).last(BudgetReport.self).summary.budget
    let key = try bench.call(
      .budgetKeyCreate(
        .init(
          requestKey: bench.requestKey(), account: account, name: "", scopes: [.submit],
          secretHash: LeaderBench.secret, lifetimeMs: nil, budget: budget))
    ).last(KeyReport.self).summary.key
    let beside = bench.call(
      .budgetCreate(
        .init(
          requestKey: bench.requestKey(), account: account, parent: BudgetID(0), level: .team,
          name: "mine", perDay: nil, perMonth: nil, total: nil)),
      Credential(key: key, secretHash: LeaderBench.secret))
    #expect(
      try beside.last(Failure.self).message
        == "the key draws on a budget, and makes and changes only what is below that one (reason outside_its_budget); name something below it, or use a key of the account that draws on none"
    )
  }

  @Test("a listing of keys that has no room for all leaves out the oldest dead ones")
  func manyKeys() throws {
    let bench = try LeaderBench()
    func makeKey() throws -> KeyID {
      try bench.call(
        .keyCreate(
          .init(
            requestKey: bench.requestKey(), account: AccountID(1), name: "", scopes: [.submit],
            secretHash: LeaderBench.secret, lifetimeMs: nil))
      ).last(KeyReport.self).summary.key
    }
    let dead = try (0..<60).map { _ in try makeKey() }
    for key in dead { bench.call(.keyRevoke(.init(key: key))) }
    let live = try (0..<990).map { _ in try makeKey() }
    let keys = try bench.call(.keyList(.init(account: AccountID(0)))).last(KeyListing.self).keys
    #expect(keys.map(\.key) == [LeaderBench.root.key] + dead.suffix(33) + live)
  }
}
