// Whole values, read past at once.
//
// A request can bring a hundred thousand small objects, which nobody looks at but to check them and to count what a template may
// print of them. Both are done in one pass, in which the cursor stands still and no key becomes a text.
extension JSONScanner {
  /// A value of the document, which has been checked.
  struct ValueEnd {
    /// The byte after it.
    let offset: Int
    /// The most bytes that a template can print it in (`PromptBound`); 0 where that is not asked for.
    let printed: Int
  }

  /// Checks the value that begins at `start`, or behind space there.
  ///
  /// - Parameters:
  ///   - start: any place of the document.
  ///   - level: how many arrays and objects it is in, itself counted, from where this was first called.
  ///   - isPrinted: whether to count what a template can print it in.
  /// - Returns: where it ends.
  /// - Throws: what is wrong with it, at its byte.
  func valueEnd(
    from start: Int, level: Int = 1, counting isPrinted: Bool
  ) throws(JSONError) -> ValueEnd {
    let at = spaceEnd(from: start)
    guard let byte = byte(at: at) else { throw JSONError(.unexpectedEnd, at: at) }
    switch byte {
    case UInt8(ascii: "{"), UInt8(ascii: "["):
      return try listEnd(from: at, level: level, counting: isPrinted)
    case UInt8(ascii: "\""):
      let content = try string(from: at + 1).content
      return ValueEnd(
        offset: content.upperBound + 1,
        printed: isPrinted ? PromptBound.string(content, of: bytes) : 0)
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"):
      let end = try numberEnd(from: at)
      return ValueEnd(
        offset: end, printed: isPrinted ? PromptBound.number(at..<end, of: bytes) : 0)
    case UInt8(ascii: "t"): return try literalEnd("true", from: at)
    case UInt8(ascii: "f"): return try literalEnd("false", from: at)
    case UInt8(ascii: "n"): return try literalEnd("null", from: at)
    default: throw JSONError(.unexpectedByte(byte), at: at)
    }
  }

  /// The same of the array or object that begins at `start`.
  private func listEnd(
    from start: Int, level: Int, counting isPrinted: Bool
  ) throws(JSONError) -> ValueEnd {
    guard depth + level <= depthMax else { throw JSONError(.tooDeep, at: start) }
    let span = bytes.span
    let isObject = span[start] == UInt8(ascii: "{")
    let closing = isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")
    let separator = PromptBound.separator(atLevel: level)
    var printed = 2 + separator
    var at = spaceEnd(from: start + 1)
    var isFirst = true
    while at < span.count, span[at] != closing {
      if !isFirst {
        guard span[at] == UInt8(ascii: ",") else {
          throw JSONError(.unexpectedByte(span[at]), at: at)
        }
        at += 1
      }
      isFirst = false
      if isObject {
        let key = try keyEnd(from: at)
        at = key.end
        if isPrinted { printed += PromptBound.string(key.string.content, of: bytes) + 2 }
      }
      let value = try valueEnd(from: at, level: level + 1, counting: isPrinted)
      printed += value.printed + separator + 4
      at = spaceEnd(from: value.offset)
    }
    guard at < span.count else { throw JSONError(.unexpectedEnd, at: at) }
    return ValueEnd(offset: at + 1, printed: isPrinted ? printed : 0)
  }

  /// A key that begins at `start`, or behind space there, and the byte after its colon.
  @inline(__always)
  func keyEnd(from start: Int) throws(JSONError) -> (string: StringSpan, end: Int) {
    let span = bytes.span
    let first = spaceEnd(from: start)
    guard first < span.count else { throw JSONError(.unexpectedEnd, at: first) }
    guard span[first] == UInt8(ascii: "\"") else {
      throw JSONError(.unexpectedByte(span[first]), at: first)
    }
    let string = try string(from: first + 1)
    let after = spaceEnd(from: string.content.upperBound + 1)
    guard after < span.count else { throw JSONError(.unexpectedEnd, at: after) }
    guard span[after] == UInt8(ascii: ":") else {
      throw JSONError(.unexpectedByte(span[after]), at: after)
    }
    return (string, after + 1)
  }

  private func literalEnd(
    _ literal: StaticString, from start: Int
  ) throws(JSONError) -> ValueEnd {
    let end = try end(of: literal, from: start)
    return ValueEnd(offset: end, printed: PromptBound.literalBytesMax)
  }

  /// Where a literal that begins at `start` ends.
  func end(of literal: StaticString, from start: Int) throws(JSONError) -> Int {
    var at = start
    for expected in literal.description.utf8 {
      guard let byte = byte(at: at) else { throw JSONError(.unexpectedEnd, at: at) }
      guard byte == expected else { throw JSONError(.unexpectedByte(byte), at: at) }
      at += 1
    }
    return at
  }
}
