import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import TokenLedger
import WireProtocol

/// Signs by turning the statement round.
final class TestSigner: StatementSigning {
  func sign(_ statement: [UInt8]) throws -> (
    signedAt: UInt64, certificate: [UInt8], signature: [UInt8]
  ) { (5, [1], statement.reversed()) }

  /// A worker signs with the first 64 bytes of what it says, each exclusive or its key's only byte.
  static func signature(under statement: [UInt8], by key: UInt8) -> [UInt8] {
    statement.prefix(64).map { $0 ^ key }
  }

  func isGood(_ signature: [UInt8], under statement: [UInt8], by publicKey: [UInt8]) -> Bool {
    publicKey.count == 1 && signature == Self.signature(under: statement, by: publicKey[0])
  }
}

@Suite("Leader: receipts")
struct ReceiptTests {
  @Test("a job that has ended has a receipt, which says what the record and the books do")
  func receipt() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit()
    let assign = try slot.last(Assign.self)
    let query = Message.receiptQuery(.init(job: assign.job))
    #expect(bench.call(query).failure == .wrongState)
    worker.chunk(assign, output(1...3), on: slot)
    worker.finish(assign, output(1...3), on: slot)
    let receipt = try bench.call(query).last(Receipt.self)
    #expect(receipt.signedAt == 5 && receipt.certificate == [1])
    #expect(receipt.signature == receipt.statement.reversed())
    let stated = try JobReceipt(bytes: receipt.statement)
    let job = try bench.job(assign.job)
    let ending = try #require(job.ending)
    #expect(stated.job == job.id && stated.charge == ending.charge && stated.hold == job.hold)
    #expect(stated.outputHash == job.record.chainHash && stated.requestHash == job.bodyHash)
    #expect(stated.requestHash == bench.submission().requestHash)
    #expect(stated.lastSeq == 3 && stated.outputBytes == job.record.bytes)
    // The only account is its own supplier: nothing moved.
    #expect(stated.postings.isEmpty && stated.attempts == 1)
    #expect(stated.parts.map(\.bytes) == [job.record.bytes])
    #expect(try JobReceipt(bytes: stated.bytes) == stated)
  }

  @Test("of a job that is not there, or another's, there is none")
  func others() throws {
    let bench = try LeaderBench()
    #expect(bench.call(.receiptQuery(.init(job: JobID(9)))).failure == .unknownJob)
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...3), on: slot)
    worker.finish(assign, output(1...3), on: slot)
    let poor = try bench.poorCredential()
    #expect(bench.call(.receiptQuery(.init(job: assign.job)), poor).failure == .unknownJob)
  }

  /// A worker's connection, as its certificate of that key shows it.
  private func origin(_ role: NodeRole = .worker, key: UInt8 = 9) throws -> StreamOrigin {
    let name = try #require(NodeName(role: role, name: "w"))
    return StreamOrigin(node: CertifiedNode(name: name, serial: [1], publicKey: [key]))
  }

  /// A job that is paid, ended on a slot that comes from `origin`.
  private func receipt(
    _ bench: LeaderBench, from origin: StreamOrigin, cached: UInt32? = nil,
    _ change: (inout JobReceipt) -> Void = { _ in }
  ) throws -> JobReceipt {
    let poor = try bench.poorCredential()
    let account = try #require(bench.replica.exchange.key(poor.key)).account
    bench.call(
      .accountCredit(
        .init(requestKey: bench.requestKey(), account: account, amount: Credits(nano: 1 << 40))))
    let worker = try WorkerPeer(bench)
    let slot = worker.park(from: origin)
    bench.say(.submit(bench.submission()), on: bench.open(.job, poor))
    let assign = try slot.last(Assign.self)
    let events = output(1...3)
    worker.chunk(assign, events, on: slot)
    var said = JobReceipt.stated(assign, lastSeq: 3, outputHash: chainHash(assign.job, events))
    said.word = .init(
      worker: worker.id, publicKey: [], modelDigest: "x:1", promptTokens: TokenCount(5),
      outputTokens: nil, cachedTokens: TokenCount(UInt64(cached ?? 0)), firstSeq: 1, signature: [])
    change(&said)
    let statement = try #require(said.workerStatement)
    worker.finish(
      assign, events, on: slot, cachedTokens: cached,
      word: WorkerWord(
        firstSeq: 1, digest: "x:1",
        signature: TestSigner.signature(under: statement.bytes, by: 9)))
    let answer = try bench.call(.receiptQuery(.init(job: assign.job))).last(Receipt.self)
    return try JobReceipt(bytes: answer.statement)
  }

  @Test("a receipt has what its worker signed, with the key of its connection's certificate")
  func word() throws {
    let bench = try LeaderBench()
    let receipt = try self.receipt(bench, from: try origin(), cached: 4)
    let word = try #require(receipt.word)
    #expect(word.modelDigest == "x:1" && word.publicKey == [9] && word.firstSeq == 1)
    #expect(word.promptTokens == TokenCount(5) && word.cachedTokens == TokenCount(4))
    #expect(receipt.cachedTokens == TokenCount(4) && receipt.reversals.isEmpty)
  }

  @Test("what is not well signed, or by nobody's certificate, is left out of the receipt")
  func noWord() throws {
    let wrong: [(inout JobReceipt) -> Void] = [
      { $0.job = JobID(99) }, { $0.attempts = 2 }, { $0.model = "n" }, { $0.finish = .length },
    ]
    for change in wrong { #expect(try receipt(LeaderBench(), from: origin(), change).word == nil) }
    #expect(try receipt(LeaderBench(), from: origin(key: 8)).word == nil)
    // What another coordinator passes on has that one's certificate.
    #expect(try receipt(LeaderBench(), from: origin(.coordinator)).word == nil)
    #expect(try receipt(LeaderBench(), from: StreamOrigin()).word == nil)
  }

  @Test("a receipt that is made after a reversal names the transfers that took the payment back")
  func reversed() throws {
    let bench = try LeaderBench()
    let before = try receipt(bench, from: try origin())
    let posting = try #require(before.postings.first)
    bench.call(
      .transferReverse(.init(requestKey: bench.requestKey(), transfer: posting.transfer)))
    let answer = try bench.call(.receiptQuery(.init(job: before.job))).last(Receipt.self)
    var after = try JobReceipt(bytes: answer.statement)
    #expect(after.reversals.count == before.postings.count)
    let reversal = try #require(bench.replica.exchange.transfer(after.reversals[0]))
    #expect(reversal.reverses == posting.transfer)
    after.reversals = []
    #expect(after == before)
  }
}

extension JobReceipt {
  /// What matters of a receipt for what a worker signs.
  fileprivate static func stated(
    _ assign: Assign, lastSeq: UInt64, outputHash: [UInt8]
  ) -> JobReceipt {
    JobReceipt(
      cluster: LeaderBench.cluster, job: assign.job, account: AccountID(0), model: assign.model,
      state: .completed, finish: .stop, error: 0, createdAt: LogTime(milliseconds: 0),
      endedAt: LogTime(milliseconds: 0), requestHash: [], lastSeq: lastSeq, outputHash: outputHash,
      outputBytes: 0, basis: nil, prices: PricePair(input: .zero, output: .zero),
      promptTokens: .zero, outputTokens: .zero, hold: .zero, charge: .zero, feeParts: 0,
      attempts: assign.epoch.rawValue, parts: [], postings: [])
  }
}
