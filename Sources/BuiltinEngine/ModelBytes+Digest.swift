internal import Crypto

extension ModelBytes {
  /// SHA-256 of all bytes, as a worker states it: `gguf-sha256:` and 64 hexadecimal digits.
  ///
  /// Reads the whole model: a gigabyte takes about a second, and more from a slow disk.
  func digest() -> String {
    var hash = SHA256()
    hash.update(bufferPointer: bytes)
    let digits = Array("0123456789abcdef".utf8)
    let text = hash.finalize().flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
    return "gguf-sha256:" + String(decoding: text, as: UTF8.self)
  }
}
