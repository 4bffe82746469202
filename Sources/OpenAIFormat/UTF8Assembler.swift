/// Joins pieces of text that may be cut inside a character, and gives out whole characters only.
///
/// At most three bytes are held back. Bytes that no continuation can make valid become U+FFFD, one for each
/// maximal subpart (Unicode 16 §3.9, D93b), as a decoder of the whole text would do.
public struct UTF8Assembler: Hashable, Sendable {
  private var held: [UInt8] = []

  /// Starts with nothing held back.
  public init() {}

  /// Whether a character has begun and not ended.
  public var holdsPartialCharacter: Bool { !held.isEmpty }

  /// Adds a piece and gives the valid text that is now complete.
  public mutating func append(_ piece: [UInt8]) -> [UInt8] {
    if held.isEmpty, Self.isValid(piece) { return piece }
    let bytes = held + piece
    let tail = Self.partialTail(of: bytes)
    held = Array(bytes.suffix(tail))
    return Self.repair(bytes.dropLast(tail))
  }

  /// Gives what is left as text: U+FFFD if the stream ended inside a character.
  public mutating func finish() -> [UInt8] {
    defer { held = [] }
    return Self.repair(held[...])
  }

  private static func isValid(_ bytes: [UInt8]) -> Bool {
    (try? UTF8Span(validating: bytes.span)) != nil
  }

  private static func repair(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    bytes.isEmpty ? [] : Array(String(decoding: bytes, as: UTF8.self).utf8)
  }

  /// How many bytes at the end are the start of a character that more bytes could complete: 0 to 3.
  public static func partialTail(of bytes: [UInt8]) -> Int {
    for length in 1...3 where length <= bytes.count {
      let lead = bytes[bytes.count - length]
      if lead & 0xc0 == 0x80 { continue }  // a continuation: the lead is further left
      let needed =
        switch lead {
        case 0xc2...0xdf: 2
        case 0xe0...0xef: 3
        case 0xf0...0xf4: 4
        default: 0
        }
      guard length < needed else { return 0 }
      if length >= 2 {
        // The second byte's range is narrower after some leads (Unicode 16, table 3-7).
        let second = bytes[bytes.count - length + 1]
        let allowed: ClosedRange<UInt8> =
          switch lead {
          case 0xe0: 0xa0...0xbf
          case 0xed: 0x80...0x9f
          case 0xf0: 0x90...0xbf
          case 0xf4: 0x80...0x8f
          default: 0x80...0xbf
          }
        if !allowed.contains(second) { return 0 }
      }
      return length
    }
    return 0
  }
}
