/// What most chunks of one stream have in common: every byte but those of one string, the text.
///
/// Engines write the same identifier, model and members around each token. A chunk that was parsed, and whose only
/// text was a plain string, is remembered as what stands before and after that string, and as what it meant. An event
/// of the same bytes with another plain string between them means the same with that text, whatever the other members
/// are: JSON reads nothing of a string but its end. So it need not be parsed, nor copied.
public struct ChunkPattern: Hashable, Sendable {
  /// The parsed chunk, of which the text is none.
  public let chunk: StreamChunk
  /// Its only choice, likewise.
  public let choice: StreamChunk.Choice
  /// Whether the string is reasoning.
  private let isReasoning: Bool
  /// The event's bytes up to the string's first, and from its closing quote to the end of the blank line.
  private let before: [UInt8]
  private let after: [UInt8]

  /// The strings of a chunk that are output: how many have some, and where the last of them is.
  struct Strings {
    private(set) var count = 0
    private(set) var last: Range<Int>?

    /// One was read, of these bytes; an escaped one stands for other bytes than its own.
    mutating func note(_ string: JSONScanner.StringSpan) {
      guard !string.content.isEmpty else { return }
      count += 1
      last = string.escaped ? nil : string.content
    }
  }

  /// The pattern of a chunk; nil if there is more in it than one choice with one plain string.
  init?(of data: [UInt8], parsedAs parsed: StreamChunk, _ strings: Strings) {
    guard strings.count == 1, let span = strings.last, parsed.choices.count == 1,
      parsed.error == nil, parsed.choices[0].verbatim == nil, parsed.usage == nil,
      parsed.cachedTokens == nil, parsed.promptTokenIDs == nil,
      !data.contains(0x0a)  // of several lines, each with the name of its field
    else { return nil }
    let text = data[span]
    var choice = parsed.choices[0]
    isReasoning = choice.text.isEmpty
    guard (isReasoning ? choice.reasoning : choice.text).elementsEqual(text),
      isReasoning || choice.reasoning.isEmpty
    else { return nil }
    choice.text = []
    choice.reasoning = []
    self.choice = choice
    var chunk = parsed
    chunk.choices = [choice]
    self.chunk = chunk
    before = Array("data: ".utf8) + data[..<span.lowerBound]
    after = data[span.upperBound...] + [0x0a, 0x0a]
  }

  /// The choice with this text.
  public func choice(with text: [UInt8]) -> StreamChunk.Choice {
    var choice = choice
    if isReasoning { choice.reasoning = text } else { choice.text = text }
    return choice
  }

  /// Where the string is in an event that begins at `start`, and where the event ends; nil unless it is all there and like this one.
  func match(_ bytes: Span<UInt8>, from start: Int) -> (string: Range<Int>, end: Int)? {
    let first = start + before.count
    guard bytes.count - first > after.count, Self.stands(before.span, in: bytes, at: start) else {
      return nil
    }
    var end = first
    let last = bytes.count - after.count
    while end < last, JSONScanner.isPlain(bytes[end]) { end += 1 }
    guard end > first, Self.stands(after.span, in: bytes, at: end) else { return nil }
    return (first..<end, end + after.count)
  }

  /// Whether `part` stands at `start`, where there is room for it.
  ///
  /// Without a condition for each byte the compiler looks at many of them at a time.
  private static func stands(_ part: Span<UInt8>, in bytes: Span<UInt8>, at start: Int) -> Bool {
    let other = bytes.extracting(start..<(start + part.count))
    var differing: UInt8 = 0
    for place in 0..<part.count { differing |= part[place] ^ other[place] }
    return differing == 0
  }
}
