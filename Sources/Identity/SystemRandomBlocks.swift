internal import Glibc

/// The system's random bits, asked for 256 bytes at a time.
///
/// `SystemRandomNumberGenerator` makes a system call for each 8 bytes: six for every job that is sealed. A
/// word leaves the block when it is given, so what was drawn is held nowhere here.
///
/// Not `Sendable`: one loop owns it. A class, since a copy would give the same words again.
public final class SystemRandomBlocks: RandomNumberGenerator {
  private static let blockWords = 32
  private var words: [UInt64] = []

  /// A generator that has asked for nothing yet.
  public init() {}

  /// 64 random bits.
  public func next() -> UInt64 {
    if let word = words.popLast() { return word }
    words = [UInt64](repeating: 0, count: Self.blockWords)
    // 256 bytes are the most that come whole and uninterrupted (getentropy(3)).
    let code = words.withUnsafeMutableBytes { buffer in
      buffer.baseAddress.map { getentropy($0, buffer.count) } ?? -1
    }
    precondition(code == 0, "the system gives no random bits: errno \(errno)")
    return words.removeLast()
  }
}
