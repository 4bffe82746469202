import ExchangeTypes
import RaftEngine
import Testing

@testable import Consensus

@Suite("What the next write holds")
struct PendingBatchTests {
  private func change(_ key: UInt8, _ value: [UInt8]?) -> RowChange {
    RowChange(table: 4, key: [key], value: value)
  }

  private func mark(_ index: UInt64) -> AppliedMark {
    AppliedMark(index: LogIndex(index), term: Term(1), digest: StateDigest())
  }

  @Test("the log goes without the rows, the rows with their mark, each changed row once")
  func halves() {
    var pending = PendingBatch(rowsMax: 100)
    pending.append(
      [LogEntry(term: Term(1), kind: .command, payload: [1])], at: LogIndex(1), truncating: false)
    pending.note([change(1, [1]), change(2, [2])])
    pending.note([change(1, [3]), change(2, nil)])
    #expect(pending.deadline == nil)
    pending.noteApplied(mark(1), at: 40)

    let log = pending.take(withRows: false)
    #expect(log.batch.entries.count == 1)
    #expect(log.batch.rows.isEmpty && log.batch.applied == nil && log.rows.isEmpty)
    #expect(!pending.mustBeWritten)
    #expect(
      pending.rows[RowKey(table: 4, key: [1])] == change(1, [3]), "still to be seen by readers")
    #expect(pending.deadline == 240, "rows that stay are due when they were")

    let rows = pending.take(withRows: true)
    #expect(rows.batch.entries.isEmpty)
    #expect(rows.batch.rows == [change(1, [3]), change(2, nil)])
    #expect(rows.batch.applied == mark(1))
    #expect(pending.rows.isEmpty && pending.applied == nil && !pending.isFull)
    #expect(pending.deadline == nil)
  }

  @Test(
    "what nobody waits for is due when nothing follows it, or after a second; once said, no time is wanted"
  )
  func deadlines() {
    var pending = PendingBatch(rowsMax: 100)
    pending.makeDue()
    #expect(!pending.isDue, "there is nothing")
    for now in stride(from: UInt64(1_000), to: 1_750, by: 150) {
      pending.noteApplied(mark(now), at: now)
      #expect(pending.deadline == now + 200)
    }
    pending.noteApplied(mark(2_000), at: 1_850)
    #expect(pending.deadline == 2_000)
    pending.makeDue()
    #expect(pending.isDue && pending.deadline == nil)
    _ = pending.take(withRows: true)
    #expect(!pending.isDue)

    let base = SnapshotMetadata(
      index: LogIndex(1), term: Term(1), membership: .none, membershipIndex: LogIndex(0))
    pending.noteBase(base, at: 5_000)
    #expect(pending.deadline == 5_200)
    _ = pending.take(withRows: false)
    #expect(pending.deadline == nil, "the base goes with the log")
  }

  @Test("rows are due when they are many, or large")
  func isDue() {
    var many = PendingBatch(rowsMax: 3)
    many.note([change(1, []), change(2, []), change(1, [1])])
    #expect(!many.isFull, "a row that changes again is one row")
    many.note([change(3, nil)])
    #expect(many.isFull)

    var large = PendingBatch(rowsMax: 1_000_000)
    let value = [UInt8](repeating: 0, count: 16_384)
    while !large.isFull { large.note([change(1, value)]) }
    #expect(large.rows.count == 1)
  }

  @Test(
    "in its turn a member writes what has waited for most of a second, or is half of what is due by itself"
  )
  func turns() {
    var pending = PendingBatch(rowsMax: 4)
    pending.note([change(1, [1])])
    pending.noteApplied(mark(1), at: 1_000, isTurn: true)
    pending.noteApplied(mark(2), at: 1_699, isTurn: true)
    pending.noteApplied(mark(3), at: 1_700)
    #expect(!pending.isDue)
    pending.noteApplied(mark(4), at: 1_700, isTurn: true)
    #expect(pending.isDue)
    _ = pending.take(withRows: true)

    pending.note([change(1, [1]), change(2, [2])])
    pending.noteApplied(mark(5), at: 2_000)
    #expect(!pending.isDue)
    pending.noteApplied(mark(6), at: 2_000, isTurn: true)
    #expect(pending.isDue && !pending.isFull)
  }
}
