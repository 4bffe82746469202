import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("A followed job's tail")
struct HeldTailTests {
  private let record = Record()

  /// Events `range`, of which those through `durable` are committed.
  private func message(_ range: ClosedRange<Int>, durable: UInt64, epoch: UInt32 = 1) -> Message {
    .events(
      Events(
        job: record.job, epoch: Epoch(epoch),
        events: Array(record.events[(range.lowerBound - 1)..<range.upperBound]),
        durableThrough: durable, hash: record.hashes[range.upperBound].bytes,
        mac: Array(repeating: UInt8(range.upperBound), count: 32)))
  }

  private func reader(from seq: UInt64 = 1, isDurable: Bool = false) -> Reader {
    Reader(
      FollowedJob(
        following: record.job, fromSeq: seq, isDurable: isDurable, cluster: Record.cluster,
        patience: 10_000))
  }

  private func follow(_ reader: Reader) -> Follow? {
    if case .follow(let follow)? = reader.job.opening.first { follow } else { nil }
  }

  private func shown(_ action: FollowedJob.Action) -> [[Event]]? {
    guard case .show(let messages) = action else { return nil }
    return messages.compactMap { if case .tail(let tail) = $0 { tail.events } else { nil } }
  }

  @Test("is what was delivered and not called committed, under the claim of the last message")
  func kept() {
    var reader = reader()
    #expect(follow(reader)?.tail == nil)
    reader.receive(message(1...2, durable: 0))
    reader.receive(message(3...5, durable: 2))
    #expect(
      follow(reader)?.tail
        == TailClaim(epoch: Epoch(1), durableThrough: 2, mac: Array(repeating: 5, count: 32)))
    let query = Message.tailQuery(TailQuery(job: record.job, fromSeq: 4))
    #expect(shown(reader.receive(query)) == [Array(record.events[3...4])])
    reader.receive(message(6...6, durable: 6, epoch: 2))
    #expect(follow(reader)?.tail == nil && follow(reader)?.fromSeq == 7)
    #expect(reader.text == "abcdef")
  }

  @Test("that is large is shown in several messages")
  func parts() {
    let large = Record(texts: (0..<20).map { _ in String(repeating: "x", count: 12_000) })
    var reader = Reader(
      FollowedJob(following: large.job, cluster: Record.cluster, patience: 10_000))
    reader.receive(large.message(1...20))
    let query = Message.tailQuery(TailQuery(job: large.job, fromSeq: 1))
    let parts = shown(reader.receive(query)) ?? []
    #expect(parts.count == 4 && parts.flatMap { $0 } == large.events)
  }

  @Test("is not claimed by a reader that began in the middle of it, nor kept beyond its bound")
  func incomplete() {
    var late = reader(from: 3)
    late.receive(message(3...4, durable: 1))
    #expect(follow(late)?.tail == nil)
    late.receive(message(5...6, durable: 4))
    #expect(follow(late)?.tail?.durableThrough == 4)
    let long = Record(texts: Array(repeating: "x", count: 257))
    var reader = Reader(FollowedJob(following: long.job, cluster: Record.cluster, patience: 10_000))
    reader.receive(long.message(1...256))
    #expect(follow(reader)?.tail != nil)
    reader.receive(long.message(257...257))
    #expect(follow(reader)?.tail == nil)
  }

  @Test(
    "that the reader does not have is a violation to ask for", arguments: [(9, 1), (9, 7), (8, 2)])
  func unknown(job: UInt64, seq: UInt64) {
    var reader = reader()
    reader.receive(message(1...2, durable: 1))
    let action = reader.receive(.tailQuery(TailQuery(job: JobID(job), fromSeq: seq)))
    guard case .fail(.violated) = action else {
      Issue.record("\(action)")
      return
    }
  }

  @Test("a durable reader says so each time")
  func durable() {
    #expect(follow(reader(isDurable: true))?.durable == true)
    #expect(follow(reader())?.durable == nil)
  }
}
