import OpenAIFormat
import Testing

/// A small generator whose seed is in the test's name, so that a failure repeats.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15  // SplitMix64
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}

extension Result<Void, JSONError> {
  fileprivate var error: JSONError? { if case .failure(let error) = self { error } else { nil } }
}

@Suite("JSON") struct JSONScannerTests {
  @Test(
    "values of the grammar are accepted",
    arguments: [
      "null", " true ", "-0", "0.5e-3", "1E+2", #""\u00e9\ud83d\ude00\n\/""#, "[]", "{}",
      #"{"a":[1,{"b":[]}],"c":"d"}"#, "[[[[]]]]", #""é😀""#,
    ])
  func accepts(text: String) throws {
    var scanner = try JSONScanner(Array(text.utf8))
    try scanner.skipValue()
    try scanner.end()
    _ = try JSONValue.parse(Array(text.utf8))
  }

  @Test(
    "everything else is refused at its byte",
    arguments: [
      ("", 0), ("nul", 3), ("tru ", 3), ("01", 0), ("1.", 2), (".5", 0), ("-", 1), ("1e", 2),
      ("[1,]", 3), ("[1 2]", 3), (#"{"a" 1}"#, 5), (#"{"a":1,}"#, 7), ("{a:1}", 1), ("[", 1),
      (#""abc"#, 4), (#""\x""#, 2), (#""\u12g4""#, 5), ("\"\n\"", 1), ("1 2", 2), ("]", 0),
      ("+1", 0), ("NaN", 0), ("[}", 1), (#"{"a":}"#, 5),
    ])
  func refuses(text: String, offset: Int) {
    let error = #expect(throws: JSONError.self) { try JSONValue.parse(Array(text.utf8)) }
    #expect(error?.offset == offset, "\(String(describing: error))")
    // What nobody reads is checked as what is read.
    let skipped = #expect(throws: JSONError.self) {
      var scanner = try JSONScanner(Array(text.utf8))
      try scanner.skipValue()
      try scanner.end()
    }
    #expect(skipped == error)
  }

  @Test(
    "of mutated documents what is skipped is taken and refused as what is read",
    arguments: 0..<UInt64(4))
  func skipsAsItReads(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let shallow = JSONLimits(depthMax: 4)
    let document = Array(
      #" {"a":[1,-2.5e3,true,{"b\u00e9":null,"c":[]}],"d":"x\n\"y","e":{},"f":[[false],"é"]} "#.utf8
    )
    for _ in 0..<2_000 {
      var bytes = document
      for _ in 0...Int.random(in: 0..<3, using: &generator) {
        let place = Int.random(in: 0..<bytes.count, using: &generator)
        let other = document[Int.random(in: 0..<document.count, using: &generator)]
        switch Int.random(in: 0..<3, using: &generator) {
        case 0: bytes[place] = other
        case 1: bytes.insert(other, at: place)
        default: bytes.remove(at: place)
        }
      }
      let read = Result { () throws(JSONError) in _ = try JSONValue.parse(bytes, limits: shallow) }
      let skipped = Result { () throws(JSONError) in
        var scanner = try JSONScanner(bytes, limits: shallow)
        try scanner.skipValue()
        try scanner.end()
      }
      #expect(read.error == skipped.error, "\(String(decoding: bytes, as: UTF8.self))")
    }
  }

  @Test("limits hold: depth, size, encoding")
  func limits() {
    let deep = Array(String(repeating: "[", count: 65).utf8)
    #expect(throws: JSONError(.tooDeep, at: 64)) { try JSONValue.parse(deep) }
    #expect(throws: JSONError(.tooLarge, at: 4)) {
      try JSONValue.parse(Array("[1,2]".utf8), limits: JSONLimits(bytesMax: 4))
    }
    #expect(throws: JSONError(.invalidUTF8, at: 1)) { try JSONValue.parse([0x22, 0xc3, 0x22]) }
  }

  @Test("escapes decode, and a lone surrogate becomes a replacement character")
  func decodes() throws {
    let text = #""a\u0041\ud83d\ude00\ud800x\udc00\\\"\/\b\f\n\r\t""#
    let value = try JSONValue.parse(Array(text.utf8)).string
    #expect(value == "aA😀\u{fffd}x\u{fffd}\\\"/\u{8}\u{c}\n\r\t")
  }

  @Test("what ends a string is found at every place, among text of every length")
  func longStrings() throws {
    for count in 0..<100 {
      let text = String(repeating: "x", count: count)
      for (special, decoded) in [(#"\n"#, "\n"), (#"\u00e9"#, "é"), ("é", "é"), (#"\\"#, "\\")] {
        let value = try JSONValue.parse(Array("\"\(text)\(special)\(text)\"".utf8)).string
        #expect(value == text + decoded + text)
      }
      for (bytes, place) in [
        ("\"\(text)\u{1f}\(text)\"", count + 1), ("\"\(text)", count + 1),
        ("\"\(text)\"\(text)x", count + 2),
      ] {
        let error = #expect(throws: JSONError.self) { try JSONValue.parse(Array(bytes.utf8)) }
        #expect(error?.offset == place)
      }
    }
  }

  @Test("what the writer writes reads back", arguments: ["", "a\"b\\c\n\u{0}\u{1f}é😀/"])
  func roundTrip(text: String) throws {
    #expect(try JSONValue.parse(JSONWriter.string(text)).string == text)
  }

  @Test("mutated documents never trap any parser (seed 7)")
  func mutations() {
    let seeds = [
      #"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi\u00e9"}]}],"stop":["a"],"n":2,"stream_options":{"include_usage":true},"tools":[{"a":1.5e3}]}"#,
      #"{"choices":[{"index":0,"delta":{"content":"é","tool_calls":[{"x":null}]},"token_ids":[1,2],"finish_reason":null}],"usage":{"prompt_tokens":1,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":3}},"timings":{"predicted_n":4}}"#,
      #"{"error":{"message":"m","code":400}}"#,
    ].map { Array($0.utf8) }
    var generator = SeededGenerator(seed: 7)
    var parsed = 0
    for round in 0..<1500 {
      var bytes = seeds[round % seeds.count]
      for _ in 0..<Int.random(in: 0...3, using: &generator) {
        let index = Int.random(in: 0..<bytes.count, using: &generator)
        switch Int.random(in: 0...3, using: &generator) {
        case 0: bytes[index] = UInt8.random(in: 0...255, using: &generator)
        case 1: bytes.remove(at: index)
        case 2: bytes.insert(UInt8(ascii: "\\"), at: index)
        default: bytes.removeSubrange(index...)
        }
        if bytes.isEmpty { bytes = [0x20] }
      }
      let request = try? InferenceRequest.parse(body: bytes, endpoint: .chatCompletions)
      if let request {
        parsed += 1
        let rewritten = request.rewriting(.init(model: "x", maxTokens: 3))
        #expect((try? InferenceRequest.parse(body: rewritten, endpoint: .chatCompletions)) != nil)
      }
      _ = try? StreamChunk.parse(bytes)
      _ = EngineErrorBody.parse(bytes)
    }
    #expect(parsed > 50)
  }
}
