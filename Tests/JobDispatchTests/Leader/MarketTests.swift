import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Leader: the market")
struct MarketTests {
  /// A key of a consumer with credit.
  private func consumer(_ bench: LeaderBench) throws -> (account: AccountID, Credential) {
    let credential = try bench.poorCredential()
    let account = try #require(bench.replica.exchange.key(credential.key)).account
    bench.call(
      .accountCredit(
        .init(
          requestKey: bench.requestKey(), account: account, amount: Credits(nano: 1 << 40))))
    return (account, credential)
  }

  private func post(
    _ bench: LeaderBench, _ terms: AskTerms, withdraw: Bool = false,
    as credential: Credential = LeaderBench.root
  ) -> Peer {
    bench.call(
      .askSet(AskSet(terms: PostedTerms(model: "m", terms), withdraw: withdraw)), credential)
  }

  private func submit(_ bench: LeaderBench, as credential: Credential) -> Peer {
    let peer = bench.open(.job, credential)
    bench.say(.submit(bench.submission()), on: peer)
    return peer
  }

  @Test("whose an account is, an administrator says; its own keys are told, others' are not")
  func owner() throws {
    let bench = try LeaderBench()
    let (alice, credential) = try consumer(bench)
    func said(_ owner: String?, of account: AccountID, _ credential: Credential) -> Peer {
      bench.call(.accountOwnerSet(.init(account: account, owner: owner)), credential)
    }
    #expect(said("acme", of: alice, credential).failure == .forbidden)
    #expect(
      try said("acme", of: alice, LeaderBench.root).last(AccountOwnerReport.self).owner == "acme")
    let told = try said(nil, of: AccountID(0), credential).last(AccountOwnerReport.self)
    #expect(told.account == alice && told.owner == "acme")
    #expect(said(nil, of: AccountID(1), credential).failure == .unknownAccount)
    #expect(
      try said(nil, of: AccountID(1), LeaderBench.root).last(AccountOwnerReport.self).owner.isEmpty)
    #expect(said("acme", of: AccountID(99), LeaderBench.root).failure == .unknownAccount)
  }

  @Test("a posted price is in the book, the quote and the next job, and stands over a registration")
  func prices() throws {
    let bench = try LeaderBench()
    let (_, alice) = try consumer(bench)
    let worker = try WorkerPeer(bench, price: 1_000_000)
    let dear = try WorkerPeer(bench, "dear", price: 1_500_000)
    let slot = worker.park()
    let query = Message.quoteQuery(
      QuoteQuery(model: "m", promptTokens: 2_000_000, outputTokens: 1_000))
    let beyond = try bench.call(query, alice).last(Failure.self)
    #expect(beyond.errorCode == .contextLengthExceeded)
    let half = Message.quoteQuery(
      QuoteQuery(model: "m", promptTokens: 500_000, outputTokens: 1_000))
    let before = try bench.call(half, alice).last(Book.self)
    #expect(before.asks.map(\.worker) == [worker.id, dear.id])
    #expect(before.costs.map(\.rawValue) == [502_000, 753_000])

    let posted = try post(bench, AskTerms(output: Price(nanoPerMillion: 4_000_000)))
      .last(AskListing.self)
    #expect(posted.terms.map(\.priceOutput) == [Price(nanoPerMillion: 4_000_000)])
    try worker.register()
    let after = try bench.call(half, alice).last(Book.self)
    #expect(after.costs.map(\.rawValue) == [504_000, 754_000])
    let book = try bench.call(.bookQuery(BookQuery(model: "m")), alice).last(Book.self)
    #expect(book.asks.map(\.priceOutput.rawValue) == [4_000_000, 4_000_000])
    #expect(book.costs.isEmpty && !book.more && book.asks.allSatisfy(\.admits))

    _ = submit(bench, as: alice)
    let assign = try slot.last(Assign.self)
    #expect(try bench.job(assign.job).attempt?.prices.output.rawValue == 4_000_000)
    let held = try bench.call(.askList(AskList())).last(AskListing.self)
    #expect(held == posted)
    #expect(try post(bench, AskTerms(), withdraw: true).last(AskListing.self).terms.isEmpty)
    #expect(post(bench, AskTerms(), as: alice).failure == .forbidden)
    let none = Message.quoteQuery(QuoteQuery(model: "m", promptTokens: 1, outputTokens: 0))
    #expect(bench.call(none, alice).failure == .malformedRequest)
  }

  @Test(
    "slots that are kept and tenants that are refused cost no proposal; what waits goes elsewhere")
  func tenancy() throws {
    let bench = try LeaderBench()
    let (account, alice) = try consumer(bench)
    let worker = try WorkerPeer(bench, slots: 2)
    let slots = [worker.park(), worker.park()]
    _ = post(bench, AskTerms(reserve: 1))
    _ = submit(bench, as: alice)
    let second = submit(bench, as: alice)
    #expect(slots.flatMap { $0.all(Assign.self) }.count == 1)
    // What else there is to write, such as which keys are in use, is written once.
    bench.advance(50)
    let index = bench.replica.lastIndex
    bench.advance(50)
    #expect(bench.replica.lastIndex == index, "the leader proposes what is refused")
    // The supplier's own job has the slot that is kept.
    let own = submit(bench, as: LeaderBench.root)
    #expect(slots.flatMap { $0.all(Assign.self) }.count == 2)
    #expect(try bench.job(own.last(WireProtocol.Accepted.self).job).state == .running)
    #expect(try bench.job(second.last(WireProtocol.Accepted.self).job).state == .queued)

    _ = post(bench, AskTerms(refuse: [account]))
    #expect(submit(bench, as: alice).failure == .tenantRefused)
    let book = try bench.call(.bookQuery(BookQuery(model: "m")), alice).last(Book.self)
    #expect(book.asks.map(\.admits) == [false] && book.asks.map(\.slotsFree) == [0])
    // What is kept no longer, and refused no longer, is given to whoever waits.
    _ = worker.park()
    _ = post(bench, AskTerms(), withdraw: true)
    let done = try #require(slots.flatMap { $0.all(Assign.self) }.first)
    worker.chunk(done, output(1...3), on: slots[0])
    worker.finish(done, output(1...3), on: slots[0])
    _ = worker.park()
    #expect(try bench.job(second.last(WireProtocol.Accepted.self).job).state == .running)
  }

  @Test("what was sold is in the index and in the supplier's earnings, which are its own")
  func sales() throws {
    let bench = try LeaderBench()
    let (_, alice) = try consumer(bench)
    let worker = try WorkerPeer(bench, price: 3_000_000)
    let slot = worker.park()
    _ = submit(bench, as: alice)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    worker.finish(assign, output(1...3), on: slot)
    let history = try bench.call(.priceQuery(PriceQuery(model: "m", intervals: 5)), alice)
      .last(PriceHistory.self)
    let point = try #require(history.points.first)
    #expect(history.intervalMs == Sales.intervalMilliseconds && point.jobs == 1)
    #expect(point.promptTokens == 5 && point.inputMean.rawValue == 3_000_000)
    #expect(point.outputTokens == 3 && point.outputHigh.rawValue == 6_000_000)
    let query = SalesQuery(account: AccountID(0), after: 0, limit: 9)
    let sold = try bench.call(.salesQuery(query)).last(SalesListing.self)
    // 5 at 3 and 3 at 6 millionths of a millionth.
    #expect(sold.sales.map(\.earned.rawValue) == [33] && !sold.more)
    let other = SalesQuery(account: AccountID(1), after: 0, limit: 9)
    #expect(bench.call(.salesQuery(other), alice).failure == .forbidden)
  }

  @Test("what a worker says was cached is billed so, and told with the end and with the job")
  func cached() throws {
    let bench = try LeaderBench()
    let (_, alice) = try consumer(bench)
    let worker = try WorkerPeer(bench, price: 3_000_000)
    _ = post(bench, AskTerms(cachedInput: Price(nanoPerMillion: 1_000_000)))
    let slot = worker.park()
    let reader = submit(bench, as: alice)
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    worker.finish(assign, output(1...3), on: slot, cachedTokens: 4)
    // 1 at 3, 4 at 1 and 3 at 6.
    let ended = try reader.last(Ended.self)
    #expect(ended.summary.charge.rawValue == 25 && ended.cachedTokens == 4)
    let report = try bench.call(.jobQuery(.init(job: assign.job)), alice).last(JobReport.self)
    #expect(report.cachedTokens == 4 && report.summary.promptTokens.rawValue == 5)
    let answer = JobSummaryAnswer.one(report)
    #expect(
      String(decoding: answer.body, as: UTF8.self)
        .contains(#""prompt_tokens_details":{"cached_tokens":4}"#))
  }

  @Test("what an engine counts as reasoning is told with the usage, at most what was billed")
  func reasoning() throws {
    let bench = try LeaderBench()
    let (_, alice) = try consumer(bench)
    let worker = try WorkerPeer(bench, price: 3_000_000)
    for (said, told) in [(2, 2), (900, 3), (0, nil), (nil, nil)] as [(UInt32?, UInt32?)] {
      let slot = worker.park()
      let reader = submit(bench, as: alice)
      let assign = try slot.last(Assign.self)
      worker.chunk(assign, output(1...3), on: slot)
      worker.finish(assign, output(1...3), on: slot, reasoningTokens: said)
      let ended = try reader.last(Ended.self)
      #expect(ended.summary.state == .completed && ended.cachedTokens == nil)
      #expect(ended.summary.outputTokens == TokenCount(3) && ended.reasoningTokens == told)
      let report = try bench.call(.jobQuery(.init(job: assign.job)), alice).last(JobReport.self)
      #expect(report.reasoningTokens == told)
      let answer = String(decoding: JobSummaryAnswer.one(report).body, as: UTF8.self)
      let details = #""completion_tokens_details":{"reasoning_tokens":"#
      #expect(answer.contains(details) == (told != nil))
      if let told { #expect(answer.contains(details + "\(told)}")) }
    }
  }
}
