import Testing

@testable import OpenAIFormat

@Suite("Embeddings: requests, engines' answers, consumers' answers")
struct EmbeddingTests {
  private func parse(_ body: String) throws(RequestError) -> InferenceRequest {
    try InferenceRequest.parse(body: Array(body.utf8), endpoint: .embeddings)
  }

  private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

  private func bytes(_ numbers: Float...) -> [UInt8] {
    numbers.flatMap { number in withUnsafeBytes(of: number.bitPattern.littleEndian) { Array($0) } }
  }

  @Test(
    "an input is a text, texts, ids or lists of ids, each counted for itself",
    arguments: [
      (#""grün""#, 1, 5, 0), (#"["a","bc"]"#, 2, 3, 0), ("[1,2,3]", 1, 3, 3),
      ("[[1],[2,3]]", 2, 3, 2),
    ])
  func inputs(input: String, count: Int, bytes: Int, ids: Int) throws {
    let request = try parse(#"{"model":"m","input":\#(input),"dimensions":8}"#)
    #expect(request.sequences == count && request.messageCount == count)
    #expect(request.promptBytes == bytes && request.inputIDsMax == ids)
    #expect(request.features == (ids > 0 ? [.tokenIDPrompt] : []))
    #expect(request.dimensions == 8 && request.encoding == .float && request.maxTokens == nil)
  }

  @Test(
    "what is no input is refused, by its place and with the numbers",
    arguments: [
      (#""""#, "input", "is empty"), ("[]", "input", "is empty"),
      (#"["a",""]"#, "input[1]", "is empty"), ("[[1],[]]", "input[1]", "is empty"),
      ("[1,\"a\"]", "input", "of one kind"), ("[[1],2]", "input", "of one kind"),
      ("[1.5]", "input", "integer"), ("[[-1]]", "input[0]", "integer"),
      ("[[\"a\"]]", "input[0]", "token ids"),
      ("5", "input", "a string"), ("[null]", "input", "of one kind"),
      ("[" + Array(repeating: "\"a\"", count: 2_049).joined(separator: ",") + "]", "input", "2048"),
    ])
  func refused(input: String, field: String, words: String) {
    let error = #expect(throws: RequestError.self) {
      try parse(#"{"model":"m","input":\#(input)}"#)
    }
    #expect(error?.field == field && error?.description.contains(words) == true, "\(error as Any)")
  }

  @Test("other fields are refused by name or travel as they came")
  func fields() throws {
    for (more, field) in [
      (#""encoding_format":"int8""#, "encoding_format"), (#""dimensions":0"#, "dimensions"),
      (#""stream":true"#, "stream"),
    ] {
      let error = #expect(throws: RequestError.self) {
        try parse(#"{"model":"m","input":"a",\#(more)}"#)
      }
      #expect(error?.field == field)
    }
    #expect(throws: RequestError.missing(field: "input")) { try parse(#"{"model":"m"}"#) }
    let request = try parse(
      #"{"model":"m","input":["a" , "\u0062"],"user":"u", "x":{"y": 1.0},"encoding_format":"base64"}"#
    )
    #expect(request.encoding == .base64)
    #expect(
      text(request.embedding(1..<2, model: "e", encoding: .float))
        == #"{"model":"e","input":["\u0062"],"user":"u", "x":{"y": 1.0},"encoding_format":"float"}"#
    )
    let ids = try parse(#"{"input":[7, 8],"model":"m"}"#)
    #expect(
      text(ids.embedding(0..<1, model: "m", encoding: .base64))
        == #"{"input":[[7, 8]],"model":"m","encoding_format":"base64"}"#)
    #expect(request.continuing(Array("x".utf8)) == nil)
  }

  @Test("base64 is that of RFC 4648, section 10, both ways")
  func base64() {
    for (plain, coded) in [
      ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="),
      ("fooba", "Zm9vYmE="), ("foobar", "Zm9vYmFy"),
    ] {
      #expect(EmbeddingAnswer.base64(Array(plain.utf8)) == coded)
      #expect(Base64.decode(Array(coded.utf8)) == Array(plain.utf8))
    }
    for flawed in ["Zg=", "Z===", "Zg==Zg==", "Zm9*", "====", "Zm 9"] {
      #expect(Base64.decode(Array(flawed.utf8)) == nil, "\(flawed)")
    }
  }

  @Test("engines write decimals or base64, in any order; Ollama has a form of its own")
  func lists() throws {
    let two = [bytes(1, -0.5), bytes(0, 1e-5)]
    for body in [
      #"{"data":[{"index":1,"embedding":[0,1e-05]},{"embedding":[1.0,-5E-1],"index":0}],"#
        + #""usage":{"prompt_tokens":7}}"#,
      #"{"data":[{"embedding":"AACAPwAAAL8="},{"embedding":"AAAAAKzFJzc="}],"#
        + #""usage":{"prompt_tokens":7}}"#,
      #"{"model":"m","embeddings":[[1,-0.5],[0.0,0.00001]],"prompt_eval_count":7}"#,
    ] {
      let list = try EmbeddingList.parse(Array(body.utf8), count: 2)
      #expect(list.vectors == two && list.promptTokens == 7, "\(body)")
    }
    let entries = [
      #"{"embedding":[1]}"#, #"{"index":0,"embedding":[1]},{"index":0,"embedding":[1]}"#,
      #"{"index":0,"embedding":[1]},{"index":2,"embedding":[1]}"#,
      #"{"embedding":[1]},{"embedding":[1,2]}"#, #"{"embedding":[]},{"embedding":[]}"#,
      #"{"embedding":[1e99]},{"embedding":[1]}"#, #"{"embedding":"AADAfw=="},{"embedding":[1]}"#,
      #"{"embedding":"AAA"},{"embedding":[1]}"#,
    ]
    for body in entries.map({ #"{"data":[\#($0)]}"# }) + ["{}", "[]", ""] {
      #expect(throws: EmbeddingList.Flaw.self, "\(body)") {
        try EmbeddingList.parse(Array(body.utf8), count: 2)
      }
    }
  }

  @Test("an answer is the same JSON however its vectors are cut")
  func answers() throws {
    let numbers = bytes(0.1, -1, 3e20, 1e-7, 5, 6)
    for (encoding, wanted) in [
      (InferenceRequest.VectorEncoding.float, "[0.1,-1.0,3e+20,1e-07,5.0,6.0]"),
      (.base64, "\"" + EmbeddingAnswer.base64(numbers) + "\""),
    ] {
      for cut in [24, 12] {
        var answer = EmbeddingAnswer(inputs: 2, encoding: encoding)
        var output: [UInt8] = []
        for place in 0..<2 {
          for start in stride(from: 0, to: 24, by: cut) {
            try answer.add(Array(numbers[start..<start + cut]), of: place, to: &output)
          }
        }
        try answer.finish(model: "m\"", promptTokens: 4, to: &output)
        #expect(
          text(output)
            == #"{"object":"list","data":[{"object":"embedding","index":0,"embedding":\#(wanted)},"#
            + #"{"object":"embedding","index":1,"embedding":\#(wanted)}],"model":"m\"","#
            + #""usage":{"prompt_tokens":4,"total_tokens":4}}"#)
      }
    }
  }

  @Test("what is out of order, cut, doubled, unlike the others or no number breaks the answer")
  func broken() throws {
    typealias Piece = (place: Int, bytes: [UInt8])
    let one = bytes(1)
    let cases: [(InferenceRequest.VectorEncoding, [Piece])] = [
      (.float, [(1, one)]), (.float, [(0, one), (2, one)]),
      (.float, [(0, one), (1, one), (0, one)]), (.float, [(0, [1, 2])]), (.float, [(0, [])]),
      (.float, [(0, one), (1, bytes(1, 2)), (2, one)]),
      (.float, [(0, bytes(.nan))]), (.base64, [(0, bytes(.infinity))]),
      (.base64, [(0, one), (0, one)]), (.float, [(0, one), (1, one), (2, one), (3, one)]),
    ]
    for (encoding, pieces) in cases {
      #expect(throws: EmbeddingList.Flaw.self, "\(pieces)") {
        var answer = EmbeddingAnswer(inputs: 3, encoding: encoding)
        var output: [UInt8] = []
        for piece in pieces { try answer.add(piece.bytes, of: piece.place, to: &output) }
      }
    }
    var short = EmbeddingAnswer(inputs: 2, encoding: .float)
    var output: [UInt8] = []
    try short.add(one, of: 0, to: &output)
    #expect(throws: EmbeddingList.Flaw.self) {
      try short.finish(model: "m", promptTokens: 1, to: &output)
    }
  }
}
