import HTTP2Session
import Testing

@Suite("An attack on a session is stopped")
struct AttackTests {
  @Test("rapid reset, CVE-2023-44487: after the budget, in the middle of a read")
  func rapidReset() throws {
    var attacker = try Attacker()
    // 400 requests in reads of 16 KiB, each reset at once.
    let bytes = (0..<400).flatMap { index -> [UInt8] in
      let stream = UInt32(2 * index + 1)
      return Frame.headers(stream) + Frame.reset(stream)
    }
    #expect(throws: HTTP2Error.breach(.resetsReceived)) { try attacker.send(bytes) }
    #expect(attacker.requests <= 101)
  }

  @Test("MadeYouReset, CVE-2025-8671: window overflows make us reset, and the budget ends it")
  func madeYouReset() throws {
    var attacker = try Attacker()
    let (rounds, failure) = attacker.flood(atMost: 10_000) { round in
      let stream = UInt32(2 * round + 1)
      return Frame.headers(stream) + Frame.windowUpdate(stream, by: 0x7fff_ffff)
    }
    #expect(failure == .breach(.resetsSent))
    #expect(rounds <= 101 && attacker.requests <= 101)
  }

  @Test("MadeYouReset at more than the peer's rate is forgiven when it comes slowly")
  func slowResets() throws {
    var attacker = try Attacker()
    for round in 0..<300 {
      let stream = UInt32(2 * round + 1)
      attacker.now += 1_000
      try attacker.send(Frame.headers(stream) + Frame.windowUpdate(stream, by: 0x7fff_ffff))
    }
    #expect(attacker.requests == 300)
  }

  @Test("CONTINUATION flood, CVE-2024-28182: the fifth ends it")
  func continuations() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.headers(1, endHeaders: false))
    let (rounds, failure) = attacker.flood(atMost: 100) { _ in Frame.continuation(1) }
    #expect(failure == .breach(.continuations))
    #expect(rounds == 4)
  }

  @Test(
    "floods of frames that carry nothing",
    arguments: [
      ("PING", Frame.ping), ("SETTINGS", Frame.settings()), ("PRIORITY", Frame.priority(1)),
      ("unknown type", Frame.raw(0xee, [1])), ("PRIORITY_UPDATE", Frame.raw(0x10, [0, 0, 0, 1])),
    ])
  func idleFrames(name: String, frame: [UInt8]) throws {
    var attacker = try Attacker()
    let (rounds, failure) = attacker.flood(atMost: 100_000) { _ in frame }
    #expect(failure == .breach(.idleFrames))
    #expect(rounds <= 500)
  }

  @Test("empty DATA, CVE-2019-9518")
  func emptyData() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.headers(1))
    let (_, failure) = attacker.flood(atMost: 100_000) { _ in Frame.data(1, []) }
    #expect(failure == .breach(.idleFrames))
  }

  @Test("DATA on a stream that has closed is skipped by libnghttp2, and still paid for")
  func dataAfterTheEnd() throws {
    for (bytes, breach) in [([], HTTP2Breach.idleFrames), ([UInt8(1)], .frames)] {
      var attacker = try Attacker()
      try attacker.send(Frame.headers(1) + Frame.reset(1))
      let (_, failure) = attacker.flood(atMost: 20_000) { _ in Frame.data(1, bytes) }
      #expect(failure == .breach(breach))
    }
  }

  @Test("frames are counted wherever their headers are cut")
  func cutHeaders() throws {
    var attacker = try Attacker()
    let pings = (0..<501).flatMap { _ in Frame.ping }
    #expect(throws: HTTP2Error.breach(.idleFrames)) {
      for byte in pings { try attacker.send([byte]) }
    }
  }

  @Test("streams that the owner refuses count as resets that the peer caused; its own do not")
  func refusedStreams() throws {
    for isRefused in [true, false] {
      var attacker = try Attacker()
      let server = attacker.server
      let (rounds, failure) = attacker.flood(atMost: 300) { round in
        let last = StreamID(rawValue: Int32(2 * round - 1))
        if round > 0 {
          if isRefused { server.refuse(last) } else { server.reset(last) }
        }
        return Frame.headers(UInt32(2 * round + 1))
      }
      #expect(failure == (isRefused ? .breach(.resetsSent) : nil))
      #expect(isRefused ? rounds <= 102 : rounds == 300)
    }
  }

  @Test(
    "a reader that takes nothing is given up after its time, one that takes a little is not",
    arguments: [50, 1_000])
  func stalledReader(takenMin: Int) throws {
    var limits = HTTP2Limits.stranger
    limits.takenMin = takenMin
    let server = try HTTP2Session(role: .server, limits: limits, now: 0)
    // A window of 10 bytes for each stream (SETTINGS_INITIAL_WINDOW_SIZE).
    try server.receive(
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame.settings([(4, 10)])
        + Frame.headers(1) + Frame.headers(3), now: 0)
    for id in [1, 3] {
      server.respond(StreamID(rawValue: Int32(id)), status: 200)
      server.send(StreamID(rawValue: Int32(id)), [UInt8](repeating: 0, count: 100))
    }
    _ = server.takeOutput()
    #expect(server.resetStalled(for: 30, now: 0) == 0)
    #expect(server.resetStalled(for: 30, now: 29) == 0)
    // Of the 90 bytes that wait it takes as many as it must, or all of them.
    let taken = min(takenMin, 90)
    try server.receive(Frame.windowUpdate(3, by: UInt32(taken)), now: 29)
    _ = server.takeOutput()
    server.send(StreamID(rawValue: 3), [UInt8](repeating: 0, count: 100))
    #expect(server.resetStalled(for: 30, now: 30) == 1)
    #expect(server.outstanding(StreamID(rawValue: 1)) == 0)
    #expect(server.outstanding(StreamID(rawValue: 3)) == 190 - taken)
    #expect(server.resetStalled(for: 30, now: 60) == 1)
  }

  @Test("a reader that takes a byte now and then, so that all the rest waits for ever, is given up")
  func sippingReader() throws {
    var limits = HTTP2Limits.stranger
    limits.takenMin = 50
    let server = try HTTP2Session(role: .server, limits: limits, now: 0)
    try server.receive(
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame.settings([(4, 10)])
        + Frame.headers(1), now: 0)
    let stream = StreamID(rawValue: 1)
    server.respond(stream, status: 200)
    server.send(stream, [UInt8](repeating: 0, count: 1_000), endStream: true)
    _ = server.takeOutput()
    var givenUp: UInt64?
    for now in UInt64(0)...60 where givenUp == nil {
      if server.resetStalled(for: 30, now: now) > 0 { givenUp = now }
      try server.receive(Frame.windowUpdate(1, by: 1), now: now)
      _ = server.takeOutput()
    }
    #expect(givenUp == 30)
  }

  @Test("WINDOW_UPDATE flood: all frames have a budget")
  func windowUpdates() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.headers(1))
    let (_, failure) = attacker.flood(atMost: 100_000) { _ in Frame.windowUpdate(1, by: 1) }
    #expect(failure == .breach(.frames))
  }

  @Test("acknowledgements that the peer does not read are bounded")
  func unreadAcks() throws {
    var limits = HTTP2Limits.stranger
    limits.idleFrames = RateBudget(1_000_000)
    let server = try HTTP2Session(role: .server, limits: limits, now: 0)
    try server.receive(
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame.settings(), now: 0)
    #expect(throws: HTTP2Error.breach(.outboundAcks)) {
      for _ in 0..<1_000 { try server.receive(Frame.ping, now: 0) }
    }
  }

  /// A header section in which one large field enters the table, and each further byte names it again.
  private static func bomb(times: Int) -> [UInt8] {
    let entry = [UInt8(0x40)] + Frame.literal("n", String(repeating: "x", count: 120)).dropFirst()
    return Frame.request + entry + [UInt8](repeating: 0xbe, count: times)
  }

  @Test("an HPACK bomb ends the connection at the field that goes too far, not at its last")
  func hpackBomb() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.headers(1))
    // One that is cut off long before its end has gone too far already: what comes behind would not be looked at either.
    let whole = Frame.headers(3, Self.bomb(times: 16_000))
    #expect(throws: HTTP2Error.breach(.headerSection)) {
      try attacker.send(Array(whole.prefix(700)))
    }
    #expect(attacker.requests == 1)
    #expect(throws: HTTP2Error.breach(.headerSection)) { try attacker.send(Frame.headers(5)) }
    #expect(attacker.requests == 1)
  }

  @Test(
    "a header section that is somewhat too large has its stream reset, while resets may be caused")
  func lesserBomb() throws {
    var attacker = try Attacker()
    let block = Self.bomb(times: 200)
    try attacker.send(Frame.headers(1, block))
    #expect(attacker.requests == 0)
    #expect(attacker.server.streamCount == 0)
    // The compression state is whole: the next request is understood.
    try attacker.send(Frame.headers(3))
    #expect(attacker.requests == 1)
    let (rounds, failure) = attacker.flood(atMost: 1_000) {
      Frame.headers(UInt32(2 * $0 + 5), block)
    }
    #expect(failure == .breach(.resetsSent))
    // It costs more to read than other streams that are reset: a hundred of those, and ten of these.
    #expect(rounds == 9)
  }

  @Test("trailers that are too large reset their stream, and far too large the connection ends")
  func trailers() throws {
    var attacker = try Attacker()
    let fields = (0..<70).flatMap { Frame.literal("x-\($0)", "v") }
    let more = (0..<300).flatMap { Frame.literal("x-\($0)", "v") }
    try attacker.send(Frame.headers(1) + Frame.headers(3))
    #expect(attacker.requests == 2)
    try attacker.send(Frame.raw(1, flags: 5, stream: 1, fields))
    #expect(attacker.server.streamCount == 1)
    #expect(throws: HTTP2Error.breach(.headerSection)) {
      try attacker.send(Frame.raw(1, flags: 5, stream: 3, more))
    }
  }

  @Test("a header section of too many bytes is refused before it is held")
  func largeHeaders() throws {
    var attacker = try Attacker()
    let value = String(repeating: "v", count: 126)
    let fields = (0..<60).flatMap { Frame.literal("x-\($0)", value) }
    try attacker.send(Frame.headers(1, Frame.request + fields))
    #expect(attacker.requests == 1)
    let more = (0..<63).flatMap { Frame.literal("x-\($0)", value) }
    try attacker.send(Frame.headers(3, Frame.request + more))
    #expect(attacker.requests == 1)
  }

  @Test("streams beyond the limit end the connection")
  func tooManyStreams() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.raw(4, flags: 1))
    let (_, failure) = attacker.flood(atMost: 200) { Frame.headers(UInt32(2 * $0 + 1)) }
    #expect(failure != nil)
    #expect(attacker.requests <= 64)
  }

  @Test("bytes beyond the window end the connection")
  func windowBreach() throws {
    var attacker = try Attacker()
    try attacker.send(Frame.raw(4, flags: 1) + Frame.headers(1))
    let part = Frame.data(1, [UInt8](repeating: 0, count: 16_384))
    let (_, failure) = attacker.flood(atMost: 1_000) { _ in part }
    let received = attacker.events.reduce(0) { sum, event in
      if case .data(_, let bytes) = event { sum + bytes.count } else { sum }
    }
    #expect(failure != nil || attacker.server.streamCount == 0)
    #expect(received <= 256 << 10)
  }

  @Test("a SETTINGS frame of too many entries")
  func manySettings() throws {
    var attacker = try Attacker()
    #expect(throws: HTTP2Error.self) {
      try attacker.send(Frame.settings((0..<100).map { _ in (UInt16(4), UInt32(65_535)) }))
      try attacker.send(Frame.ping)
    }
  }

  @Test(
    "an API key that comes in a field which is no HTTP reaches no error's text",
    arguments: [" ", "\r", "\u{1}", "\n"])
  func canary(end: String) throws {
    let canary = "sy_7_CANARY"
    var attacker = try Attacker()
    let block = Frame.request + Frame.literal("authorization", "Bearer \(canary)\(end)")
    try attacker.send(Frame.headers(1, block))
    let error = #expect(throws: HTTP2Error.self) {
      try attacker.send(Frame.raw(6, [UInt8](repeating: 0, count: 7)))
    }
    #expect(error == .protocolViolation(.frameSizeError))
    for text in ["\(String(describing: error))", "\(String(reflecting: error))"] {
      #expect(!text.contains(canary) && !text.contains("authorization"), "\(text)")
    }
    #expect(
      error?.description == "FRAME_SIZE_ERROR: the peer sent a frame of a wrong size")
  }

  @Test("bytes that are not HTTP/2")
  func notHTTP2() throws {
    let server = try HTTP2Session(role: .server, limits: .stranger, now: 0)
    #expect(throws: HTTP2Error.notHTTP2) {
      try server.receive(Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8), now: 0)
    }
    #expect(server.failure == .notHTTP2)
  }

  @Test(
    "the last output after a breach is a GOAWAY that says why, and then the session is finished")
  func goAway() throws {
    let server = try HTTP2Session(role: .server, limits: .stranger, now: 0)
    try server.receive(
      Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame.settings(), now: 0)
    _ = server.takeOutput()
    #expect(throws: HTTP2Error.breach(.idleFrames)) {
      for _ in 0..<1_000 {
        try server.receive(Frame.ping, now: 0)
        _ = server.takeOutput()
      }
    }
    #expect(!server.isFinished)
    #expect(server.takeOutput() == Frame.raw(7, Frame.big(0) + Frame.big(0xb)))
    #expect(server.isFinished)
    #expect(throws: HTTP2Error.breach(.idleFrames)) { try server.receive([0], now: 0) }
  }

  @Test("damage at every byte of a conversation is an error or harmless, never a crash")
  func damage() throws {
    let client = try HTTP2Session(role: .client, limits: .client, now: 0)
    let stream = try client.openStream(
      path: "/p", authority: "a", headers: [HeaderField("x", "y")])
    client.send(stream, Array(0..<40), endStream: true)
    let bytes = client.takeOutput()
    var refused = 0
    for place in bytes.indices {
      for change in [UInt8(1), 0x80, 0xff] {
        var damaged = bytes
        damaged[place] ^= change
        let server = try HTTP2Session(role: .server, limits: .stranger, now: 0)
        do { try server.receive(damaged, now: 0) } catch { refused += 1 }
        while server.nextEvent() != nil {}
        _ = server.takeOutput()
      }
    }
    #expect(refused > 0)
  }
}
