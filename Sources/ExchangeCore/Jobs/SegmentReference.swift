public import ExchangeTypes

/// Where some events of a job's record are in table 6.
public struct SegmentReference: Hashable, Sendable {
  /// The row: the entry that brought it and its place among that entry's segment rows.
  public let row: SegmentRow
  /// The attempt that made the events.
  public let epoch: Epoch
  /// The first event's number.
  public let firstSeq: UInt64
  /// How many events.
  public let count: UInt32
  /// Where the sealed events begin in the row's value.
  public let offset: UInt32
  /// How many sealed bytes.
  public let length: UInt32

  /// The last event's number.
  public var lastSeq: UInt64 { firstSeq + UInt64(count) - 1 }
  /// The bytes of the row's value that hold the events.
  public var range: Range<Int> { Int(offset)..<(Int(offset) + Int(length)) }

  /// The chain hash of a job's record behind these events, out of the row's value: 32 bytes.
  ///
  /// It lies in the row and not here: there is a reference for every piece of every record that is kept.
  ///
  /// - Returns: nil if the row was written before rows had it.
  /// - Throws: if `value` is not the value of such a row.
  public func chainHash(of job: JobID, in value: [UInt8]) throws(CanonicalError) -> [UInt8]? {
    try SegmentWriter.chainHash(behind: self, of: job, in: value)
  }
}

/// The key of a row of table 6.
public struct SegmentRow: Hashable, Comparable, Sendable {
  /// The log entry that brought it.
  public let index: LogIndex
  /// Its place among the segment rows of that entry.
  public let ordinal: UInt16

  /// The row's key in bytes.
  public var key: [UInt8] {
    var writer = CanonicalWriter(capacity: 10)
    writer.write(index.rawValue)
    writer.write(ordinal)
    return writer.bytes
  }

  /// Orders as in the table.
  public static func < (left: Self, right: Self) -> Bool {
    (left.index, left.ordinal) < (right.index, right.ordinal)
  }
}
