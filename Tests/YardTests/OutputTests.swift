import Testing

@testable import yard

@Suite("What yard prints and reads")
struct OutputTests {
  @Test("names that others chose steer no terminal")
  func plain() {
    #expect(Terminal.plain("llama-3 (8 B) é 漢 🦙") == "llama-3 (8 B) é 漢 🦙")
    #expect(
      Terminal.plain("a\u{1b}[2Jb\nc\u{9b}d\u{202e}e\u{7f}")
        == "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}")
    #expect(Terminal.plain("a\nb\tc\r", keeping: ["\n", "\t"]) == "a\nb\tc\u{fffd}")
    var table = Table("MODEL")
    table.add("m\n\u{1b}]0;x\u{7}")
    #expect(table.text.split(separator: "\n").count == 2)
  }

  @Test("coordinators are a list of host:port, with or without spaces")
  func coordinators() throws {
    #expect(try Coordinators("a:1, b:2").endpoints == ["a:1", "b:2"])
    for wrong in ["", ",", "a", "a:1,b", "a:1,:2"] {
      #expect(throws: (any Error).self) { try Coordinators(wrong) }
    }
  }
}
