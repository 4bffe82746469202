/// Tool calls in a choice of a chunk, where one chunk is too large: as several, of which a client makes the same calls.
///
/// Clients put the arguments of a call together by its index (OpenAI API reference, `chat.completion.chunk`,
/// `choices[].delta.tool_calls[]`): most engines send them a token at a time, Ollama sends each call whole.
public enum ToolCallDelta {
  /// A piece as it is written, without the arguments in it.
  private static let frameBytes = 128
  /// What one byte of a string takes in JSON at most (RFC 8259 §7: `\u001f`).
  private static let escapedBytesMax = 6

  /// The members of a choice in pieces: all but the arguments first, then the arguments of each call, in order.
  ///
  /// - Parameters:
  ///   - choice: a JSON object with a `delta`.
  ///   - bytesMax: how large a piece may be.
  /// - Returns: nil if its size is not due to arguments, or a call has no index.
  public static func pieces(of choice: [UInt8], bytesMax: Int) -> [[UInt8]]? {
    guard var scanner = try? JSONScanner(choice), let calls = try? arguments(&scanner),
      !calls.isEmpty
    else { return nil }
    var frame: [UInt8] = []
    var end = 0
    for call in calls {
      guard call.index != nil else { return nil }
      frame += choice[end..<call.arguments.content.lowerBound]
      end = call.arguments.content.upperBound
    }
    frame += choice[end...]
    guard frame.count <= bytesMax, bytesMax > frameBytes + escapedBytesMax * 4 else { return nil }
    let size = (bytesMax - frameBytes) / escapedBytesMax
    return [frame]
      + calls.flatMap { call in
        parts(of: scanner.decode(call.arguments), size: size).map { piece($0, of: call.index ?? 0) }
      }
  }

  private typealias Call = (index: Int?, arguments: JSONScanner.StringSpan)

  private static func arguments(_ scanner: inout JSONScanner) throws(JSONError) -> [Call] {
    var calls: [Call] = []
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      guard key == "delta", try scanner.peek() == .object else {
        try scanner.skipValue()
        continue
      }
      try scanner.beginObject()
      while let key = try scanner.nextKey() {
        guard key == "tool_calls", try scanner.peek() == .array else {
          try scanner.skipValue()
          continue
        }
        try scanner.beginArray()
        while try scanner.nextElement() {
          if let call = try readCall(&scanner) { calls.append(call) }
        }
      }
    }
    return calls
  }

  /// A call; nil if it has no arguments as a string.
  private static func readCall(_ scanner: inout JSONScanner) throws(JSONError) -> Call? {
    var index: Int?
    var arguments: JSONScanner.StringSpan?
    try scanner.beginObject()
    while let key = try scanner.nextKey() {
      switch key {
      case "index" where try scanner.peek() == .number: index = try scanner.readInteger()
      case "function" where try scanner.peek() == .object:
        try scanner.beginObject()
        while let key = try scanner.nextKey() {
          if key == "arguments", try scanner.peek() == .string {
            arguments = try scanner.readStringSpan()
          } else {
            try scanner.skipValue()
          }
        }
      default: try scanner.skipValue()
      }
    }
    return arguments.map { (index, $0) }
  }

  /// A text cut between characters.
  private static func parts(of text: [UInt8], size: Int) -> [ArraySlice<UInt8>] {
    var parts: [ArraySlice<UInt8>] = []
    var start = 0
    while start < text.count {
      var end = min(text.count, start + size)
      // A byte 10xxxxxx goes on with a character (RFC 3629 §3), of four bytes at most.
      while end < text.count, end > start + 4, text[end] & 0xc0 == 0x80 { end -= 1 }
      parts.append(text[start..<end])
      start = end
    }
    return parts
  }

  private static func piece(_ arguments: ArraySlice<UInt8>, of index: Int) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("delta")
    writer.beginObject()
    writer.key("tool_calls")
    writer.beginArray()
    writer.beginObject()
    writer.key("index")
    writer.integer(index)
    writer.key("function")
    writer.beginObject()
    writer.key("arguments")
    writer.string(utf8: arguments)
    writer.endObject()
    writer.endObject()
    writer.endArray()
    writer.endObject()
    writer.endObject()
    return writer.bytes
  }
}
