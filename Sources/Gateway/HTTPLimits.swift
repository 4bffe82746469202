internal import JobDispatch

/// What strangers may cost a gateway over HTTP.
///
/// Each figure answers an attack; times are in milliseconds, sizes in bytes.
public struct HTTPLimits: Hashable, Sendable {
  /// Header fields of one request, trailers included.
  public var headerFieldsMax = 100
  /// One header field, or the first line.
  public var headerFieldBytesMax = 16 << 10
  /// All header fields of one request.
  public var headerBytesMax = 32 << 10
  /// One body.
  public var bodyBytesMax = InferenceCall.bodyBytesMax
  /// A body that is longer is read beside the loop, which serves others meanwhile.
  public var bodyBytesAtOnceMax = 16 << 10
  /// All bodies of one loop that have not been handed on.
  public var bodyBytesInAllMax = 256 << 20
  /// Parts of further requests that a client sends before its answer has ended: those of one read are kept, up to
  /// this many.
  public var pipelinedPartsMax = 96
  /// From the connection to the end of its first request's head.
  public var headMilliseconds: UInt64 = 10_000
  /// From a request's head to the end of its body.
  public var bodyMilliseconds: UInt64 = 30_000
  /// From an answer to the end of the next request's head.
  public var idleMilliseconds: UInt64 = 75_000
  /// A reader that has taken neither what waits for it nor 64 KiB of it in this time has gone.
  public var stallMilliseconds: UInt64 = 30_000
  /// How long the last bytes of an ended connection may take.
  public var lingerMilliseconds: UInt64 = 2_000
  /// Bytes that wait for a client's socket above which its job's stream is paused; it goes on below a quarter.
  public var outboundHighWater = 256 << 10
  /// Bytes that wait for all clients of a loop together, above which the address for which the most waits loses its connections: who asks
  /// on thousands of them and reads nothing would have a gateway keep gigabytes.
  public var outboundInAllMax = 128 << 20
  /// How often the times above are looked at.
  public var sweepMilliseconds: UInt64 = 250

  /// The defaults.
  public init() {}
}
