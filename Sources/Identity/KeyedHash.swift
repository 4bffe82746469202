internal import Crypto

/// HMAC-SHA256 (RFC 2104), and one block of HKDF's expansion by it (RFC 5869, section 2.3).
///
/// swift-crypto's own is generic code that the compiler does not specialise for callers outside, and it
/// pads the key byte by byte into fresh buffers; a leader that seals every job pays that for each. This
/// is the definition over the library's SHA-256; `IdentityTests` holds it to the library's answers.
enum KeyedHash {
  private static let blockBytes = 64

  /// The authentication code of `bytes` under a key of at most 64 bytes: 32 bytes.
  static func code(of bytes: [UInt8], key: [UInt8]) -> [UInt8] {
    precondition(key.count <= blockBytes, "longer keys are hashed first; there are none here")
    let inner = digest(pad(key, 0x36, followedBy: bytes))
    return digest(pad(key, 0x5c, followedBy: inner))
  }

  /// HKDF-SHA256's expansion of a uniform key to 32 bytes: its first block, T(1).
  static func expand(_ key: [UInt8], info: [UInt8]) -> [UInt8] { code(of: info + [1], key: key) }

  private static func pad(_ key: [UInt8], _ mask: UInt8, followedBy rest: [UInt8]) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: blockBytes + rest.count) { buffer, count in
      for place in key.indices { buffer[place] = key[place] ^ mask }
      buffer[key.count..<blockBytes].update(repeating: mask)
      _ = buffer[blockBytes...].initialize(fromContentsOf: rest)
      count = blockBytes + rest.count
    }
  }

  private static func digest(_ bytes: [UInt8]) -> [UInt8] {
    var hash = SHA256()
    bytes.withUnsafeBytes { hash.update(bufferPointer: $0) }
    return hash.finalize().withUnsafeBytes { Array($0) }
  }
}
