internal import DequeModule
internal import ExchangeTypes
internal import OpenAIFormat
internal import WireProtocol

/// The events of one attempt that a leader may still ask for, numbered and chained.
///
/// Invariants: the numbers are `firstSeq ..< nextSeq` without a gap; `hash` is the chain hash after the
/// last; `sentThrough` is in `firstSeq - 1 ..< nextSeq`; nothing unsent is ever dropped.
struct RetainedEvents {
  /// Above this many bytes, the oldest sent events are dropped, except `sentEventsMin`.
  static let bytesMax = 8 << 20
  /// Sent events that are never dropped: four times what a leader delivers beyond its last committed checkpoint
  /// (`StreamRelay.windowEvents`), so that no committed record ends before what is kept.
  static let sentEventsMin = 1_024
  /// Events of one `Chunk`.
  static let chunkEventsMax = 256
  /// Bytes of one `Chunk`, unless its only event is larger.
  static let chunkBytesMax = 12 << 10

  private var events: Deque<Event> = []
  private var bytes = 0
  private(set) var unsentBytes = 0
  /// The first event kept; equal to `nextSeq` if there is none.
  private(set) var firstSeq: UInt64
  /// What the next event is numbered.
  private(set) var nextSeq: UInt64
  /// The last event sent on the stream that is attached now.
  private(set) var sentThrough: UInt64
  /// The chain hash after the last event.
  private(set) var hash: ChainHash

  /// Continues a record that ends with `recordSeq`.
  init(recordSeq: UInt64, recordHash: ChainHash) {
    firstSeq = recordSeq + 1
    nextSeq = recordSeq + 1
    sentThrough = recordSeq
    hash = recordHash
  }

  /// The last event made, or the record's last if there is none.
  var lastSeq: UInt64 { nextSeq - 1 }
  var unsentCount: Int { Int(lastSeq - sentThrough) }
  var isEmpty: Bool { events.isEmpty }

  /// Numbers an event and keeps it.
  mutating func append(_ piece: GeneratedEvent) {
    let event = Event(
      seq: nextSeq, choice: piece.choice, kind: piece.kind, tokenCount: piece.tokenCount,
      ids: piece.ids, bytes: piece.bytes)
    hash = hash.appending(event)
    nextSeq += 1
    bytes += Self.size(event)
    unsentBytes += Self.size(event)
    events.append(event)
  }

  /// Takes the next unsent events that fit in one `Chunk`; empty if all are sent.
  mutating func takeUnsent() -> [Event] {
    let start = Int(sentThrough + 1 - firstSeq)
    var end = start
    var size = 0
    while end < events.count, end - start < Self.chunkEventsMax {
      let next = Self.size(events[end])
      if end > start, size + next > Self.chunkBytesMax { break }
      size += next
      end += 1
    }
    let taken = Array(events[start..<end])
    sentThrough += UInt64(taken.count)
    unsentBytes -= size
    prune()
    return taken
  }

  /// Sends again from `seq`; false if that cannot be done: an event before `seq` was dropped, or `seq`
  /// is beyond the next.
  mutating func rewind(to seq: UInt64) -> Bool {
    guard (firstSeq...nextSeq).contains(seq) else { return false }
    sentThrough = seq - 1
    unsentBytes = events[Int(seq - firstSeq)...].reduce(0) { $0 + Self.size($1) }
    return true
  }

  private mutating func prune() {
    while bytes > Self.bytesMax, sentThrough + 1 - firstSeq > UInt64(Self.sentEventsMin) {
      bytes -= Self.size(events.removeFirst())
      firstSeq += 1
    }
  }

  /// Bytes of an event on the wire (`proto-spec/messages.md`, Event).
  private static func size(_ event: Event) -> Int { 23 + 4 * event.ids.count + event.bytes.count }
}

extension GeneratedEvent {
  /// Bytes of one event on the wire.
  static let bytesMax = 12_288
  /// Token ids of one event on the wire.
  static let idsMax = 256

  /// The event in pieces that fit on the wire, or nil if it cannot be divided: a verbatim delta is one
  /// JSON object, and only its tool calls' arguments can follow it (`ToolCallDelta`).
  ///
  /// Text is cut between characters, a vector between numbers and between groups of base64. The pieces' token counts add up to the event's.
  func pieces() -> [GeneratedEvent]? {
    if bytes.count <= Self.bytesMax, ids.count <= Self.idsMax { return [self] }
    if kind == .delta, bytes.count > Self.bytesMax {
      guard let deltas = ToolCallDelta.pieces(of: bytes, bytesMax: Self.bytesMax) else {
        return nil
      }
      var first = self
      first.bytes = deltas[0]
      return first.pieces().map { pieces in
        pieces
          + deltas.dropFirst().map {
            GeneratedEvent(choice: choice, kind: .delta, tokenCount: 0, ids: [], bytes: $0)
          }
      }
    }
    var pieces: [GeneratedEvent] = []
    var byte = 0
    var id = 0
    var counted: UInt32 = 0
    while byte < bytes.count || id < ids.count {
      var piece = self
      let end =
        switch kind {
        case .delta: bytes.count
        case .vector: min(byte + Self.bytesMax, bytes.count)  // twelve divides it
        case .text, .reasoning: characterBoundary(from: byte)
        }
      piece.bytes = Array(bytes[byte..<end])
      byte = end
      piece.ids = Array(ids[id..<min(id + Self.idsMax, ids.count)])
      id += piece.ids.count
      // A delta is one JSON object: the ids that do not fit beside it follow without bytes, as text.
      if kind == .delta, !pieces.isEmpty { piece.kind = .text }
      let isLast = byte == bytes.count && id == ids.count
      let share = ids.isEmpty ? 0 : UInt32(piece.ids.count)
      piece.tokenCount = isLast ? tokenCount - counted : min(share, tokenCount - counted)
      counted += piece.tokenCount
      pieces.append(piece)
    }
    return pieces
  }

  /// The end of the longest run of whole characters from `start` that fits; of bytes, where there is
  /// none (which is then no UTF-8).
  private func characterBoundary(from start: Int) -> Int {
    let limit = min(start + Self.bytesMax, bytes.count)
    guard limit < bytes.count else { return limit }
    var end = limit
    // A continuation byte is 10xxxxxx (RFC 3629, §3): step back to the byte that begins its character.
    while end > limit - 4, end > start + 1, bytes[end] & 0b1100_0000 == 0b1000_0000 { end -= 1 }
    return bytes[end] & 0b1100_0000 == 0b1000_0000 ? limit : end
  }
}
