import HTTP2Session
import Testing

@Suite("An HTTP/2 session")
struct SessionTests {
  @Test("carries a request and its response, in order, to an orderly end on both sides")
  func exchange() throws {
    let ends = try Ends()
    #expect(ends.clientEvents == [.settings])
    #expect(ends.serverEvents == [.settings])
    let stream = try ends.open(headers: [HeaderField("authorization", "Bearer sy_1_x")])
    ends.client.send(stream, [1, 2])
    ends.client.send(stream, [3], endStream: true)
    try ends.settle()
    guard case .headers(stream, let fields) = ends.serverEvents[1] else {
      Issue.record("no request: \(ends.serverEvents)")
      return
    }
    #expect(fields.first(":path") == "/switchyard/1/call")
    #expect(fields.first(":method") == "POST")
    #expect(fields.first("authorization") == "Bearer sy_1_x")
    #expect(ends.serverEvents.dropFirst(2) == [.data(stream, [1, 2, 3]), .ended(stream)])

    ends.server.respond(stream, status: 200)
    ends.server.send(stream, [9], endStream: true)
    try ends.settle()
    #expect(
      ends.clientEvents.dropFirst() == [
        .headers(stream, [HeaderField(":status", "200")]), .data(stream, [9]), .ended(stream),
        .closed(stream, .noError),
      ])
    #expect(ends.serverEvents.last == .closed(stream, .noError))
    #expect(ends.client.streamCount == 0 && ends.server.streamCount == 0)
  }

  @Test("carries bytes split at every place")
  func fragments() throws {
    let client = try HTTP2Session(role: .client, limits: .client, now: 0)
    let stream = try client.openStream(path: "/p", authority: "a")
    client.send(stream, Array(0..<50), endStream: true)
    let bytes = client.takeOutput()
    for cut in 1..<bytes.count {
      let server = try HTTP2Session(role: .server, limits: .stranger, now: 0)
      try server.receive(Array(bytes[..<cut]), now: 0)
      try server.receive(Array(bytes[cut...]), now: 0)
      var body: [UInt8] = []
      var ended = false
      while let event = server.nextEvent() {
        if case .data(_, let part) = event { body += part }
        if case .ended = event { ended = true }
      }
      #expect(body == Array(0..<50) && ended, "cut at \(cut)")
    }
  }

  @Test("lets a sender go on only as far as the receiver consumed")
  func flowControl() throws {
    var limits = HTTP2Limits.authenticatedNode
    limits.streamWindow = 100_000
    let ends = try Ends(server: limits)
    let stream = try ends.open()
    let bytes = (0..<250_000).map { UInt8(truncatingIfNeeded: $0) }
    ends.client.send(stream, bytes, endStream: true)
    try ends.settle()
    #expect(ends.received(stream).count == 100_000)
    #expect(ends.client.outstanding(stream) == 150_000)
    ends.server.consume(stream, 60_000)
    try ends.settle()
    #expect(ends.received(stream).count == 160_000)
    ends.server.consume(stream, 100_000)
    try ends.settle()
    #expect(ends.received(stream) == bytes)
    #expect(ends.serverEvents.last == .ended(stream))
  }

  @Test(
    "holds all streams together to the connection's window, and gets it back from a closed stream")
  func connectionWindow() throws {
    var limits = HTTP2Limits.authenticatedNode
    (limits.streamWindow, limits.connectionWindow) = (80_000, 100_000)
    let ends = try Ends(server: limits)
    let (first, second) = (try ends.open(), try ends.open())
    ends.client.send(first, [UInt8](repeating: 1, count: 80_000))
    try ends.settle()
    ends.client.send(second, [UInt8](repeating: 2, count: 80_000))
    try ends.settle()
    #expect(ends.received(second).count == 20_000)
    // Nobody consumed anything of the first stream: closing it gives its bytes back.
    ends.client.reset(first)
    try ends.settle()
    #expect(ends.received(second).count == 80_000)
  }

  @Test("says that a stream is writable again once half of a full queue has left")
  func writable() throws {
    var limits = HTTP2Limits.authenticatedNode
    limits.outboundHighWater = 10_000
    var small = HTTP2Limits.authenticatedNode
    small.streamWindow = 65_535
    let ends = try Ends(client: limits, server: small)
    let stream = try ends.open()
    ends.client.send(stream, [UInt8](repeating: 7, count: 65_535 + 9_000))
    try ends.settle()
    #expect(ends.client.outstanding(stream) == 9_000)
    #expect(!ends.clientEvents.contains(.writable(stream)))
    ends.server.consume(stream, 65_535)
    try ends.settle()
    #expect(ends.clientEvents.last == .writable(stream))
  }

  @Test(
    "owes word of a queue that was exactly full, and none of one that was not",
    arguments: [(10_000, true), (9_999, false)])
  func exactlyFull(bytes: Int, isOwed: Bool) throws {
    var limits = HTTP2Limits.authenticatedNode
    limits.outboundHighWater = 10_000
    let ends = try Ends(client: limits)
    let stream = try ends.open()
    ends.client.send(stream, [UInt8](repeating: 7, count: bytes))
    try ends.settle()
    #expect(ends.client.outstanding(stream) == 0)
    #expect(ends.clientEvents.contains(.writable(stream)) == isOwed)
  }

  @Test("resets a stream whose queue goes beyond its bound, and keeps the others")
  func outboundBound() throws {
    var limits = HTTP2Limits.authenticatedNode
    limits.outboundMax = 1_000_000
    let ends = try Ends(client: limits)
    let (stream, other) = (try ends.open(), try ends.open())
    for _ in 0..<11 { ends.client.send(stream, [UInt8](repeating: 0, count: 100_000)) }
    #expect(ends.client.outstanding(stream) == 0)
    ends.client.send(other, [5], endStream: true)
    try ends.settle()
    #expect(ends.clientEvents.contains(.closed(stream, .enhanceYourCalm)))
    #expect(ends.received(other) == [5])
  }

  @Test(
    "holds the queues of all streams together to a bound, which what leaves, ends or is reset gives back"
  )
  func outboundTotal() throws {
    var limits = HTTP2Limits.authenticatedNode
    limits.outboundTotalMax = 1_000_000
    var narrow = HTTP2Limits.authenticatedNode
    narrow.streamWindow = 65_535
    let ends = try Ends(client: limits, server: narrow)
    let streams = try (0..<5).map { _ in try ends.open() }
    func send(_ stream: StreamID, _ count: Int) {
      ends.client.send(stream, [UInt8](repeating: 3, count: count))
    }
    for stream in streams[..<4] { send(stream, 250_000) }
    #expect(streams.map { ends.client.outstanding($0) } == [250_000, 250_000, 250_000, 250_000, 0])
    send(streams[4], 1)
    // One that is over gives its share back, and so does what has left.
    ends.client.reset(streams[0])
    send(streams[1], 250_000)
    #expect(ends.client.outstanding(streams[1]) == 500_000)
    try ends.settle()
    #expect(ends.clientEvents.contains(.closed(streams[4], .enhanceYourCalm)))
    let left = streams[1...3].reduce(0) { $0 + ends.client.outstanding($1) }
    #expect(left == 1_000_000 - 3 * 65_535)
    send(streams[2], 3 * 65_535)
    send(streams[3], 1)
    #expect(ends.client.outstanding(streams[3]) == 0)
    #expect(ends.client.outstanding(streams[2]) == 250_000 + 2 * 65_535)
  }

  @Test("shares the connection between busy streams")
  func fairness() throws {
    let ends = try Ends()
    let streams = try (0..<4).map { _ in try ends.open() }
    for stream in streams { ends.client.send(stream, [UInt8](repeating: 1, count: 500_000)) }
    var output: [UInt8] = []
    ends.client.drainOutput(bytesMax: 400_000) { output.append(contentsOf: $0) }
    try ends.server.receive(output, now: 1_000)
    while let event = ends.server.nextEvent() { ends.serverEvents.append(event) }
    for stream in streams { #expect(ends.received(stream).count > 60_000) }
  }

  @Test("refuses to open more streams than the peer takes, and opens again after one has closed")
  func streamLimit() throws {
    var limits = HTTP2Limits.stranger
    limits.streamsMax = 2
    let ends = try Ends(server: limits)
    let first = try ends.open()
    _ = try ends.open()
    #expect(throws: HTTP2OpenRefusal.streamLimit(2)) { try ends.open() }
    ends.client.reset(first)
    try ends.settle()
    _ = try ends.open()
  }

  @Test("drains: the open stream finishes, new ones are refused, then both ends are finished")
  func drain() throws {
    let ends = try Ends()
    let stream = try ends.open()
    try ends.settle()
    ends.server.startDraining()
    try ends.settle()
    #expect(throws: HTTP2OpenRefusal.draining) { try ends.open() }
    #expect(!ends.server.isFinished && !ends.client.isFinished)
    ends.client.send(stream, [1], endStream: true)
    ends.server.respond(stream, status: 200)
    ends.server.send(stream, [2], endStream: true)
    try ends.settle()
    #expect(ends.clientEvents.contains(.data(stream, [2])))
    #expect(ends.clientEvents.last == .closed(stream, .noError))
    #expect(ends.server.isFinished && ends.client.isFinished)
  }

  @Test("answers a request that was under way when draining began")
  func drainRace() throws {
    let ends = try Ends()
    ends.server.startDraining()
    let stream = try ends.open()
    try ends.settle()
    #expect(ends.serverEvents.contains { if case .headers(stream, _) = $0 { true } else { false } })
  }

  @Test("answers pings with their payload")
  func ping() throws {
    let ends = try Ends()
    ends.client.ping(0x0102_0304_0506_0708)
    try ends.settle()
    #expect(ends.clientEvents.last == .pong(0x0102_0304_0506_0708))
  }

  @Test("ends a stream with what is queued, and resets what the peer goes on with")
  func endsAndResets() throws {
    let ends = try Ends()
    let (going, ended) = (try ends.open(), try ends.open())
    ends.client.send(going, [1])
    ends.client.send(ended, [2], endStream: true)
    try ends.settle()
    for stream in [going, ended] {
      ends.server.respond(stream, status: 200)
      ends.server.send(stream, [9])
      ends.server.end(stream, thenReset: .protocolError)
    }
    try ends.settle()
    for stream in [going, ended] {
      #expect(ends.clientEvents.contains(.data(stream, [9])))
      #expect(ends.clientEvents.contains(.ended(stream)))
    }
    // Who has said everything sees an orderly end.
    #expect(ends.clientEvents.contains(.closed(going, .protocolError)))
    #expect(ends.clientEvents.contains(.closed(ended, .noError)))
    #expect(ends.server.streamCount == 0 && ends.server.failure == nil)
  }

  @Test("drops what is sent on a stream that was reset, and what arrives on it")
  func reset() throws {
    let ends = try Ends()
    let stream = try ends.open()
    ends.client.send(stream, [1])
    try ends.settle()
    ends.server.reset(stream)
    ends.server.respond(stream, status: 200)
    ends.client.send(stream, [2])
    try ends.settle()
    #expect(ends.received(stream) == [1])
    #expect(ends.clientEvents.last == .closed(stream, .cancel))
    ends.client.send(stream, [3], endStream: true)
    ends.client.consume(stream, 1)
    try ends.settle()
  }

  @Test("terminates with the code that was asked for, and is then finished")
  func terminate() throws {
    let ends = try Ends()
    ends.server.terminate(.internalError)
    try ends.settle()
    #expect(ends.server.isFinished && ends.server.failure == nil)
    guard case .goAway(_, .internalError)? = ends.clientEvents.last else {
      Issue.record("\(ends.clientEvents)")
      return
    }
  }
}
