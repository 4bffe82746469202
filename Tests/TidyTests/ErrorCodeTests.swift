import Foundation
import Testing

/// Whether tests produce every code of proto-spec/errors.md: a code that none expects is a promise to clients that
/// nobody keeps.
@Suite("The codes of errors")
struct ErrorCodeTests {
  private struct Registry: Decodable {
    struct Code: Decodable { let name: String }
    let errors: [Code]
  }

  /// What OpenAI's clients know some codes as.
  private static let aliases = [
    "unauthenticated": "invalid_api_key", "insufficient_credit": "insufficient_quota",
  ]

  @Test("each is expected by a test")
  func produced() throws {
    let registry = try JSONDecoder().decode(
      Registry.self,
      from: Data(
        contentsOf: Repository.root.appendingPathComponent("proto-spec/registry.json")))
    #expect(registry.errors.count > 60)
    let lines = try Self.lines(naming: registry.errors.map(\.name))
    for name in registry.errors.map(\.name) {
      #expect(try Self.isExpected(name, in: lines), "no test expects \(name)")
    }
  }

  /// A code's names: in the table, in Swift, and for OpenAI's clients.
  private static func names(of code: String) -> [String] {
    let words = code.split(separator: "_")
    let member = words[0] + words.dropFirst().map(\.capitalized).joined()
    return [code, String(member)] + (aliases[code].map { [$0] } ?? [])
  }

  /// The lines of tests that name a code, by its names; without what is generated and this file.
  private static func lines(naming codes: [String]) throws -> [String: [String]] {
    let wanted = Set(codes.flatMap(names))
    var found: [String: [String]] = [:]
    let files =
      try Repository.files(under: "Tests", extension: "swift")
      + Repository.files(under: "deploy/checks", extension: "py")
      + Repository.files(under: "deploy/clients", extension: "py")
    for file in files
    where !file.path.contains("/Generated/") && file.lastPathComponent != "ErrorCodeTests.swift" {
      for line in try Data(contentsOf: file).split(separator: UInt8(ascii: "\n")) {
        let words = line.split { byte in
          !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
            && byte != UInt8(ascii: "_")
        }
        for word in Set(words.map { String(decoding: $0, as: UTF8.self) })
        where wanted.contains(word) {
          found[word, default: []].append(String(decoding: line, as: UTF8.self))
        }
      }
    }
    return found
  }

  /// Whether a test compares with it, has it in a transcript or in a row of a table, or looks for its name in what came.
  private static func isExpected(_ code: String, in lines: [String: [String]]) throws -> Bool {
    try names(of: code).contains { name in
      let expectation = try Regex(
        #"✗ \#(name)\b|== (ErrorCode)?\.\#(name)\b|, \.\#(name)\)"#
          + #"|(contains|until:|, )\(?"[^"]*\b\#(name)\b|^[^#]*[\[(,=] ?"\#(name)""#)
      return try lines[name]?.contains { try expectation.firstMatch(in: $0) != nil } ?? false
    }
  }
}
