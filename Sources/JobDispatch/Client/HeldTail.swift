internal import DequeModule
internal import ExchangeTypes
internal import WireProtocol

/// What a reader has been given and was not told to be committed: it shows it to a leader that lacks it.
///
/// Invariants: the events are those after `claim.durableThrough`, without a gap, and all of one attempt, since an
/// attempt begins only where the record ends; the claim is that of the last message that brought any.
struct HeldTail: Sendable {
  /// More than a leader sends beyond the record (`StreamRelay.windowEvents`) is not kept.
  static let eventsMax = 256
  /// Bytes of one `Tail`, unless its only event is larger.
  private static let messageBytesMax = 64 << 10

  /// What the last message vouched for; nil while nothing is held.
  private(set) var claim: TailClaim?
  private var events: Deque<Event> = []

  /// Goes on with a message that continues what this is the tail of.
  ///
  /// Nothing is held if all is committed, or if the reader began in the middle and lacks the first of the tail.
  mutating func take(_ message: Events) {
    let durable = message.durableThrough
    while let first = events.first, first.seq <= durable { events.removeFirst() }
    for event in message.events where event.seq > durable { events.append(event) }
    guard let first = events.first, let last = events.last, first.seq == durable + 1,
      last.seq - durable <= UInt64(Self.eventsMax)
    else {
      events = []
      claim = nil
      return
    }
    claim = TailClaim(epoch: message.epoch, durableThrough: durable, mac: message.mac)
  }

  /// The messages that show it from an event on; nil if it does not have that event.
  func messages(of job: JobID, from seq: UInt64) -> [Message]? {
    guard events.contains(where: { $0.seq == seq }) else { return nil }
    var messages: [Message] = []
    var part: [Event] = []
    var bytes = 0
    for event in events.drop(while: { $0.seq < seq }) {
      if !part.isEmpty, bytes + event.encodedSizeBound > Self.messageBytesMax {
        messages.append(.tail(Tail(job: job, events: part)))
        part = []
        bytes = 0
      }
      part.append(event)
      bytes += event.encodedSizeBound
    }
    return messages + [.tail(Tail(job: job, events: part))]
  }
}
