import OpenAIFormat
import Testing

/// Tool calls that come in one chunk and are sent in several.
@Suite("Tool calls in pieces")
struct ToolCallDeltaTests {
  private func call(_ index: String, _ name: String, _ arguments: String) -> String {
    let text = String(decoding: JSONWriter.string(arguments), as: UTF8.self)
    return
      "{\(index)\"id\":\"c\",\"type\":\"function\",\"function\":{\"name\":\"\(name)\",\"arguments\":\(text)}}"
  }

  /// What a client makes of the pieces: the arguments by index.
  private func joined(_ pieces: [[UInt8]]) throws -> [Int: String] {
    var arguments: [Int: String] = [:]
    for piece in pieces {
      let document = try JSONValue.parse(piece)
      for call in try #require(document["delta"]?["tool_calls"]?.elements) {
        let index = try #require(call["index"]?.integer)
        arguments[index, default: ""] += call["function"]?["arguments"]?.string ?? ""
      }
    }
    return arguments
  }

  @Test("a client puts the same calls together, in pieces that fit")
  func same() throws {
    let long = String(repeating: "{\"a\\n\":\"…𝄞\u{1}\"}", count: 2_000)
    let other = "{\"b\":1}"
    let choice = Array(
      "{\"index\":0,\"delta\":{\"role\":\"assistant\",\"tool_calls\":[\(call("\"index\":0,", "f", long)),\(call("\"index\":1,", "g", other))],\"x\":1.50},\"logprobs\":null}"
        .utf8)
    let pieces = try #require(ToolCallDelta.pieces(of: choice, bytesMax: 12_288))
    #expect(pieces.allSatisfy { $0.count <= 12_288 } && pieces.count > 3)
    #expect(try joined(pieces) == [0: long, 1: other])
    // All but the arguments is as it was written, once.
    let first = String(decoding: pieces[0], as: UTF8.self)
    #expect(first.contains("\"x\":1.50") && first.contains("\"name\":\"g\",\"arguments\":\"\""))
    #expect(pieces.dropFirst().allSatisfy { !String(decoding: $0, as: UTF8.self).contains("name") })
  }

  @Test(
    "what cannot be divided so stays whole",
    arguments: [
      "{\"delta\":{\"content\":\"LONG\"}}", "{\"delta\":{\"tool_calls\":[]}}", "[1]", "{",
      "{\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\"LONG\"}}]}}",
      "{\"delta\":{\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":{\"a\":\"LONG\"}}}]}}",
      "{\"delta\":{\"x\":\"LONG\",\"tool_calls\":[{\"index\":0,\"function\":{\"arguments\":\"a\"}}]}}",
    ])
  func whole(_ choice: String) {
    let long = String(repeating: "x", count: 20_000)
    let bytes = Array(choice.replacing("LONG", with: long).utf8)
    #expect(ToolCallDelta.pieces(of: bytes, bytesMax: 12_288) == nil)
  }
}
