import HTTP2Session

/// Two sessions fed to each other, and what each said.
final class Ends {
  let client: HTTP2Session
  let server: HTTP2Session
  var clientEvents: [HTTP2Event] = []
  var serverEvents: [HTTP2Event] = []
  var now: UInt64 = 1_000

  init(
    client clientLimits: HTTP2Limits = .authenticatedNode,
    server serverLimits: HTTP2Limits = .authenticatedNode
  ) throws {
    client = try HTTP2Session(role: .client, limits: clientLimits, now: now)
    server = try HTTP2Session(role: .server, limits: serverLimits, now: now)
    try settle()
  }

  /// Carries bytes both ways until nothing moves.
  func settle() throws {
    while true {
      let up = client.takeOutput()
      if !up.isEmpty { try server.receive(up, now: now) }
      while let event = server.nextEvent() { serverEvents.append(event) }
      let down = server.takeOutput()
      if !down.isEmpty { try client.receive(down, now: now) }
      while let event = client.nextEvent() { clientEvents.append(event) }
      if up.isEmpty, down.isEmpty { return }
    }
  }

  func open(_ path: String = "/switchyard/1/call", headers: [HeaderField] = []) throws -> StreamID {
    try client.openStream(path: path, authority: "test", headers: headers)
  }

  /// What the server received on a stream, joined.
  func received(_ stream: StreamID) -> [UInt8] {
    serverEvents.flatMap { event -> [UInt8] in
      if case .data(stream, let bytes) = event { bytes } else { [] }
    }
  }
}

/// A peer that writes frames by hand, after an honest beginning.
struct Attacker {
  let server: HTTP2Session
  var now: UInt64 = 1_000
  var events: [HTTP2Event] = []
  var answered = 0

  init(limits: HTTP2Limits = .stranger) throws {
    server = try HTTP2Session(role: .server, limits: limits, now: 1_000)
    try send(Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8) + Frame.settings())
  }

  /// Gives bytes to the server in reads of 16 KiB, and throws its answer away.
  mutating func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      try server.receive(Array(rest.prefix(16 << 10)), now: now)
      rest = rest.dropFirst(16 << 10)
      while let event = server.nextEvent() { events.append(event) }
      answered += server.takeOutput().count
      if let failure = server.failure { throw failure }
    }
  }

  /// Repeats `frames` until the server gives up; the number of rounds it took.
  mutating func flood(atMost rounds: Int, _ frames: (Int) -> [UInt8]) -> (
    rounds: Int, failure: HTTP2Error?
  ) {
    for round in 0..<rounds {
      do { try send(frames(round)) } catch { return (round, error as? HTTP2Error) }
    }
    return (rounds, nil)
  }

  var requests: Int {
    events.count { if case .headers = $0 { true } else { false } }
  }
}

/// Frames as bytes (RFC 9113, section 4.1).
enum Frame {
  static func raw(_ type: UInt8, flags: UInt8 = 0, stream: UInt32 = 0, _ payload: [UInt8] = [])
    -> [UInt8]
  {
    let size = UInt32(payload.count)
    return [
      UInt8(truncatingIfNeeded: size >> 16), UInt8(truncatingIfNeeded: size >> 8),
      UInt8(truncatingIfNeeded: size), type, flags,
    ] + big(stream) + payload
  }
  static func big(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
  static func settings(_ entries: [(UInt16, UInt32)] = []) -> [UInt8] {
    raw(
      4,
      entries.flatMap { id, value in
        [UInt8(truncatingIfNeeded: id >> 8), UInt8(truncatingIfNeeded: id)] + big(value)
      })
  }
  static let ping = raw(6, [1, 2, 3, 4, 5, 6, 7, 8])
  static func reset(_ stream: UInt32, code: UInt32 = 8) -> [UInt8] {
    raw(3, stream: stream, big(code))
  }
  static func windowUpdate(_ stream: UInt32, by size: UInt32) -> [UInt8] {
    raw(8, stream: stream, big(size))
  }
  static func priority(_ stream: UInt32) -> [UInt8] { raw(2, stream: stream, big(0) + [15]) }
  static func data(_ stream: UInt32, _ bytes: [UInt8], end: Bool = false) -> [UInt8] {
    raw(0, flags: end ? 1 : 0, stream: stream, bytes)
  }

  /// `:method POST`, `:scheme https`, `:path /`, `:authority a` by HPACK's static table.
  static let request: [UInt8] = [0x83, 0x87, 0x84, 0x41, 0x01, 0x61]

  static func headers(_ stream: UInt32, _ block: [UInt8] = request, endHeaders: Bool = true)
    -> [UInt8]
  {
    raw(1, flags: endHeaders ? 4 : 0, stream: stream, block)
  }
  static func continuation(_ stream: UInt32, _ block: [UInt8] = [], endHeaders: Bool = false)
    -> [UInt8]
  {
    raw(9, flags: endHeaders ? 4 : 0, stream: stream, block)
  }

  /// A literal field with a new name, not indexed (RFC 7541, section 6.2.2); lengths below 127.
  static func literal(_ name: String, _ value: String) -> [UInt8] {
    [0x00, UInt8(name.utf8.count)] + Array(name.utf8) + [UInt8(value.utf8.count)]
      + Array(value.utf8)
  }
}
