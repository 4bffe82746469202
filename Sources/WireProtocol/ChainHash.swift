internal import Crypto
public import ExchangeTypes

/// A hash over a job's record up to some event, so that two sides can compare all they hold by 32
/// bytes.
///
/// h₀ = SHA-256("switchyard stream 1" ‖ cluster id ‖ job); hₙ = SHA-256(hₙ₋₁ ‖ the canonical
/// encoding of event n). Cluster and job in h₀ keep one job's record from passing for another's.
public struct ChainHash: Sendable, Hashable {
  /// 32 bytes.
  public let bytes: [UInt8]

  /// The hash before the first event of `job`.
  public init(cluster: ClusterID, job: JobID) {
    var writer = CanonicalWriter(capacity: 48)
    writer.writeRaw(Self.domain)
    writer.write(cluster.rawValue)
    writer.write(job.rawValue)
    bytes = Array(SHA256.hash(data: writer.bytes))
  }

  /// A hash that arrived in a message; nil unless it has 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == SHA256.byteCount else { return nil }
    self.bytes = bytes
  }

  private init(digest: SHA256.Digest) {
    // A digest does not say how long it is: an array of it would grow step by step, once for each event.
    var bytes: [UInt8] = []
    bytes.reserveCapacity(SHA256.byteCount)
    for byte in digest { bytes.append(byte) }
    self.bytes = bytes
  }

  /// The hash after `event`.
  public func appending(_ event: Event) -> ChainHash {
    var writer = CanonicalWriter(capacity: 64 + 4 * event.ids.count + event.bytes.count)
    writer.writeRaw(bytes)
    event.encode(into: &writer)
    return ChainHash(digest: SHA256.hash(data: writer.bytes))
  }

  /// The hash after `events`, in their order.
  public func appending(_ events: some Sequence<Event>) -> ChainHash {
    events.reduce(self) { $0.appending($1) }
  }

  private static let domain = Array("switchyard stream 1".utf8)
}
