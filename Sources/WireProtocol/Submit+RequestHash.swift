internal import Crypto
internal import ExchangeTypes

extension Submit {
  /// SHA-256 over what makes two submits the same request: everything in them but who is following, and for how long it waits.
  ///
  /// In the canonical encoding: mode and endpoint `u8` each; the model; the highest prices for input and output, `u64` each behind a byte 1, or a
  /// byte 0; the body; and how long the output is kept, `u64` milliseconds, if that is said. What a gateway submits names no prices and no time,
  /// and is attached, or submitted where it has an `Idempotency-Key`; its body is that of the HTTP request.
  public var requestHash: [UInt8] {
    var writer = CanonicalWriter(capacity: body.count + 64)
    writer.write(mode.rawValue)
    writer.write(endpoint.rawValue)
    writer.write(model)
    writer.write(maxInputPrice) { $0.write($1.rawValue) }
    writer.write(maxOutputPrice) { $0.write($1.rawValue) }
    writer.write(body)
    if let retentionMs { writer.write(retentionMs) }
    // A digest does not say how long it is: an array of it would grow step by step.
    var hash: [UInt8] = []
    hash.reserveCapacity(SHA256.byteCount)
    hash.append(contentsOf: SHA256.hash(data: writer.bytes))
    return hash
  }
}
