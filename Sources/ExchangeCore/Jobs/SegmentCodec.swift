internal import ExchangeTypes

/// One stream's part of a row of table 6, as the row's clear header names it.
struct Segment: Hashable, Sendable {
  let attempt: AttemptID
  let firstSeq: UInt64
  let count: UInt32
  /// Where the sealed events begin, counted from the start of the row's value.
  let offset: UInt32
  let length: UInt32

  func reference(in row: SegmentRow) -> SegmentReference {
    SegmentReference(
      row: row, epoch: attempt.epoch, firstSeq: firstSeq, count: count, offset: offset,
      length: length)
  }
}

/// Builds the value of a row of table 6: version `u8` ‖ count `u32` ‖ headers ‖ sealed bytes.
///
/// A header is job `u64` ‖ epoch `u32` ‖ firstSeq `u64` ‖ count `u32` ‖ length `u32` ‖ the record's chain hash behind
/// these events, 32 bytes; the sealed events follow in the same order, so offsets need not be stored. It is shorter than
/// the command that brought the events, so a row always fits where an entry does. Rows of version 1 have no hashes.
struct SegmentWriter: Sendable {
  static let version: UInt8 = 2
  static let fixedBytes = 5
  static let headerBytes = 60
  private static let hashBytes = 32

  private var entries: [(attempt: AttemptID, events: Command.RecordExtension)] = []

  var isEmpty: Bool { entries.isEmpty }

  mutating func append(_ attempt: AttemptID, _ events: Command.RecordExtension) {
    entries.append((attempt, events))
  }

  /// The entries with their places in the value.
  var segments: [Segment] {
    var offset = UInt32(Self.fixedBytes + Self.headerBytes * entries.count)
    return entries.map { attempt, events in
      let length = UInt32(events.sealed.count)
      defer { offset += length }
      return Segment(
        attempt: attempt, firstSeq: events.firstSeq, count: events.count, offset: offset,
        length: length)
    }
  }

  var value: [UInt8] {
    var writer = CanonicalWriter(capacity: 16 * 1024)
    writer.write(Self.version)
    writer.write(UInt32(entries.count))
    for (attempt, events) in entries {
      writer.write(attempt.job.rawValue)
      writer.write(attempt.epoch.rawValue)
      writer.write(events.firstSeq)
      writer.write(events.count)
      writer.write(UInt32(events.sealed.count))
      writer.writeRaw(events.chainHash)
    }
    for (_, events) in entries { writer.writeRaw(events.sealed) }
    return writer.bytes
  }

  /// Reads the header of a row's value and checks that it accounts for every byte.
  static func segments(of value: [UInt8]) throws(CanonicalError) -> [Segment] {
    var reader = CanonicalReader(value)
    let hasHashes = try hasHashes(&reader)
    let heads = try reader.readList(
      limit: Command.Limits.checkpointEntriesMax,
      elementBytesMin: hasHashes ? headerBytes : headerBytes - hashBytes
    ) { (reader: inout CanonicalReader) throws(CanonicalError) in
      let head = try Segment(head: &reader)
      if hasHashes { try reader.skip(count: hashBytes) }
      return head
    }
    var segments: [Segment] = []
    for head in heads {
      guard head.firstSeq >= 1, head.count >= 1,
        !head.firstSeq.addingReportingOverflow(UInt64(head.count)).overflow
      else { throw .unknownValue(offset: reader.offset, value: head.firstSeq) }
      segments.append(
        Segment(
          attempt: head.attempt, firstSeq: head.firstSeq, count: head.count,
          offset: UInt32(reader.offset), length: head.length))
      try reader.skip(count: Int(head.length))
    }
    try reader.finish()
    return segments
  }

  /// The chain hash behind one segment of a row; nil if the row has none.
  static func chainHash(
    behind segment: SegmentReference, of job: JobID, in value: [UInt8]
  ) throws(CanonicalError) -> [UInt8]? {
    var reader = CanonicalReader(value)
    guard try hasHashes(&reader) else { return nil }
    for _ in 0..<(try reader.read(UInt32.self)) {
      let head = try Segment(head: &reader)
      let hash = try reader.readRaw(count: hashBytes)
      if head.attempt.job == job, head.firstSeq == segment.firstSeq { return hash }
    }
    return nil
  }

  private static func hasHashes(_ reader: inout CanonicalReader) throws(CanonicalError) -> Bool {
    let version = try reader.read(UInt8.self)
    guard version == 1 || version == Self.version else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
    return version == Self.version
  }
}

extension Segment {
  /// Reads what a header of version 1 has.
  fileprivate init(head reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      attempt: try reader.readAttempt(), firstSeq: try reader.read(), count: try reader.read(),
      offset: 0, length: try reader.read())
  }
}
