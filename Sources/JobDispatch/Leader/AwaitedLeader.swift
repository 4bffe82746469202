internal import DequeModule
internal import ExchangeTypes
internal import WireProtocol

/// Streams that came while nobody led, as far as this coordinator knew: they wait a moment for who will.
///
/// Refused they would come again after pauses that grow, and so be away for longer than it takes to elect a leader.
/// Bounded: of what does not fit, or has waited long enough, the client is told to try again.
struct AwaitedLeader {
  /// One such stream.
  struct Stream {
    /// What its peer talks to meanwhile.
    let newcomer: Newcomer
    /// Its first message, which has been read.
    let message: Message
    /// What the peer is told if there is no leader in time.
    let refusal: Failure
    /// Gives it to who answers it; nil if it has got its answer.
    let open: (Message) -> (any MessageChannelOwner)?
  }

  private struct Waiting {
    let stream: Stream
    let until: UInt64
    let bytes: Int
  }

  /// As long as a stream waits, in milliseconds: several times what a handover takes, and less than an election timeout.
  static let waitMax: UInt64 = 200
  /// More streams do not wait.
  static let streamsMax = 4_096
  /// So many are opened in one turn: a new leader has heartbeats to send.
  static let perTurn = 64
  /// More bytes of first messages do not wait.
  static let bytesMax = 16 << 20

  /// In the order in which they came, in which their time is over.
  private var waiting: Deque<Waiting> = []
  private var bytes = 0

  /// Whether nobody waits.
  var isEmpty: Bool { waiting.isEmpty }
  /// When the first has waited long enough, in monotonic milliseconds.
  var deadline: UInt64 { waiting.first?.until ?? .max }

  /// Lets a stream wait from `now` on; whether there was room for it.
  mutating func add(_ stream: Stream, now: UInt64) -> Bool {
    guard waiting.count < Self.streamsMax else { return false }
    var writer = CanonicalWriter()
    stream.message.content.encode(into: &writer)
    let size = writer.bytes.count
    guard bytes + size <= Self.bytesMax else { return false }
    waiting.append(Waiting(stream: stream, until: now + Self.waitMax, bytes: size))
    bytes += size
    return true
  }

  /// Takes the first, if its time is over or if it need not wait any more.
  ///
  /// - Parameters:
  ///   - now: monotonic milliseconds.
  ///   - isOver: whether there is a leader, or nobody need wait for one.
  /// - Returns: the stream, which waits no more.
  mutating func takeFirst(now: UInt64, isOver: Bool) -> Stream? {
    guard let first = waiting.first, isOver || first.until <= now else { return nil }
    waiting.removeFirst()
    bytes -= first.bytes
    return first.stream
  }
}
