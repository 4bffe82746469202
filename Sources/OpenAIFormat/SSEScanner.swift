/// One server-sent event.
public struct SSEEvent: Hashable, Sendable {
  /// The event's type; empty where the stream names none.
  public let name: [UInt8]
  /// The data lines, joined with line feeds.
  public let data: [UInt8]

  /// OpenAI's marker for the end of a stream.
  public var isDone: Bool { data == Array("[DONE]".utf8) }
}

/// An event was larger than the scanner's limit.
public struct SSEOverflow: Error, Hashable, Sendable {
  /// The limit, in bytes of one event.
  public let eventBytesMax: Int

  /// Records the limit.
  public init(eventBytesMax: Int) { self.eventBytesMax = eventBytesMax }
}

/// Cuts a byte stream into server-sent events (WHATWG HTML §9.2.6), however it was split on the way.
///
/// Lines end in CR, LF or CRLF; comments, ids, retries and unknown fields are skipped; a leading byte order
/// mark too. Append what arrived, then take events until nil. Memory is bounded by the limit and the last
/// piece appended.
public struct SSEScanner: Sendable {
  private let eventBytesMax: Int
  private var buffer: [UInt8] = []
  /// The first byte of the line being read.
  private var lineStart = 0
  /// The first byte not yet searched for the line's end.
  private var searched = 0
  /// The last line ended in CR: a LF that comes next belongs to it.
  private var skipsLineFeed = false
  private var atStreamStart = true
  private var name: [UInt8] = []
  private var data: [UInt8] = []
  private var hasData = false

  /// Starts at the beginning of a stream.
  public init(eventBytesMax: Int = 4 << 20) { self.eventBytesMax = eventBytesMax }

  /// Adds bytes that arrived.
  public mutating func append(_ bytes: some Collection<UInt8>) {
    if lineStart == buffer.count {
      buffer.removeAll(keepingCapacity: true)
      searched -= lineStart
      lineStart = 0
    } else if lineStart > 0 {
      buffer.removeSubrange(..<lineStart)
      searched -= lineStart
      lineStart = 0
    }
    buffer.append(contentsOf: bytes)
  }

  /// The next whole event, or nil until more bytes are appended.
  public mutating func next() throws(SSEOverflow) -> SSEEvent? {
    while let line = nextLine() {
      if line.isEmpty {
        if let event = dispatch() { return event }
      } else {
        try take(line)
      }
    }
    guard buffer.count - lineStart + data.count <= eventBytesMax else {
      throw SSEOverflow(eventBytesMax: eventBytesMax)
    }
    return nil
  }

  /// The text of the next event, if that is all here and like those before it; nil if it is for `next()`.
  public mutating func next(like pattern: ChunkPattern) -> [UInt8]? {
    guard !skipsLineFeed, !atStreamStart, !hasData, name.isEmpty,
      let (string, end) = pattern.match(buffer.span, from: lineStart),
      end - lineStart <= eventBytesMax
    else { return nil }
    let text = Array(buffer[string])
    lineStart = end
    searched = end
    return text
  }

  /// The event that the end of the stream cut short, if any line of one had come.
  ///
  /// The standard discards it; engines exist that leave the last blank line away, so the caller decides.
  public mutating func finish() throws(SSEOverflow) -> SSEEvent? {
    if lineStart < buffer.count {
      let line = lineStart..<buffer.count
      lineStart = buffer.count
      try take(line)
    }
    return dispatch()
  }

  private mutating func nextLine() -> Range<Int>? {
    while searched < buffer.count {
      let byte = buffer[searched]
      if skipsLineFeed {
        skipsLineFeed = false
        if byte == 0x0a, searched == lineStart {
          searched += 1
          lineStart = searched
          continue
        }
      }
      guard byte == 0x0a || byte == 0x0d else {
        searched += 1
        continue
      }
      let line = lineStart..<searched
      skipsLineFeed = byte == 0x0d
      searched += 1
      lineStart = searched
      return line
    }
    return nil
  }

  private mutating func take(_ whole: Range<Int>) throws(SSEOverflow) {
    var line = whole
    if atStreamStart {
      atStreamStart = false
      if buffer[line].starts(with: [0xef, 0xbb, 0xbf]) {
        line = (line.lowerBound + 3)..<line.upperBound
      }
    }
    let colon = buffer[line].firstIndex(of: UInt8(ascii: ":")) ?? line.upperBound
    var value = min(colon + 1, line.upperBound)..<line.upperBound
    if let first = buffer[value].first, first == 0x20 {
      value = (value.lowerBound + 1)..<value.upperBound
    }
    let field = buffer[line.lowerBound..<colon]
    if field.elementsEqual("data".utf8) {
      guard data.count + value.count < eventBytesMax else {
        throw SSEOverflow(eventBytesMax: eventBytesMax)
      }
      if hasData { data.append(0x0a) }
      data.append(contentsOf: buffer[value])
      hasData = true
    } else if field.elementsEqual("event".utf8) {
      name = Array(buffer[value])
    }
  }

  private mutating func dispatch() -> SSEEvent? {
    atStreamStart = false
    defer {
      name = []
      data = []
      hasData = false
    }
    return hasData ? SSEEvent(name: name, data: data) : nil
  }
}
