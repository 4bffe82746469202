internal import DequeModule
internal import ExchangeTypes
internal import TokenLedger

/// The journal's transfers since state version 3: in memory one by one, on disk in segments, the rows of table 44.
///
/// A segment is what one entry has posted, or a part of that. Its key is its first transfer's number, its value version `u8` = 1 ‖
/// count `u32` ‖ the transfers as the chain has them. So what an entry posts costs one row, however much it is, and no
/// segment is in the digest: the chain's hash in table 37 stands for it.
///
/// Invariants: the transfers' numbers have no gap; the segments have them all, in their order, but for those that the entry at work
/// has posted; a segment goes as a whole.
struct JournalLog: Sendable {
  /// A row of table 44.
  struct Segment: Hashable, Sendable {
    let first: TransferID
    let count: Int
    /// The place after its last transfer.
    var end: JournalPosition

    var key: [UInt8] { rowKeyBytes(first.rawValue) }
  }

  private static let version: UInt8 = 1
  /// From here on a segment takes no further transfer: with one more it still fits in a row.
  private static let segmentBytesMax = 14 * 1024
  /// More than fit in a segment.
  private static let countMax = 1_024
  /// About what a transfer takes.
  private static let transferBytes = 72

  private var transfers: Deque<Transfer> = []
  private(set) var segments: Deque<Segment> = []
  /// How many at the end are in no segment yet.
  private(set) var unsealed = 0

  /// How many transfers it has.
  var count: Int { transfers.count }

  /// A transfer; nil if it is not here.
  subscript(id: TransferID) -> Transfer? {
    guard let first = transfers.first, id >= first.id else { return nil }
    let place = id.rawValue - first.id.rawValue
    return place < UInt64(transfers.count) ? transfers[Int(place)] : nil
  }

  /// At most `limit` transfers after one, oldest first.
  func prefix(after id: TransferID, limit: Int) -> [Transfer] {
    guard let first = transfers.first else { return [] }
    let skipped = id < first.id ? 0 : id.rawValue - first.id.rawValue + 1
    guard skipped < UInt64(transfers.count) else { return [] }
    return Array(transfers[Int(skipped)...].prefix(max(0, limit)))
  }

  /// Takes the next transfers; they are on no disk until they are sealed, which makes sure that there is no gap.
  mutating func append(_ posted: [Transfer]) {
    transfers.append(contentsOf: posted)
    unsealed += posted.count
  }

  /// Puts what is in no segment yet into some.
  ///
  /// - Parameter head: the place before the first of it.
  /// - Returns: the new rows, and the place after the last.
  mutating func seal(
    after head: JournalPosition
  ) -> (rows: [(key: [UInt8], value: [UInt8])], head: JournalPosition) {
    var head = head
    var rows: [(key: [UInt8], value: [UInt8])] = []
    var place = transfers.count - unsealed
    while place < transfers.count {
      let start = place
      let left = (transfers.count - place) * Self.transferBytes
      var writer = CanonicalWriter(capacity: min(left, Self.segmentBytesMax) + 128)
      writer.write(Self.version)
      writer.write(UInt32(0))
      while place < transfers.count, writer.bytes.count < Self.segmentBytesMax {
        head.advance(by: transfers[place], copyingTo: &writer)
        place += 1
      }
      writer.patch(UInt32(place - start), at: 1)
      let segment = Segment(first: transfers[start].id, count: place - start, end: head)
      segments.append(segment)
      rows.append((segment.key, writer.bytes))
    }
    unsealed = 0
    return (rows, head)
  }

  /// Gives up the oldest segment, with its transfers.
  ///
  /// - Precondition: there is one.
  mutating func removeFirstSegment() -> (segment: Segment, transfers: [Transfer]) {
    let segment = segments.removeFirst()
    let gone = Array(transfers.prefix(segment.count))
    transfers.removeFirst(segment.count)
    return (segment, gone)
  }

  // MARK: Restart

  /// Adds the transfers of a row, the next one in the table.
  ///
  /// - Returns: the transfers.
  /// - Throws: `CanonicalError` if they are no segment of that key.
  mutating func restore(
    key: UInt64, value: [UInt8]
  ) throws(CanonicalError) -> [Transfer] {
    var reader = CanonicalReader(value)
    let version = try reader.read(UInt8.self)
    guard version == Self.version else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
    let read = try reader.readList(limit: Self.countMax, elementBytesMin: 44) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try Transfer(chained: &reader)
    }
    try reader.finish()
    var next = transfers.last.map { $0.id.rawValue + 1 } ?? key
    guard let first = read.first, first.id.rawValue == key else {
      throw .unknownValue(offset: 0, value: key)
    }
    for transfer in read {
      guard transfer.id.rawValue == next else {
        throw .unknownValue(offset: 0, value: transfer.id.rawValue)
      }
      next += 1
    }
    transfers += read
    segments.append(
      Segment(first: first.id, count: read.count, end: .beginning(after: first.id)))
    return read
  }

  /// Computes the chain over what was restored.
  ///
  /// - Parameter base: the place before the first transfer.
  /// - Returns: the place after the last; nil if the first does not follow.
  mutating func chain(from base: JournalPosition) -> JournalPosition? {
    guard let first = transfers.first else { return base }
    guard first.id.rawValue == base.transfer.rawValue + 1 else { return nil }
    var head = base
    var place = 0
    for index in segments.indices {
      for _ in 0..<segments[index].count {
        head = head.advanced(by: transfers[place])
        place += 1
      }
      segments[index].end = head
    }
    return head
  }
}
