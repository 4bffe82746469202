internal import Crypto

extension ModelBytes {
  /// Bytes that are hashed between two looks at whether to stop.
  private static let pieceBytes = 8 << 20

  /// SHA-256 of all bytes, as a worker states it: `gguf-sha256:` and 64 hexadecimal digits.
  ///
  /// Reads the whole model: a gigabyte takes about a second, and more from a slow disk.
  ///
  /// - Parameter isStopped: asked between pieces.
  /// - Returns: the text; nil if it was stopped.
  func digest(unless isStopped: () -> Bool = { false }) -> String? {
    var hash = SHA256()
    var place = 0
    while place < bytes.count {
      guard !isStopped() else { return nil }
      let end = min(place + Self.pieceBytes, bytes.count)
      hash.update(bufferPointer: UnsafeRawBufferPointer(rebasing: bytes[place..<end]))
      place = end
    }
    let digits = Array("0123456789abcdef".utf8)
    let text = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return "gguf-sha256:" + String(decoding: text, as: UTF8.self)
  }
}
