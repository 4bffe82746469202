import ExchangeTypes
import Testing
import WireProtocol

@Suite struct `Frames` {
  private let messages: [Message] = [
    .ping(Ping(nonce: 7)), .modelList(ModelList()),
    .goodbye(Goodbye(reason: "drained")), .pong(Pong(nonce: .max)),
  ]

  private func stream() throws -> [UInt8] {
    try messages.flatMap { message in try FrameEncoder.encode(message.content) }
  }

  private func drain(_ decoder: inout FrameDecoder) throws -> [Message] {
    var taken: [Message] = []
    while let frame = try decoder.next() { taken.append(try Message(frame)) }
    return taken
  }

  @Test func `come out whole wherever the stream is cut in two`() throws {
    let bytes = try stream()
    for cut in 0...bytes.count {
      var decoder = FrameDecoder(allowed: .all)
      decoder.append(Array(bytes[..<cut]))
      let before = try drain(&decoder)
      decoder.append(Array(bytes[cut...]))
      #expect(try before + drain(&decoder) == messages)
      try decoder.finish()
    }
  }

  @Test func `come out whole from single bytes, and as soon as they are complete`() throws {
    var decoder = FrameDecoder(allowed: .all)
    var taken: [Message] = []
    var ends: [Int] = []
    for (place, byte) in try stream().enumerated() {
      decoder.append([byte])
      let more = try drain(&decoder)
      taken += more
      if !more.isEmpty { ends.append(place + 1) }
    }
    #expect(taken == messages)
    #expect(ends == [16, 25, 44, 60])
  }

  @Test func `are refused at the eighth byte of a header that claims too much`() throws {
    var decoder = FrameDecoder(allowed: .all)
    decoder.append([0xFF, 0xFF, 0xFF, 0xFF, 0, 4, 0])
    #expect(try decoder.next() == nil)
    decoder.append([0])
    let expected = WireError.tooLarge(.ping, length: .max, limit: 64)
    #expect(throws: expected) { try decoder.next() }
    #expect(expected.code == .frameTooLarge)
    decoder.append(try FrameEncoder.encode(Ping(nonce: 1)))
    #expect(decoder.bytesHeld == 0)
    #expect(throws: expected) { try decoder.next() }
    #expect(throws: expected) { try decoder.finish() }
  }

  @Test func `that are complete are taken before a later fault is found`() throws {
    var decoder = FrameDecoder(allowed: Service.control.requests)
    decoder.append(try FrameEncoder.encode(Ping(nonce: 1)))
    decoder.append(try FrameEncoder.encode(ModelList()))
    #expect(try decoder.next()?.kind == .ping)
    #expect(throws: WireError.notAllowed(.modelList)) { try decoder.next() }
  }

  @Test func `that are cut short are told apart from a clean end`() throws {
    let frame = try FrameEncoder.encode(Ping(nonce: 1))
    for cut in 1..<frame.count {
      var decoder = FrameDecoder(allowed: .all)
      decoder.append(Array(frame[..<cut]))
      #expect(try decoder.next() == nil)
      let missing = (cut < 8 ? 8 : frame.count) - cut
      #expect(throws: WireError.cutShort(missing: missing)) { try decoder.finish() }
    }
  }

  @Test func `of the largest size pass, and what is held never exceeds one of them`() throws {
    let submit = Submit(
      requestKey: RequestKey(high: 1, low: 2), mode: .attached, endpoint: .completions,
      model: String(repeating: "m", count: 256), body: Array(repeating: 9, count: 1_048_576),
      maxInputPrice: .zero, maxOutputPrice: .zero, queueTimeoutMs: 0, follow: true,
      retentionMs: nil, durable: nil)
    let frame = try FrameEncoder.encode(submit)
    var decoder = FrameDecoder(allowed: .all)
    var place = 0
    while place < frame.count {
      let end = min(place + 16_384, frame.count)
      decoder.append(Array(frame[place..<end]))
      place = end
      if place < frame.count {
        #expect(try decoder.next() == nil)
        #expect(decoder.bytesHeld <= frame.count)
      }
    }
    #expect(try decoder.next().map { frame throws in try Message(frame) } == .submit(submit))
    #expect(decoder.bytesHeld == 0)
  }

  @Test func `are not made from a message that its reader would refuse`() {
    func refusal(_ message: some WireMessage) -> WireError? {
      do throws(WireError) {
        _ = try FrameEncoder.encode(message)
        return nil
      } catch {
        return error
      }
    }
    let name = String(repeating: "é", count: 65)
    let create = AccountCreate(requestKey: RequestKey(high: 0, low: 0), name: name, kind: .consumer)
    guard case .outOfBounds(.accountCreate, let found) = refusal(create) else {
      Issue.record("a name of 130 bytes was encoded")
      return
    }
    #expect(found == BoundsError(field: "AccountCreate.name", count: 130, limit: 128))

    let event = Event(
      seq: 1, choice: 0, kind: .text, tokenCount: 0, ids: [],
      bytes: Array(repeating: 0, count: 12_288))
    let few = Chunk(job: JobID(1), epoch: Epoch(1), events: Array(repeating: event, count: 21))
    let many = Chunk(job: JobID(1), epoch: Epoch(1), events: Array(repeating: event, count: 22))
    #expect(refusal(few) == nil)
    #expect(refusal(many)?.code == .payloadTooLarge)
    let short = KeyOffer(wrappingKey: 1, secret: Secret([1, 2, 3]))
    #expect(refusal(short)?.code == .payloadTooLarge)
  }

  @Test func `carry text for people cut between characters rather than refused`() throws {
    let long = String(repeating: "日", count: 400)
    let frame = try FrameEncoder.encode(Failure(.engineError, long))
    guard case .failure(let read) = try decode(frame) else {
      Issue.record("not a failure")
      return
    }
    #expect(read.message == String(repeating: "日", count: 341))
    #expect(read.errorCode == .engineError)
  }

  @Test func `name kinds whose limit holds the least payload, and sets keep them apart`() {
    for kind in MessageKind.allCases {
      let others = MessageKind.allCases.filter { $0 != kind }
      var set: MessageSet = []
      for other in others { set.insert(other) }
      #expect(!set.contains(kind) && others.allSatisfy(set.contains))
      let isOnRaftStream = kind == .keyRequest || kind == .stateStatement
      #expect(kind.isStrict == (isOnRaftStream || (32...43).contains(kind.rawValue)))
    }
  }

  @Test func `of peers travel on the services of peers only`() {
    for service in Service.allCases where service != .raft && service != .snapshot {
      for kind in MessageKind.allCases where kind.isStrict {
        #expect(!service.requests.contains(kind) && !service.responses.contains(kind))
      }
    }
    #expect(Service.raft.initiators == [.coordinator])
    #expect(Service.snapshot.initiators == [.coordinator])
    #expect(Service(rawValue: "/switchyard/1/raft") == .raft)
  }
}
