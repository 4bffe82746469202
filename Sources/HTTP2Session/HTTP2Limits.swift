/// How much of something a peer may do: `count` at once, regained evenly over `milliseconds`.
public struct RateBudget: Hashable, Sendable {
  /// How many are allowed in a burst; the same number is regained each period.
  public var count: UInt64
  /// The period in milliseconds.
  public var milliseconds: UInt64

  /// `count` per `milliseconds`.
  ///
  /// - Precondition: both are positive.
  public init(_ count: UInt64, per milliseconds: UInt64 = 1_000) {
    precondition(count > 0 && milliseconds > 0)
    self.count = count
    self.milliseconds = milliseconds
  }
}

/// A token bucket in integers: the level is scaled by the period, so that nothing is rounded away.
public struct TokenBucket: Sendable {
  private let budget: RateBudget
  private var level: UInt64
  private var refilledAt: UInt64

  /// A full bucket at `now` milliseconds.
  public init(_ budget: RateBudget, now: UInt64) {
    self.budget = budget
    level = budget.count * budget.milliseconds
    refilledAt = now
  }

  /// Takes one token; false if there is none.
  ///
  /// A clock that steps back gives no tokens.
  public mutating func take(now: UInt64) -> Bool {
    if now > refilledAt {
      let full = budget.count * budget.milliseconds
      let (gain, overflow) = (now - refilledAt).multipliedReportingOverflow(by: budget.count)
      level = overflow || gain > full - level ? full : level + gain
      refilledAt = now
    }
    guard level >= budget.milliseconds else { return false }
    level -= budget.milliseconds
    return true
  }
}

/// What one peer may cost this side.
///
/// Each constant answers an attack; the presets are per role.
public struct HTTP2Limits: Hashable, Sendable {
  /// Streams that the peer may have open at once (advertised as SETTINGS_MAX_CONCURRENT_STREAMS).
  public var streamsMax: Int
  /// Streams that this side may have open before the peer's SETTINGS say how many it takes.
  public var streamsBeforeSettings: Int
  /// Bytes of one header section after decompression, 32 added per field (RFC 9113, section 6.5.2);
  /// libnghttp2 advertises but does not hold it: 16 kB on the wire can become 47 MB.
  public var headerBytesMax: Int
  /// Fields of one header section.
  public var headerFieldsMax: Int
  /// A section that is larger has its stream reset; one beyond so many times either bound ends the connection, at that field: nobody
  /// comes to it by mistake, and what is left of it would have to be decompressed, in half a millisecond for each 16 kB.
  public static let headerExcessMax = 4
  /// What the reset of such a stream counts of `resetsSent`: a section that is too large costs what a hundred requests do.
  public static let headerExcessResets = 10
  /// Bytes that a peer may send on a stream before this side's owner has consumed them.
  public var streamWindow: Int
  /// The same for all streams together; it bounds the memory of the connection.
  public var connectionWindow: Int
  /// All frames.
  public var frames: RateBudget
  /// Frames that carry nothing: PING, SETTINGS, PRIORITY, empty DATA, unknown types.
  public var idleFrames: RateBudget
  /// RST_STREAM frames that the peer sends.
  public var resetsReceived: RateBudget
  /// RST_STREAM frames that the peer makes this side send, refused streams included; an owner's own
  /// `reset` does not count.
  public var resetsSent: RateBudget
  /// CONTINUATION frames after one HEADERS frame.
  public var continuationsMax: Int
  /// PING and SETTINGS acknowledgements that wait to be sent.
  public var outboundAcksMax: Int
  /// Entries of one SETTINGS frame.
  public var settingsEntriesMax: Int
  /// Queued bytes of one stream from which on the owner should stop sending; it hears `writable` once
  /// they fall to half of it.
  public var outboundHighWater: Int
  /// Queued bytes of one stream above which it is reset: its owner did not stop, or its reader never reads.
  public var outboundMax: Int
  /// Queued bytes of all streams together, above which the stream that would add to them is reset: who opens a thousand
  /// streams and no window is answered on each.
  public var outboundTotalMax: Int
  /// Bytes that a reader takes at least, of what waits on a stream, before `resetStalled` gives it up: one who takes a byte now and
  /// then keeps all the rest here.
  public var takenMin: Int
  /// Bytes of messages that have begun and not ended, on all streams together: the session knows no
  /// messages, so the room that cuts them holds this bound.
  public var unfinishedBytesMax: Int

  /// A coordinator or gateway of the cluster, known by its certificate: it is trusted to be busy, not to be sane.
  ///
  /// The connection window covers 64 full streams, so that a few paused ones do not stop the rest.
  public static let authenticatedNode = HTTP2Limits(
    streamsMax: 16_384, streamsBeforeSettings: 16_384, headerBytesMax: 16 << 10,
    headerFieldsMax: 64, streamWindow: 1 << 20, connectionWindow: 64 << 20,
    frames: RateBudget(1_000_000), idleFrames: RateBudget(20_000),
    resetsReceived: RateBudget(16_384), resetsSent: RateBudget(16_384, per: 60_000),
    continuationsMax: 4, outboundAcksMax: 100, settingsEntriesMax: 32,
    outboundHighWater: 256 << 10, outboundMax: 64 << 20, outboundTotalMax: 1 << 30,
    takenMin: 1, unfinishedBytesMax: 64 << 20)

  /// A supplier's worker, known by its certificate: a stream for each of its slots, of which it has 256 at most, and one of its own.
  ///
  /// Its tokens are a frame each. Whoever runs it is no operator of the cluster: what it may cost is what its work takes.
  public static let worker = HTTP2Limits(
    streamsMax: 1_024, streamsBeforeSettings: 1_024, headerBytesMax: 16 << 10,
    headerFieldsMax: 64, streamWindow: 256 << 10, connectionWindow: 16 << 20,
    frames: RateBudget(200_000), idleFrames: RateBudget(5_000),
    resetsReceived: RateBudget(2_048, per: 10_000), resetsSent: RateBudget(2_048, per: 60_000),
    continuationsMax: 4, outboundAcksMax: 100, settingsEntriesMax: 32,
    outboundHighWater: 256 << 10, outboundMax: 16 << 20, outboundTotalMax: 256 << 20,
    takenMin: 1, unfinishedBytesMax: 16 << 20)

  /// A client that authenticates each stream by its key.
  public static let client = HTTP2Limits(
    streamsMax: 1_024, streamsBeforeSettings: 100, headerBytesMax: 16 << 10, headerFieldsMax: 64,
    streamWindow: 256 << 10, connectionWindow: 16 << 20, frames: RateBudget(50_000),
    idleFrames: RateBudget(2_000), resetsReceived: RateBudget(1_000, per: 10_000),
    resetsSent: RateBudget(500, per: 60_000), continuationsMax: 4, outboundAcksMax: 100,
    settingsEntriesMax: 32, outboundHighWater: 256 << 10, outboundMax: 16 << 20,
    outboundTotalMax: 64 << 20, takenMin: 64 << 10, unfinishedBytesMax: 16 << 20)

  /// Anybody: the figures that stop every attack of the table in this room's README.
  public static let stranger = HTTP2Limits(
    streamsMax: 64, streamsBeforeSettings: 64, headerBytesMax: 16 << 10, headerFieldsMax: 64,
    streamWindow: 256 << 10, connectionWindow: 4 << 20, frames: RateBudget(10_000),
    idleFrames: RateBudget(500), resetsReceived: RateBudget(100, per: 10_000),
    resetsSent: RateBudget(100, per: 60_000), continuationsMax: 4, outboundAcksMax: 100,
    settingsEntriesMax: 32, outboundHighWater: 256 << 10, outboundMax: 16 << 20,
    outboundTotalMax: 16 << 20, takenMin: 64 << 10, unfinishedBytesMax: 2 << 20)
}
