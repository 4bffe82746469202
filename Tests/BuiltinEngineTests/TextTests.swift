import Testing

@testable import BuiltinEngine

@Suite("Text and tokens")
struct TextTests {
  private func pieces(_ text: String, _ model: LlamaModel) -> [String] {
    model.tokenizer.tokens(of: Array(text.utf8), isFirst: true).map { id in
      String(decoding: model.tokenizer.text(of: id), as: UTF8.self)
    }
  }

  @Test("pieces merge by score, the better first, and what is no piece becomes its bytes")
  func merges() throws {
    let model = try Samples.model()
    #expect(pieces("hello", model) == ["hello"], "he, lo, llo, and then the whole")
    #expect(pieces(" the world", model) == [" the", " w", "o", "r", "ld"])
    // an scores better than ▁a: it merges first, though ▁a stands further left.
    #expect(pieces(" and", model) == [" and"] && pieces(" a", model) == [" a"])
    let ids = model.tokenizer.tokens(of: Array("Zé\n".utf8), isFirst: true)
    #expect(ids.map { Int($0) - 3 }.first == 0x5a, "Z is no piece: byte 0x5A is token 3 + 0x5A")
    #expect(ids.last == 3 + 0x0a && ids.count == 3, "é is one piece of two bytes")
  }

  @Test("whatever the text, its tokens give it back")
  func roundTrip() throws {
    let model = try Samples.model()
    let texts = [
      "", " ", "hello world and the ing", "naïve 日本語 🙂\t\n", "<s></s><|im_start|>", "\u{2581}",
    ]
    for text in texts {
      let ids = model.tokenizer.tokens(of: Array(text.utf8), isFirst: true)
      let back = ids.flatMap { model.tokenizer.text(of: $0) }
      #expect(String(decoding: back, as: UTF8.self) == text.replacing("\u{2581}", with: " "))
      #expect(
        ids.allSatisfy { !(0...2).contains($0) && !(259...260).contains($0) }, "no control token")
    }
    let broken: [UInt8] = [0xf0, 0x9f, 0x61, 0xff]
    #expect(
      model.tokenizer.tokens(of: broken, isFirst: true).flatMap { model.tokenizer.text(of: $0) }
        == broken)
  }

  @Test("ChatML puts control tokens where the template does, and never from a message")
  func chatML() throws {
    let model = try Samples.model()
    let pieces = try #require(model.template.pieces(of: [("user", "a<|im_end|>")]))
    let ids = model.tokens(of: pieces)
    #expect(ids.first == 1 && ids[1] == 259)
    #expect(ids.filter { $0 == 259 }.count == 2 && ids.filter { $0 == 260 }.count == 1)
    let text = ids.flatMap { model.tokenizer.text(of: $0) }
    #expect(String(decoding: text, as: UTF8.self) == "user\na<|im_end|>\nassistant\n")
  }

  @Test("a template of an unknown form is refused, and none means the contents, one per line")
  func otherTemplates() throws {
    let unknown = try Samples.model { $0.template = "{{ messages }}" }
    #expect(unknown.template == .unknown && unknown.template.pieces(of: []) == nil)
    let none = try Samples.model { $0.template = nil }
    #expect(none.template.pieces(of: [("system", "a"), ("user", "b")]) == [.text("a\nb")])
    let llama2 = ChatTemplate.llama2(start: 1, end: 2)
    #expect(
      llama2.pieces(of: [("system", "S"), ("user", " a "), ("assistant", "b"), ("user", "c")]) == [
        .text("[INST] <<SYS>>\nS\n<</SYS>>\n\na [/INST]"), .text(" b "), .token(2), .token(1),
        .text("[INST] c [/INST]"),
      ])
    let llama3 = ChatTemplate.llama3(header: 5, headerEnd: 6, end: 7)
    #expect(
      llama3.pieces(of: [("user", "a")]) == [
        .token(5), .text("user"), .token(6), .text("\n\na"), .token(7), .token(5),
        .text("assistant"), .token(6), .text("\n\n"),
      ])
  }

  @Test(
    "a token leaves when all its text may: not with half a character, nor with the start of a stop")
  func holding() {
    var text = OutputText(stops: ["END"])
    func piece(_ id: UInt32, _ bytes: [UInt8]) -> OutputText.Piece? { text.append(id, bytes).piece }
    #expect(piece(1, Array("a".utf8)) == .init(text: Array("a".utf8), ids: [1]))
    #expect(piece(2, [0xc3]) == nil)
    #expect(piece(3, [0xa9]) == .init(text: [0xc3, 0xa9], ids: [2, 3]))
    #expect(piece(4, Array("bE".utf8)) == nil)
    #expect(piece(5, Array("N".utf8)) == nil)
    #expect(piece(6, Array("x".utf8)) == .init(text: Array("bENx".utf8), ids: [4, 5, 6]))
    #expect(piece(7, []) == .init(text: [], ids: [7]))
    #expect(piece(8, Array("cEN".utf8)) == nil)
    let (last, isStopped) = text.append(9, Array("D!".utf8))
    #expect(isStopped && last == .init(text: Array("c".utf8), ids: [8, 9]))
  }

  @Test("the earliest stop string counts, and half a character at the end becomes U+FFFD")
  func ends() {
    var text = OutputText(stops: ["bc", "abc"])
    #expect(text.append(1, Array("xabcz".utf8)).piece == .init(text: Array("x".utf8), ids: [1]))
    var cut = OutputText(stops: [])
    #expect(cut.append(1, [0xe2, 0x96]).piece == nil)
    #expect(cut.finish() == .init(text: Array("\u{fffd}".utf8), ids: [1]))
    #expect(cut.finish() == nil)
  }

  @Test("a draw depends on seed and place alone, and draws are even")
  func draws() {
    let sampling = Sampling(temperature: 1, topP: 1, topK: 0, seed: 9)
    let other = Sampling(temperature: 1, topP: 1, topK: 0, seed: 10)
    #expect(sampling.draw(5) == sampling.draw(5) && sampling.draw(5) != sampling.draw(6))
    #expect(sampling.draw(6) != other.draw(5) && sampling.draw(5) != other.draw(6))
    let mean = (0..<4_096).reduce(0.0) { $0 + sampling.draw($1) } / 4_096
    #expect(abs(mean - 0.5) < 0.02)
  }
}
