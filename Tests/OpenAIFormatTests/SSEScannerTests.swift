import OpenAIFormat
import Testing

@Suite("Server-sent events") struct SSEScannerTests {
  private static let streams: [(bytes: String, data: [String])] = [
    ("data: a\n\ndata: b\n\n", ["a", "b"]),
    ("data: a\r\n\r\ndata: b\r\n\r\n", ["a", "b"]),
    ("data: a\r\rdata: b\r\r", ["a", "b"]),
    ("data: a\r\n\ndata: b\n\r\n", ["a", "b"]),
    (": ping\n\ndata: a\nid: 7\nretry: 10\nunknown\n\n", ["a"]),
    ("data: one\ndata: two\n\n", ["one\ntwo"]),
    ("data:a\ndata:  b\n\n", ["a\n b"]),
    ("data\n\ndata:\n\n", ["", ""]),
    ("\u{feff}data: a\n\n", ["a"]),
    ("event: error\ndata: é😀\n\n\n\n\ndata: [DONE]\n\n", ["é😀", "[DONE]"]),
    ("data: unfinished\n", []),
  ]

  private func scan(_ pieces: [[UInt8]]) throws -> [String] {
    var scanner = SSEScanner()
    var events: [String] = []
    for piece in pieces {
      scanner.append(piece)
      while let event = try scanner.next() {
        events.append(String(decoding: event.data, as: UTF8.self))
      }
    }
    return events
  }

  @Test("every split of a stream in two gives the same events", arguments: streams.indices)
  func splits(index: Int) throws {
    let (text, expected) = Self.streams[index]
    let bytes = Array(text.utf8)
    for cut in 0...bytes.count {
      #expect(try scan([Array(bytes[..<cut]), Array(bytes[cut...])]) == expected, "cut at \(cut)")
    }
    #expect(try scan(bytes.map { [$0] }) == expected)
  }

  @Test("an event beyond the limit is an error, not memory")
  func overflow() throws {
    var scanner = SSEScanner(eventBytesMax: 64)
    scanner.append(Array(repeating: UInt8(ascii: "x"), count: 65))
    #expect(throws: SSEOverflow(eventBytesMax: 64)) { try scanner.next() }
    scanner = SSEScanner(eventBytesMax: 64)
    #expect(throws: SSEOverflow(eventBytesMax: 64)) {
      for _ in 0..<20 {
        scanner.append("data: 123456789\n".utf8)
        _ = try scanner.next()
      }
    }
  }

  @Test("the end of the bytes gives the event that was cut short")
  func finish() throws {
    var scanner = SSEScanner()
    scanner.append("data: [DONE]".utf8)
    #expect(try scanner.next() == nil)
    #expect(try scanner.finish()?.isDone == true)
    #expect(try scanner.finish() == nil)
  }
}
