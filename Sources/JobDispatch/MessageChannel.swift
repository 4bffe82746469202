public import WireProtocol

/// One stream of messages to one peer, as the machines of this room see it.
///
/// The shell puts an HTTP/2 stream behind it, a simulator a queue. Messages arrive in order or not at
/// all; the machine that owns a channel is told of each message and, once, of its end.
public protocol MessageChannel: AnyObject {
  /// Queues a message; dropped if the channel has ended.
  func send(_ message: any WireMessage)

  /// Ends our side after what is queued: the peer sees an orderly end.
  func finish()

  /// Ends both sides at once; what is queued may be lost.
  func abort()

  /// Bytes that are queued and not yet taken by the peer. A machine that would send without bound
  /// stops at `MessageChannelLimits.outstandingBytesMax` and goes on when told `writable`.
  var outstandingBytes: Int { get }

  /// Stops (or resumes) giving the peer credit for what it sends: while paused, at most one flow
  /// control window of messages still arrives.
  func setReading(_ isReading: Bool)
}

/// Told of what arrives on a channel.
///
/// The shell calls these on the loop that owns the machine.
public protocol MessageChannelOwner: AnyObject {
  /// A message arrived.
  func received(_ message: Message, on channel: any MessageChannel)
  /// `outstandingBytes` fell to half of the bound after having reached it.
  func writable(_ channel: any MessageChannel)
  /// The channel has ended, in order or not; nothing more arrives and nothing more is sent.
  func closed(_ channel: any MessageChannel)
}

/// Bounds of a channel.
public enum MessageChannelLimits {
  /// A reader that is this far behind is served from the record later, instead of from memory now.
  public static let outstandingBytesMax = 256 << 10
}

/// The time that machines know: monotonic milliseconds, driven by the shell or by a simulator.
public protocol MonotonicClock: AnyObject {
  /// Milliseconds since an arbitrary moment; never decreases.
  var now: UInt64 { get }
}
