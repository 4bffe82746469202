import Foundation
import Logging
import Testing

@testable import yard

@Suite("A line of the log")
struct LogLineTests {
  private func text(_ message: String, _ value: String = "v", _ format: LogFormat = .text) -> String
  {
    let line = LogLine(
      time: Date(timeIntervalSince1970: 0), level: .notice, module: "M", message: message,
      fields: [("f", value)])
    return String(decoding: line.bytes(format), as: UTF8.self)
  }

  @Test(
    "what came from elsewhere makes no second line and steers no terminal, in any form",
    arguments: ["\n", "\u{1b}[2J", "\u{7f}", "\u{9b}2J", "\u{85}", "\u{2028}", "\u{202e}"])
  func steering(_ planted: String) throws {
    for format in [LogFormat.text, .json] {
      let line = text("a\(planted)b", "c\(planted)d", format)
      #expect(line.hasSuffix("\n"))
      #expect(!line.dropLast().unicodeScalars.contains { Terminal.steers($0) }, "\(line)")
      let code = String(try #require(planted.unicodeScalars.first).value, radix: 16)
      #expect(line.contains(planted == "\n" ? "a\\nb" : code), "\(line)")
    }
    let data = Data(text("a\(planted)b", "c\(planted)d", .json).utf8)
    let object = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
    #expect(object["message"] as? String == "a\(planted)b")
    #expect((object["fields"] as? [String: String])?["f"] == "c\(planted)d")
  }

  @Test("plain words stand as they are")
  func plain() {
    #expect(text("llama é 漢", "é").hasSuffix(" notice M: llama é 漢 f=é\n"))
  }
}
