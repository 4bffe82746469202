internal import ExchangeTypes
internal import WireProtocol

/// Events as they rest in the log: which leader sealed them as which piece, in clear, then the sealed
/// canonical list of events.
///
/// `term` u64 ‖ `ordinal` u32 ‖ ciphertext. The state machine sees it as opaque bytes.
enum SealedEvents {
  /// What the clear part and the seal add to the events' own encoding, rounded up.
  static let overheadBytes = 64

  static func seal(
    _ events: [Event], term: Term, epoch: Epoch, ordinal: UInt32, key: JobKey,
    sealer: any JobSealing
  ) throws -> [UInt8] {
    var plain = CanonicalWriter(capacity: 1_024)
    plain.write(events) { writer, event in event.encode(into: &writer) }
    let piece = SealedPiece.record(term: term, epoch: epoch, ordinal: ordinal)
    var writer = CanonicalWriter(capacity: plain.bytes.count + overheadBytes)
    writer.write(term.rawValue)
    writer.write(ordinal)
    writer.writeRaw(try sealer.seal(plain.bytes, as: piece, under: key))
    return writer.bytes
  }

  static func open(
    _ bytes: [UInt8], epoch: Epoch, key: JobKey, sealer: any JobSealing
  ) throws -> [Event] {
    var reader = CanonicalReader(bytes)
    let term = Term(try reader.read(UInt64.self))
    let ordinal = try reader.read(UInt32.self)
    let piece = SealedPiece.record(term: term, epoch: epoch, ordinal: ordinal)
    let sealed = try reader.readRaw(count: reader.remaining)
    var plain = CanonicalReader(try sealer.open(sealed, as: piece, under: key))
    let events = try plain.readList(limit: 4_096, elementBytesMin: 20) {
      reader throws(CanonicalError) in try Event(from: &reader)
    }
    try plain.finish()
    return events
  }
}
