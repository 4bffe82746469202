import ArgumentParser
import ExchangeTypes
import OpenAIFormat
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

  @Test("a worker's engine answers, does not, or has no room for the time that is said")
  func engineWords() throws {
    func words(_ fields: String) throws -> String {
      WorkerText.tables(try JSONValue.parse(Array("{\"worker\":1,\(fields)}".utf8)))
    }
    #expect(try words("\"engine_healthy\":true").contains(" answers "))
    #expect(
      try words("\"engine_healthy\":true,\"engine_full_for_ms\":null").contains(" answers "))
    #expect(
      try words("\"engine_healthy\":true,\"engine_full_for_ms\":2001")
        .contains(" no room, asked again in 3 s "))
    #expect(
      try words("\"engine_healthy\":false,\"engine_full_for_ms\":2001")
        .contains(" does not answer "))
  }

  @Test(
    "an amount or a price that is none is refused by its name, whichever option has it",
    arguments: [
      "account create a --credit", "budget create a --level team --day", "budget set 3 --month",
      "budget set 3 --total", "key delegate a --file f --expires 1d --total",
      "market ask m --input-price", "market ask m --cached-input-price",
      "market ask m --output-price", "run -m m --max-input-price", "submit -m m --max-output-price",
      "worker run --join 127.0.0.1:1 --engine builtin --price-input",
      "worker run --join 127.0.0.1:1 --engine builtin --price-output",
    ])
  func amounts(command: String) {
    #expect("\(command)") {
      try Yard.parseAsRoot((command + " -1").split(separator: " ").map(String.init))
    } throws: {
      Yard.exitCode(for: $0) == .validationFailure
        && Yard.message(for: $0).contains("invalid_amount: '-1'")
    }
  }

  @Test("an amount has at most nine digits after the point, and a price as many")
  func prices() throws {
    #expect(try Amount.price("0.000000001") == Price(nanoPerMillion: 1))
    #expect(try PostedPrice.orWorkers("worker").price == nil)
    for (text, code) in [
      ("1e3", "invalid_amount"), ("0.0000000001", "invalid_amount"), ("input", "invalid_amount"),
      ("18446744073.709551616", "amount_overflow"),
    ] {
      #expect("\(text)") {
        try PostedPrice.orWorkers(text)
      } throws: {
        ($0 as? ValidationError)?.message.hasPrefix("\(code): '\(text)'") == true
      }
    }
  }

  @Test("coordinators are a list of host:port, with or without spaces")
  func coordinators() throws {
    #expect(try Coordinators("a:1, b:2").endpoints == ["a:1", "b:2"])
    for wrong in ["", ",", "a", "a:1,b", "a:1,:2"] {
      #expect(throws: (any Error).self) { try Coordinators(wrong) }
    }
  }
}
