internal import Crypto
public import ExchangeTypes

/// A hash over a job's record up to some event, so that two sides can compare all they hold by 32
/// bytes.
///
/// h₀ = SHA-256("switchyard stream 1" ‖ cluster id ‖ job); hₙ = SHA-256(hₙ₋₁ ‖ the canonical
/// encoding of event n). Cluster and job in h₀ keep one job's record from passing for another's.
public struct ChainHash: Sendable, Hashable {
  /// The hash as four big-endian numbers: a leader keeps one for each of hundreds of events of each stream, so none of them
  /// is an array of its own.
  private var words = SIMD4<UInt64>()

  /// 32 bytes.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: SHA256.byteCount)
    write(to: &writer)
    return writer.bytes
  }

  /// Writes the 32 bytes.
  func write(to writer: inout CanonicalWriter) {
    for place in 0..<4 { writer.write(words[place]) }
  }

  /// The hash before the first event of `job`.
  public init(cluster: ClusterID, job: JobID) {
    var writer = CanonicalWriter(capacity: 48)
    writer.writeRaw(Self.domain)
    writer.write(cluster.rawValue)
    writer.write(job.rawValue)
    self.init(of: writer.bytes)
  }

  /// A hash that arrived in a message; nil unless it has 32 bytes.
  public init?(bytes: [UInt8]) {
    guard bytes.count == SHA256.byteCount else { return nil }
    words = unsafe bytes.withUnsafeBytes { unsafe Self.words(of: $0) }
  }

  private init(of bytes: [UInt8]) {
    // In place, since each event of each stream comes here: what takes bytes of any kind, and the digest's iterator, cost as
    // much as the hash.
    var hasher = SHA256()
    unsafe bytes.withUnsafeBytes { unsafe hasher.update(bufferPointer: $0) }
    words = unsafe hasher.finalize().withUnsafeBytes { unsafe Self.words(of: $0) }
  }

  /// 32 bytes as four numbers.
  private static func words(of bytes: UnsafeRawBufferPointer) -> SIMD4<UInt64> {
    func word(_ place: Int) -> UInt64 {
      UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self))
    }
    return SIMD4(word(0), word(1), word(2), word(3))
  }

  /// The hash after `event`.
  public func appending(_ event: Event) -> ChainHash {
    var writer = CanonicalWriter(capacity: 64 + 4 * event.ids.count + event.bytes.count)
    write(to: &writer)
    event.encode(into: &writer)
    return ChainHash(of: writer.bytes)
  }

  /// The hash after `events`, in their order.
  public func appending(_ events: some Sequence<Event>) -> ChainHash {
    events.reduce(self) { $0.appending($1) }
  }

  private static let domain = Array("switchyard stream 1".utf8)
}
