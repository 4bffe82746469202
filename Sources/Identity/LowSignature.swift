/// The one of two forms of an ECDSA signature over P-256 that counts.
///
/// With (r, s) also (r, n - s) is valid, n being the order of the curve (FIPS 186-5 and SP 800-186, 3.2.1.3), which anyone can
/// make of it. Where a text is to stand for one value, the lower s is taken and the other refused, as in BIP 62 for secp256k1.
enum LowSignature {
  private static let order: [UInt8] = [
    0xff, 0xff, 0xff, 0xff, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    0xbc, 0xe6, 0xfa, 0xad, 0xa7, 0x17, 0x9e, 0x84, 0xf3, 0xb9, 0xca, 0xc2, 0xfc, 0x63, 0x25, 0x51,
  ]

  /// Whether s, the second half of 64 bytes, is at most n - s.
  static func isLow(_ signature: [UInt8]) -> Bool {
    guard signature.count == 64 else { return false }
    return !negated(signature[32...]).lexicographicallyPrecedes(signature[32...])
  }

  /// The signature, of 64 bytes, with the lower s.
  static func of(_ signature: [UInt8]) -> [UInt8] {
    isLow(signature) ? signature : signature[..<32] + negated(signature[32...])
  }

  /// n - s, big-endian.
  private static func negated(_ s: ArraySlice<UInt8>) -> [UInt8] {
    var result = order
    var borrow = 0
    for (place, byte) in zip(result.indices, s).reversed() {
      let difference = Int(result[place]) - Int(byte) - borrow
      result[place] = UInt8(truncatingIfNeeded: difference)
      borrow = difference < 0 ? 1 : 0
    }
    return result
  }
}
