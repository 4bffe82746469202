// Where things of a document end, and what they stand for.
//
// Nothing here changes the cursor. What does costs a count of the document's owners for each byte that it looks at, and that was
// most of the time that a body of many small values took.
extension JSONScanner {
  // MARK: Space and bytes

  /// The next byte that is no space; mostly there is none.
  @inline(__always)
  func spaceEnd(from start: Int) -> Int {
    if let byte = byte(at: start), byte > 0x20 { return start }
    return longSpaceEnd(from: start)
  }

  private func longSpaceEnd(from start: Int) -> Int {
    let span = bytes.span
    var at = start
    while at < span.count {
      switch span[at] {
      case 0x20, 0x0a, 0x0d, 0x09: at += 1
      default: return at
      }
    }
    return at
  }

  @inline(__always)
  func byte(at place: Int) -> UInt8? { place < bytes.count ? bytes[place] : nil }

  // MARK: Numbers

  func numberEnd(from start: Int) throws(JSONError) -> Int {
    let span = bytes.span
    let whole = start + (span[start] == UInt8(ascii: "-") ? 1 : 0)
    var at = try digitsEnd(from: whole)
    if span[whole] == UInt8(ascii: "0"), at > whole + 1 {
      throw JSONError(.invalidNumber, at: whole)
    }
    if at < span.count, span[at] == UInt8(ascii: ".") { at = try digitsEnd(from: at + 1) }
    if at < span.count, span[at] | 0x20 == UInt8(ascii: "e") {
      at += 1
      if at < span.count, span[at] == UInt8(ascii: "+") || span[at] == UInt8(ascii: "-") {
        at += 1
      }
      at = try digitsEnd(from: at)
    }
    return at
  }

  @inline(__always)
  private func digitsEnd(from start: Int) throws(JSONError) -> Int {
    let span = bytes.span
    var at = start
    while at < span.count, span[at] &- UInt8(ascii: "0") <= 9 { at += 1 }
    guard at > start else {
      throw JSONError(at < span.count ? .invalidNumber : .unexpectedEnd, at: at)
    }
    return at
  }

  /// What a number stands for, if it is written as an integer and fits 64 bits.
  func integer(of number: Range<Int>) -> Int? {
    let span = bytes.span
    let isNegative = span[number.lowerBound] == UInt8(ascii: "-")
    var value = 0
    for place in (number.lowerBound + (isNegative ? 1 : 0))..<number.upperBound {
      let digit = Int(span[place]) - Int(UInt8(ascii: "0"))
      guard (0...9).contains(digit) else { return nil }
      let (shifted, overflow) = value.multipliedReportingOverflow(by: 10)
      let (next, carried) =
        isNegative
        ? shifted.subtractingReportingOverflow(digit) : shifted.addingReportingOverflow(digit)
      guard !overflow, !carried else { return nil }
      value = next
    }
    return value
  }

  /// As many whole numbers of at most `most` as stand from `start` on in a row, between commas, and where the last ends.
  func integers(from start: Int, upTo most: Int) -> (count: Int, end: Int) {
    let span = bytes.span
    var (count, end) = (0, start)
    var at = start
    while true {
      let first = at
      var value = 0
      while at < span.count, span[at] &- UInt8(ascii: "0") <= 9, at - first < 18 {
        value = value * 10 + Int(span[at] &- UInt8(ascii: "0"))
        at += 1
      }
      // A number that goes on otherwise, or begins with a zero, is for `readNumber`.
      guard at > first, at < span.count, value <= most,
        at == first + 1 || span[first] != UInt8(ascii: "0")
      else { return (count, end) }
      let after = spaceEnd(from: at)
      guard after < span.count else { return (count, end) }
      guard span[after] == UInt8(ascii: ",") else {
        return span[after] == UInt8(ascii: "]") ? (count + 1, at) : (count, end)
      }
      (count, end) = (count + 1, at)
      at = spaceEnd(from: after + 1)
    }
  }

  // MARK: Strings

  /// The string whose content begins at `start`.
  func string(from start: Int) throws(JSONError) -> StringSpan {
    let span = bytes.span
    var at = start
    var escaped = false
    while true {
      at = plainEnd(from: at)
      guard at < span.count else { throw JSONError(.unexpectedEnd, at: at) }
      switch span[at] {
      case UInt8(ascii: "\""): return StringSpan(content: start..<at, escaped: escaped)
      case UInt8(ascii: "\\"):
        escaped = true
        at = try escapeEnd(from: at)
      default: throw JSONError(.unexpectedByte(span[at]), at: at)
      }
    }
  }

  /// The next byte that means something in a string: a quote, a backslash, a control character; or the document's end.
  ///
  /// Most of a request is text, and whoever sends it chooses how much: blocks are looked at as a whole.
  @inline(__always)
  private func plainEnd(from start: Int) -> Int {
    let span = bytes.span
    var at = start
    // Where there is an escape there are more.
    let near = min(start + Self.blockBytes, span.count)
    while at < near, Self.isPlain(span[at]) { at += 1 }
    guard at == near else { return at }
    while at + Self.blockBytes <= span.count {
      let block = span.extracting(at..<(at + Self.blockBytes))
      // 0 once a byte is special; without a condition for each byte, the compiler looks at many of them at a time.
      var least = UInt8.max
      for place in 0..<Self.blockBytes {
        let byte = block[place]
        let quoted = min(byte ^ UInt8(ascii: "\""), byte ^ UInt8(ascii: "\\"))
        least = min(least, min(byte >> 5, quoted))
      }
      guard least != 0 else { break }
      at += Self.blockBytes
    }
    while at < span.count, Self.isPlain(span[at]) { at += 1 }
    return at
  }

  private static let blockBytes = 64

  /// Whether a byte in a string stands for itself, and the string goes on.
  @inline(__always)
  static func isPlain(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
  }

  private func escapeEnd(from start: Int) throws(JSONError) -> Int {
    guard start + 1 < bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
    switch bytes[start + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
      UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return start + 2
    case UInt8(ascii: "u"):
      guard start + 6 <= bytes.count else { throw JSONError(.unexpectedEnd, at: bytes.count) }
      for index in (start + 2)..<(start + 6) where hexadecimal(bytes[index]) == nil {
        throw JSONError(.invalidEscape, at: index)
      }
      return start + 6
    default: throw JSONError(.invalidEscape, at: start + 1)
    }
  }

  /// The document's bytes in a span, as written.
  public func text(of span: Range<Int>) -> String {
    String(decoding: bytes[span], as: UTF8.self)
  }

  /// The text that a string stands for; a lone surrogate becomes U+FFFD.
  func text(of string: StringSpan) -> String {
    string.escaped ? String(decoding: decode(string), as: UTF8.self) : text(of: string.content)
  }

  /// The bytes that a string stands for.
  public func decode(_ string: StringSpan) -> [UInt8] {
    guard string.escaped else { return Array(bytes[string.content]) }
    var result: [UInt8] = []
    result.reserveCapacity(string.content.count)
    var index = string.content.lowerBound
    while index < string.content.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        result.append(bytes[index])
        index += 1
        continue
      }
      let escape = bytes[index + 1]
      index += 2
      switch escape {
      case UInt8(ascii: "b"): result.append(0x08)
      case UInt8(ascii: "f"): result.append(0x0c)
      case UInt8(ascii: "n"): result.append(0x0a)
      case UInt8(ascii: "r"): result.append(0x0d)
      case UInt8(ascii: "t"): result.append(0x09)
      case UInt8(ascii: "u"):
        let (scalar, end) = scalar(at: index, before: string.content.upperBound)
        index = end
        result.append(contentsOf: UTF8.encode(scalar) ?? .init())
      default: result.append(escape)  // the quote, the backslash, the slash
      }
    }
    return result
  }

  /// How many bytes a string stands for.
  func decodedCount(_ string: StringSpan) -> Int {
    guard string.escaped else { return string.content.count }
    var count = 0
    var index = string.content.lowerBound
    while index < string.content.upperBound {
      guard bytes[index] == UInt8(ascii: "\\") else {
        count += 1
        index += 1
        continue
      }
      guard bytes[index + 1] == UInt8(ascii: "u") else {
        count += 1
        index += 2
        continue
      }
      let (scalar, end) = scalar(at: index + 2, before: string.content.upperBound)
      count += UTF8.width(scalar)
      index = end
    }
    return count
  }

  /// The character of the four digits at `index`, with the other half of a surrogate pair, and where it ends.
  private func scalar(at index: Int, before end: Int) -> (scalar: UnicodeScalar, end: Int) {
    let unit = codeUnit(at: index)
    let next = index + 4
    if unit & 0xfc00 == 0xd800, next + 6 <= end, bytes[next] == UInt8(ascii: "\\"),
      bytes[next + 1] == UInt8(ascii: "u"), codeUnit(at: next + 2) & 0xfc00 == 0xdc00,
      let scalar = UnicodeScalar(
        0x10000 + (unit & 0x3ff) << 10 + (codeUnit(at: next + 2) & 0x3ff))
    {
      return (scalar, next + 6)
    }
    return (UnicodeScalar(unit) ?? "\u{fffd}", next)
  }

  private func codeUnit(at index: Int) -> UInt32 {
    var unit: UInt32 = 0
    for digit in bytes[index..<(index + 4)] { unit = unit << 4 | (hexadecimal(digit) ?? 0) }
    return unit
  }

  private func hexadecimal(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }
}
