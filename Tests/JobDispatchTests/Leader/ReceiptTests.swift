import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// Signs by turning the statement round.
final class TestSigner: StatementSigning {
  func sign(_ statement: [UInt8]) throws -> (
    signedAt: UInt64, certificate: [UInt8], signature: [UInt8]
  ) { (5, [1], statement.reversed()) }
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
}
