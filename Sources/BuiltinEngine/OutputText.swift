internal import OpenAIFormat

/// Turns tokens into events, and finds the strings that end an output.
///
/// A token leaves when all of its text may: when no character is half there, and nothing that is held could
/// still become a stop string. So the ids in a record stand for exactly the text in it, and an output that
/// goes on after them has nothing to make up for.
struct OutputText {
  private let stops: [[UInt8]]
  private var held: [UInt8] = []
  /// Held tokens: each with where its text ends in `held`.
  private var tokens: [(id: UInt32, end: Int)] = []

  /// Text that may leave, with its tokens.
  struct Piece: Hashable {
    var text: [UInt8]
    var ids: [UInt32]
  }

  init(stops: [String]) {
    self.stops = stops.map { Array($0.utf8) }.filter { !$0.isEmpty }
  }

  /// Takes a token's text; gives what may leave, and whether a stop string has come.
  ///
  /// With a stop string, the text before it leaves with all tokens: they were generated.
  mutating func append(_ id: UInt32, _ text: [UInt8]) -> (piece: Piece?, isStopped: Bool) {
    // A stop string ends within the new text, or it would have been found before.
    let before = held.count
    held += text
    tokens.append((id, held.count))
    if let start = stopStart(endingAfter: before) {
      held.removeSubrange(start...)
      return (finish(), true)
    }
    let free = held.count - holdCount()
    var end = 0
    var count = 0
    for (place, token) in tokens.enumerated() where token.end <= free {
      if UTF8Assembler.partialTail(of: Array(held[..<token.end])) == 0 {
        end = token.end
        count = place + 1
      }
    }
    guard count > 0 else { return (nil, false) }
    let piece = Piece(text: Self.repaired(held[..<end]), ids: tokens[..<count].map(\.id))
    held.removeSubrange(..<end)
    tokens = tokens[count...].map { ($0.id, $0.end - end) }
    return (piece, false)
  }

  /// Gives what is held; half a character becomes U+FFFD.
  mutating func finish() -> Piece? {
    guard !tokens.isEmpty else { return nil }
    defer {
      held = []
      tokens = []
    }
    return Piece(text: Self.repaired(held[...]), ids: tokens.map(\.id))
  }

  private func stopStart(endingAfter before: Int) -> Int? {
    var first: Int?
    for stop in stops where held.count >= stop.count {
      let earliest = max(0, before - stop.count + 1)
      for start in stride(from: earliest, through: held.count - stop.count, by: 1)
      where held[start...].starts(with: stop) {
        first = min(first ?? start, start)
        break
      }
    }
    return first
  }

  /// Bytes at the end that may begin a stop string or a character.
  private func holdCount() -> Int {
    var most = UTF8Assembler.partialTail(of: Array(held.suffix(4)))
    for stop in stops {
      for length in stride(from: min(stop.count - 1, held.count), to: most, by: -1)
      where held.suffix(length).elementsEqual(stop.prefix(length)) {
        most = length
        break
      }
    }
    return most
  }

  private static func repaired(_ bytes: ArraySlice<UInt8>) -> [UInt8] {
    bytes.isEmpty ? [] : Array(String(decoding: bytes, as: UTF8.self).utf8)
  }
}
