import ExchangeTypes
import Testing
import WireProtocol

/// Decodes one frame, as a stream on which `allowed` may arrive.
func decode(_ bytes: [UInt8], allowed: MessageSet = .all) throws(WireError) -> Message {
  var decoder = FrameDecoder(allowed: allowed)
  decoder.append(bytes)
  guard let frame = try decoder.next() else {
    try decoder.finish()
    preconditionFailure("no frame and no error")
  }
  return try Message(frame)
}

@Suite struct `The vectors of proto-spec` {
  @Test func `generated files follow from the registry`() throws {
    let (status, output) = try Reference.run("generate.py", ["--check"])
    #expect(status == 0, "\(output)")
  }

  @Test func `the reference writes the vectors as they are, and accepts them`() throws {
    let made = try Reference.run("vectors.py", ["--check"])
    #expect(made.status == 0, "\(made.output)")
    let checked = try Reference.run("decode.py", ["check"])
    #expect(checked.status == 0, "\(checked.output)")
  }

  @Test func `every valid vector decodes to what the reference says and encodes to itself`() throws
  {
    let vectors = try Reference.vectors("valid", of: Reference.Valid.self)
    let expected = try Reference.lines("decode.py", "stream", vectors.map(\.frame))
    try #require(expected.count == vectors.count)
    var kinds: MessageSet = []
    for (vector, line) in zip(vectors, expected) {
      let message = try decode(bytes(hex: vector.frame))
      #expect(message.json == line, "\(vector.case)")
      let again = try FrameEncoder.encode(message.content)
      #expect(hex(again) == vector.canonical ?? vector.frame, "\(vector.case)")
      kinds.insert(type(of: message.content).kind)
    }
    #expect(kinds == .all)
  }

  @Test func `every invalid vector is refused with its error at its offset`() throws {
    let vectors = try Reference.vectors("invalid", of: Reference.Invalid.self)
    try #require(vectors.count >= 60)
    for vector in vectors {
      let allowed = try allowed(on: vector.stream)
      do throws(WireError) {
        let message = try decode(bytes(hex: vector.frame), allowed: allowed)
        Issue.record("\(vector.case): accepted as \(message)")
      } catch {
        let place = place(of: error, frameBytes: vector.frame.utf8.count / 2)
        #expect(place == (vector.error, vector.offset), "\(vector.case)")
      }
    }
  }

  @Test func `the reference reads random messages as they were meant, and writes the same bytes`()
    throws
  {
    var source = SampleSource(seed: 20_261_123)
    var frames: [String] = []
    var dumps: [String] = []
    for round in 0..<1200 {
      let kind = MessageKind.allCases[round % MessageKind.allCases.count]
      let message = Message.sample(kind, &source)
      let frame = try FrameEncoder.encode(message.content)
      #expect(try decode(frame) == message)
      frames.append(hex(frame))
      dumps.append(message.json)
    }
    #expect(try Reference.lines("decode.py", "stream", frames) == dumps)
    #expect(try Reference.lines("decode.py", "encode", dumps) == frames)
  }

  private func allowed(on stream: String?) throws -> MessageSet {
    guard let stream else { return .all }
    let service = try #require(Service(rawValue: "/switchyard/1/" + stream.prefix { $0 != "." }))
    return stream.hasSuffix(".requests") ? service.requests : service.responses
  }

  /// An error's name and offset as the vectors spell them.
  private func place(of error: WireError, frameBytes: Int) -> (String, Int) {
    switch error {
    case .reserved: ("reserved", 6)
    case .unknownType: ("unknownType", 4)
    case .notAllowed: ("notAllowed", 4)
    case .tooLarge: ("tooLarge", 0)
    case .cutShort: ("cutShort", frameBytes)
    case .outOfBounds: ("outOfBounds", 0)
    case .malformed(_, let error):
      switch error {
      case .truncated(let offset): ("truncated", offset)
      case .tooLong(let offset, _, _): ("tooLong", offset)
      case .notBoolean(let offset, _): ("notBoolean", offset)
      case .notUTF8(let offset): ("notUTF8", offset)
      case .unknownValue(let offset, _): ("unknownValue", offset)
      case .trailing(let offset, _): ("trailing", offset)
      }
    }
  }
}
