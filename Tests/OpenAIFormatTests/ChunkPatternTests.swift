import OpenAIFormat
import Testing

@Suite("What a stream's chunks have in common") struct ChunkPatternTests {
  /// What a reader makes of a stream: the chunks, and what is no chunk as text.
  enum Item: Hashable {
    case chunk(StreamChunk)
    case other(String)
  }

  /// Every event parsed as a whole.
  private func parsed(_ bytes: [UInt8]) throws -> [Item] {
    var scanner = SSEScanner()
    scanner.append(bytes)
    var items: [Item] = []
    while let event = try scanner.next() {
      items.append((try? StreamChunk.parse(event.data)).map { .chunk($0) } ?? .other("\(event)"))
    }
    return items
  }

  /// The same bytes in pieces, as an engine's reader takes them; with how many were known by their pattern.
  private func read(_ pieces: [[UInt8]]) throws -> (items: [Item], known: Int) {
    var scanner = SSEScanner()
    var pattern: ChunkPattern?
    var items: [Item] = []
    var known = 0
    for piece in pieces {
      scanner.append(piece)
      while true {
        if let pattern, let text = scanner.next(like: pattern) {
          var chunk = pattern.chunk
          chunk.choices = [pattern.choice(with: text)]
          items.append(.chunk(chunk))
          known += 1
        } else if let event = try scanner.next() {
          if let (chunk, learned) = try? StreamChunk.parse(learning: event.data) {
            items.append(.chunk(chunk))
            pattern = learned ?? pattern
          } else {
            items.append(.other("\(event)"))
          }
        } else {
          break
        }
      }
    }
    return (items, known)
  }

  private static func data(_ json: String) -> String { "data: \(json)\n\n" }
  private static func chat(_ delta: String, _ more: String = "\"finish_reason\":null") -> String {
    data(
      #"{"id":"c-1","object":"chat.completion.chunk","created":17,"model":"m","choices":[{"index":0,"delta":{"#
        + delta + "}," + more + "}]}")
  }

  /// Strings as engines write them: plain ones, escaped ones, none, and halves of characters.
  private static let strings: [[UInt8]] =
    [
      " the", "", "ä😀", #"\n"#, #"a\"b"#, #"\u00e9"#, "]}\u{7f}", "data: ", "null", "}],", "[DONE]",
      "\t", "'",
      String(repeating: "long ", count: 40),
    ].map { Array($0.utf8) } + [[0xc3], [0xa4], [0xf0, 0x9f], [0x98, 0x80]]

  /// The shapes around a string, `$` is where it goes; among them such as would deceive who looks at too little.
  private static let shapes: [String] = [
    chat(#""content":"$""#), chat(#""role":"assistant","content":"$""#),
    chat(#""content":"$","reasoning_content":"""#), chat(#""content":"","reasoning":"$""#),
    chat(#""reasoning_content":"x","reasoning":"$""#),
    chat(#""reasoning_content":"$","reasoning":"$""#),
    chat(#""content":"x","content":"$""#), chat(#""content":"$","content":"x""#),
    chat(#""content":"$","content":"""#), chat(#""content":"$","tool_calls":[{"index":0}]"#),
    chat(#""content":"$""#, #""finish_reason":"stop""#),
    chat(#""content":"$""#, #""logprobs":null,"finish_reason":null,"token_ids":[1,2]"#),
    chat(#""content":"$""#, #""logprobs":{"content":[]},"finish_reason":null"#),
    data(#"{"choices":[{"index":1,"text":"$","finish_reason":null}]}"#),
    data(#"{"choices":[{"index":0,"text":"$"},{"index":1,"text":"$"}]}"#),
    data(#"{"choices":[{"index":0,"text":"$"}],"choices":[]}"#),
    data(
      #"{"choices":[{"index":0,"text":"$"}],"usage":{"prompt_tokens":1,"completion_tokens":1}}"#),
    data(
      #"{"choices":[{"index":0,"text":"$"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#),
    data(#"{"choices":[{"index":0,"text":"$"}],"timings":{"predicted_n":7}}"#),
    data(#"{"choices":[{"index":0,"text":"$"}],"timings":{"predicted_n":7,"cache_n":2}}"#),
    data(#"{"content":"$","stop":false}"#), data(#"{"content":"$","choices":[{"text":"y"}]}"#),
    data(#"{"content":"$","tokens":[5],"stop":false}"#),
    data(#"{"error":{"message":"$"}}"#), data(#"{"choices":[{"text":"$"}],"error":"$"}"#),
    "data: {\"choices\":[{\"index\":0,\ndata: \"text\":\"$\"}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\n\"text\":\"$\"}]}\n\n",
    "data:{\"choices\":[{\"index\":0,\"text\":\"$\"}]}\n\n",
    "data: {\"choices\":[{\"index\":0,\"text\":\"$\"}]}\r\n\r\n",
    "event: error\ndata: {\"choices\":[{\"index\":0,\"text\":\"$\"}]}\n\n",
    "event: message\n\n", ": comment $\n\n", "data: [DONE]\n\n", "\n", "data: {\"choices\":[\n\n",
  ]

  private static func bytes(_ shape: String, _ string: [UInt8]) -> [UInt8] {
    shape.utf8.flatMap { $0 == UInt8(ascii: "$") ? string : [$0] }
  }

  private static func pieces(_ bytes: [UInt8], _ random: inout SystemRandom) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let size = random.below(4) == 0 ? random.below(8) + 1 : random.below(600) + 1
      pieces.append(Array(rest.prefix(size)))
      rest = rest.dropFirst(size)
    }
    return pieces
  }

  /// Numbers from a seed.
  struct SystemRandom {
    var state: UInt64
    mutating func below(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(state >> 33) % bound
    }
  }

  @Test("a stream of any shapes, cut anywhere, is read as by the parser alone", arguments: 0..<40)
  func equal(seed: Int) throws {
    var random = SystemRandom(state: UInt64(seed) &* 0x9e37_79b9)
    var known = 0
    for _ in 0..<50 {
      // Few shapes in a row, as one engine has them, so that most are known and what comes between is not.
      let shapes = (0...random.below(3)).map { _ in Self.shapes[random.below(Self.shapes.count)] }
      var stream: [UInt8] = []
      for _ in 0..<random.below(60) {
        let strings = Self.strings
        stream += Self.bytes(
          shapes[random.below(shapes.count)],
          random.below(3) > 0 ? strings[0] : strings[random.below(strings.count)])
      }
      let (items, count) = try read(Self.pieces(stream, &random))
      let expected = try parsed(stream)
      try #require(items == expected, "seed \(seed): \(String(decoding: stream, as: UTF8.self))")
      known += count
    }
    #expect(known > 100)
  }

  @Test("a stream as engines write it is parsed once, and then known")
  func knows() throws {
    let words = ["Once", " upon", " a", " time"]
    for shape in [
      Self.shapes[0], Self.shapes[3], Self.shapes[13], Self.shapes[18], Self.shapes[20],
    ] {
      let stream = words.flatMap { Self.bytes(shape, Array($0.utf8)) }
      #expect(try read([stream]).known == 3, "\(shape)")
    }
  }
}
