internal import CNGHTTP2

/// One HTTP/2 connection without its socket: bytes in, events out, bytes out again.
///
/// libnghttp2 parses and writes; its callbacks (HTTP2Session+Callbacks.swift) only note what happened,
/// and the owner takes the events after `receive` has returned. So nothing re-enters the library.
///
/// Invariants:
/// - a window opens only by what the owner consumed (`nghttp2_option_set_no_auto_window_update`);
/// - whatever a peer can make this side keep or do is bounded by `HTTP2Limits`;
/// - after `failure` is set libnghttp2 is not called again, and the last output is a GOAWAY.
///
/// Not `Sendable`: one event loop owns it.
public final class HTTP2Session {
  /// Which end of the connection this is.
  public enum Role: Hashable, Sendable {
    /// The end that opens streams.
    case client
    /// The end that answers.
    case server
  }

  /// Which end this is.
  public let role: Role
  /// What the peer may cost.
  public let limits: HTTP2Limits
  /// Why the session is over, if it failed.
  public internal(set) var failure: HTTP2Error?

  let handle: OpaquePointer
  var streams: [Int32: SessionStream] = [:]
  /// The one whose header section is being received: looked up once for all its fields.
  var receiving: SessionStream?
  /// When the bytes being looked at arrived, in the caller's monotonic milliseconds.
  var now: UInt64
  private var meter: FrameMeter
  var resetSentBucket: TokenBucket
  var openedStreams = 0
  /// Bytes that wait on all streams together.
  var queued = 0
  private(set) var isTerminatedByOwner = false
  private var events: [HTTP2Event] = []
  private var nextEventIndex = 0
  private var finalGoAway: [UInt8]?
  private enum Drain { case no, noticeSent, goAwaySent }
  private var drain = Drain.no
  private(set) var peerIsDraining = false
  /// The ping that follows the shutdown notice: its answer proves that the peer has seen the notice.
  private static let drainPing: UInt64 = 0x6472_6169_6e2e_2e2e

  /// Starts a session; its SETTINGS (and a client's preface) are the first output.
  ///
  /// - Parameters:
  ///   - role: which end this is.
  ///   - limits: what the peer may cost.
  ///   - now: the caller's monotonic time in milliseconds, which starts the budgets.
  /// - Throws: `HTTP2Error.library` if libnghttp2 has no memory.
  public init(role: Role, limits: HTTP2Limits, now: UInt64) throws(HTTP2Error) {
    self.role = role
    self.limits = limits
    self.now = now
    meter = FrameMeter(role: role, limits: limits, now: now)
    resetSentBucket = TokenBucket(limits.resetsSent, now: now)
    handle = try Self.makeHandle(role: role, limits: limits)
    // The callbacks find this object through the handle; it is freed in deinit, before the object.
    nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(self).toOpaque())
    try check(submitSettings(), "nghttp2_submit_settings")
    try check(
      nghttp2_session_set_local_window_size(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(clamping: limits.connectionWindow)),
      "nghttp2_session_set_local_window_size")
  }

  deinit { nghttp2_session_del(handle) }

  // MARK: Bytes

  /// Takes bytes from the peer.
  ///
  /// What they mean is in `nextEvent()` afterwards.
  ///
  /// Give at most 16 KiB at a time and take the output between two calls: a reset that is owed to the
  /// peer frees its stream only when it is sent.
  ///
  /// - Parameters:
  ///   - bytes: what was read.
  ///   - now: the caller's monotonic time in milliseconds.
  /// - Throws: the failure that ends the session; take the output once more (it is a GOAWAY) and close.
  public func receive(_ bytes: UnsafeRawBufferPointer, now: UInt64) throws(HTTP2Error) {
    if let failure { throw failure }
    self.now = now
    let (count, breach) = meter.measure(bytes, now: now)
    let taken = nghttp2_session_mem_recv(
      handle, bytes.bindMemory(to: UInt8.self).baseAddress, count)
    if let failure { throw failure }
    if taken >= 0, let breach { fail(.breach(breach), code: .enhanceYourCalm) }
    if let failure { throw failure }
    switch Int32(clamping: taken) {
    case 0...: return
    case NGHTTP2_ERR_BAD_CLIENT_MAGIC.rawValue: fail(.notHTTP2, code: .protocolError)
    case NGHTTP2_ERR_FLOODED.rawValue: fail(.breach(.outboundAcks), code: .enhanceYourCalm)
    case NGHTTP2_ERR_TOO_MANY_CONTINUATIONS.rawValue:
      fail(.breach(.continuations), code: .enhanceYourCalm)
    case let code: fail(.library(code: code, reason: Self.text(code)), code: .internalError)
    }
    if let failure { throw failure }
  }

  /// Takes bytes from the peer; see `receive(_:now:)` for pointers.
  public func receive(_ bytes: [UInt8], now: UInt64) throws(HTTP2Error) {
    let result = bytes.withUnsafeBytes { (raw) -> Result<Void, HTTP2Error> in
      Result { () throws(HTTP2Error) in try receive(raw, now: now) }
    }
    try result.get()
  }

  /// Whether `nextEvent` has something to tell.
  public var hasEvents: Bool { nextEventIndex < events.count }

  /// The next thing that happened, oldest first; `nil` once there is nothing more.
  public func nextEvent() -> HTTP2Event? {
    guard nextEventIndex < events.count else {
      if nextEventIndex > 0 {
        events.removeAll(keepingCapacity: nextEventIndex <= 256)
        nextEventIndex = 0
      }
      return nil
    }
    defer { nextEventIndex += 1 }
    return events[nextEventIndex]
  }

  /// Gives the bytes that are due to the peer to `body`, one or more whole frames at a time.
  ///
  /// Output is made on demand: an owner that cannot write does not call this, and what waits stays in
  /// the bounded queues of the streams.
  ///
  /// - Parameters:
  ///   - bytesMax: stop after about this many bytes (the frame that crosses it is given).
  ///   - body: takes bytes that are valid only during the call.
  /// - Returns: whether output remains.
  @discardableResult
  public func drainOutput(bytesMax: Int = .max, _ body: (UnsafeRawBufferPointer) -> Void) -> Bool {
    var given = 0
    while failure == nil, given < bytesMax {
      var start: UnsafePointer<UInt8>?
      let size = nghttp2_session_mem_send(handle, &start)
      if size < 0 {
        let code = Int32(clamping: size)
        fail(.library(code: code, reason: Self.text(code)), code: .internalError)
        break
      }
      guard size > 0, let start else { return false }
      body(UnsafeRawBufferPointer(start: start, count: size))
      given += size
    }
    if let last = finalGoAway {
      finalGoAway = nil
      last.withUnsafeBytes(body)
    }
    return failure == nil && nghttp2_session_want_write(handle) != 0
  }

  /// All bytes that are due to the peer, as one array.
  public func takeOutput() -> [UInt8] {
    var output: [UInt8] = []
    drainOutput { output.append(contentsOf: $0) }
    return output
  }

  /// Whether the connection has nothing more to say or hear: write the output and close the socket.
  public var isFinished: Bool {
    if failure != nil { return finalGoAway == nil }
    return nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0
  }

  // MARK: Streams

  /// Streams that are open now.
  public var streamCount: Int { streams.count }

  /// Opens a stream with a request.
  ///
  /// Its body is sent with `send`, and ends there.
  ///
  /// - Precondition: this is the client.
  /// - Throws: `HTTP2OpenRefusal`; nothing was opened.
  public func openStream(
    method: String = "POST", path: String, scheme: String = "https", authority: String,
    headers: [HeaderField] = []
  ) throws(HTTP2OpenRefusal) -> StreamID {
    precondition(role == .client, "only a client opens streams")
    if failure != nil { throw .failed }
    if drain != .no || peerIsDraining { throw .draining }
    let limit = Int(
      nghttp2_session_get_remote_settings(handle, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS))
    // libnghttp2 would queue requests beyond the limit, without bound.
    guard openedStreams < limit else { throw .streamLimit(limit) }
    let fields =
      [
        HeaderField(":method", method), HeaderField(":scheme", scheme),
        HeaderField(":authority", authority), HeaderField(":path", path),
      ] + headers
    var provider = Self.dataProvider
    let id = withNameValues(fields) { nghttp2_submit_request(handle, nil, $0, $1, &provider, nil) }
    if id == NGHTTP2_ERR_STREAM_ID_NOT_AVAILABLE.rawValue { throw .numbersExhausted }
    guard id > 0 else {
      fail(.library(code: id, reason: Self.text(id)), code: .internalError)
      throw .failed
    }
    openedStreams += 1
    streams[id] = SessionStream(id: id, openedHere: true)
    return StreamID(rawValue: id)
  }

  /// Starts the response on a stream; its body is sent with `send`.
  ///
  /// Nothing if the stream has closed.
  ///
  /// - Precondition: this is the server, and the stream has no response yet.
  public func respond(_ stream: StreamID, status: Int, headers: [HeaderField] = []) {
    precondition(role == .server, "only a server responds")
    guard failure == nil, let state = streams[stream.rawValue], !state.isResetByOwner else {
      return
    }
    precondition(!state.hasHeaders, "a stream has one response")
    state.hasHeaders = true
    var provider = Self.dataProvider
    let fields = [HeaderField(":status", String(status))] + headers
    let code = withNameValues(fields) {
      nghttp2_submit_response(handle, stream.rawValue, $0, $1, &provider)
    }
    if code != 0 { fail(.library(code: code, reason: Self.text(code)), code: .internalError) }
  }

  /// Sends a head before that of the response, with a status of 1xx (RFC 9113, section 8.1).
  ///
  /// Nothing if the stream has closed.
  ///
  /// - Precondition: this is the server, and the stream has no response yet.
  public func inform(_ stream: StreamID, status: Int) {
    precondition(role == .server && (100..<200).contains(status), "an interim response")
    guard failure == nil, let state = streams[stream.rawValue], !state.isResetByOwner else {
      return
    }
    precondition(!state.hasHeaders, "the response comes last")
    let code = withNameValues([HeaderField(":status", String(status))]) {
      nghttp2_submit_headers(
        handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.rawValue, nil, $0, $1, nil)
    }
    if code != 0 { fail(.library(code: code, reason: Self.text(code)), code: .internalError) }
  }

  /// Queues bytes on a stream.
  ///
  /// Dropped if the stream has closed: its owner hears so by an event. Beyond `limits.outboundMax` of
  /// queued bytes, or `limits.outboundTotalMax` of all streams, the stream is reset instead.
  ///
  /// - Parameters:
  ///   - stream: a stream that was opened, or responded to, here.
  ///   - bytes: what to send.
  ///   - endStream: whether this is the last.
  /// - Precondition: the stream has not been ended by an earlier call.
  public func send(_ stream: StreamID, _ bytes: [UInt8], endStream: Bool = false) {
    guard failure == nil, let state = streams[stream.rawValue], !state.isResetByOwner else {
      return
    }
    precondition(state.hasHeaders, "headers come first")
    precondition(!state.outbound.isEnded, "the stream was ended")
    guard bytes.count <= limits.outboundMax - state.outbound.count,
      bytes.count <= limits.outboundTotalMax - queued
    else { return reset(stream, .enhanceYourCalm) }
    state.outbound.append(bytes)
    queued += bytes.count
    state.outbound.isEnded = endStream
    if state.outbound.count >= limits.outboundHighWater { state.owesWritable = true }
    if state.isDeferred, endStream || !bytes.isEmpty {
      state.isDeferred = false
      // Fails only for a stream that is closing: then its bytes are not wanted.
      _ = nghttp2_session_resume_data(handle, stream.rawValue)
    }
  }

  /// Ends a stream after what is queued, and then the other direction too: what the peer still has to say is not waited for
  /// (RFC 9113, section 8.1).
  ///
  /// - Precondition: the stream has not been ended by an earlier call.
  public func end(_ stream: StreamID, thenReset code: HTTP2ErrorCode) {
    streams[stream.rawValue]?.codeAfterEnd = code
    send(stream, [], endStream: true)
  }

  /// Bytes queued on a stream that have not become frames yet; 0 once it has closed.
  public func outstanding(_ stream: StreamID) -> Int {
    streams[stream.rawValue]?.outbound.count ?? 0
  }

  /// Says that the owner is done with bytes it was given, so that the peer may send as many again.
  ///
  /// On a closed stream this is nothing: its bytes were returned to the connection when it closed.
  ///
  /// - Precondition: no more is consumed than was given.
  public func consume(_ stream: StreamID, _ count: Int) {
    guard failure == nil, count > 0, let state = streams[stream.rawValue] else { return }
    precondition(count <= state.unconsumed, "more consumed than received")
    state.unconsumed -= count
    let code = nghttp2_session_consume(handle, stream.rawValue, count)
    if code != 0 { fail(.library(code: code, reason: Self.text(code)), code: .internalError) }
  }

  /// Ends a stream in both directions at once; what is queued on it is dropped.
  public func reset(_ stream: StreamID, _ code: HTTP2ErrorCode = .cancel) {
    guard failure == nil, let state = streams[stream.rawValue], !state.isResetByOwner else {
      return
    }
    state.isResetByOwner = true
    queued -= state.outbound.count
    state.outbound.removeAll()
    state.owesWritable = false
    let result = nghttp2_submit_rst_stream(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.rawValue, code.rawValue)
    if result != 0 { fail(.library(code: result, reason: Self.text(result)), code: .internalError) }
  }

  /// Gives up the streams whose peer has taken neither what waits for it nor `HTTP2Limits.takenMin` of it: a slow reader, or one
  /// that never opens its window (CVE-2019-9511, 9517).
  ///
  /// What must be taken is the connection's: streams that wait share it.
  ///
  /// Called now and then; a stream is given up between `milliseconds` and one interval of calls later.
  ///
  /// - Parameters:
  ///   - milliseconds: how long a peer may take for so much.
  ///   - now: the caller's monotonic time in milliseconds.
  /// - Returns: how many were reset.
  @discardableResult
  public func resetStalled(for milliseconds: UInt64, now: UInt64) -> Int {
    var stalled: [StreamID] = []
    let waiting = streams.values.count { !$0.isResetByOwner && $0.outbound.count > 0 }
    for state in streams.values where !state.isResetByOwner {
      if state.outbound.count == 0 {
        state.waiting = nil
      } else if let waiting = state.waiting, state.taken < waiting.due {
        if now - waiting.since >= milliseconds { stalled.append(StreamID(rawValue: state.id)) }
      } else {
        let due = min(state.outbound.count, max(1, limits.takenMin / waiting))
        state.waiting = (state.taken + UInt64(due), now)
      }
    }
    for stream in stalled { reset(stream, .enhanceYourCalm) }
    return stalled.count
  }

  /// Refuses a stream that the peer opened and nobody here wants.
  ///
  /// Unlike `reset` this counts against `HTTP2Limits.resetsSent`: a peer that opens only such streams
  /// is not to do so without end.
  public func refuse(_ stream: StreamID) {
    streams[stream.rawValue]?.isRefused = true
    reset(stream, .refusedStream)
  }

  // MARK: The connection

  /// Asks the peer for a sign of life: `.pong(payload)` follows.
  public func ping(_ payload: UInt64) {
    guard failure == nil else { return }
    let bytes = withUnsafeBytes(of: payload.bigEndian) { Array($0) }
    let code = nghttp2_submit_ping(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), bytes)
    if code != 0 { fail(.library(code: code, reason: Self.text(code)), code: .internalError) }
  }

  /// Takes no new streams and lets the open ones finish; `isFinished` turns true after the last.
  ///
  /// A server says so first and refuses only a round trip later, so that no request that was already
  /// under way is lost (RFC 9113, section 6.8).
  public func startDraining() {
    guard failure == nil, drain == .no else { return }
    switch role {
    case .server:
      drain = .noticeSent
      let code = nghttp2_submit_shutdown_notice(handle)
      if code != 0 { fail(.library(code: code, reason: Self.text(code)), code: .internalError) }
      ping(Self.drainPing)
    case .client:
      submitGoAway(.noError)
    }
  }

  /// Ends the connection with `code`: open streams are lost.
  ///
  /// Write the output, then close.
  public func terminate(_ code: HTTP2ErrorCode) {
    guard failure == nil else { return }
    isTerminatedByOwner = true
    let result = nghttp2_session_terminate_session(handle, code.rawValue)
    if result != 0 { fail(.library(code: result, reason: Self.text(result)), code: .internalError) }
  }

  /// Whether this side takes no new streams.
  public var isDraining: Bool { drain != .no }

  // MARK: Called back

  func post(_ event: HTTP2Event) { events.append(event) }

  func received(pong payload: UInt64) {
    if payload == Self.drainPing, drain == .noticeSent {
      submitGoAway(.noError)
    } else {
      post(.pong(payload))
    }
  }

  func receivedGoAway(last: Int32, code: UInt32) {
    peerIsDraining = true
    post(.goAway(last: StreamID(rawValue: last), HTTP2ErrorCode(rawValue: code)))
  }

  /// Ends the session.
  ///
  /// libnghttp2 must not be used after a failed callback (`nghttp2_error`), so the
  /// GOAWAY is written by hand; output always stops between two frames.
  func fail(_ error: HTTP2Error, code: HTTP2ErrorCode) {
    guard failure == nil else { return }
    failure = error
    let last = UInt32(bitPattern: nghttp2_session_get_last_proc_stream_id(handle))
    // Length 8, type GOAWAY, no flags, stream 0 (RFC 9113, sections 4.1 and 6.8).
    finalGoAway =
      [0, 0, 8, 7, 0, 0, 0, 0, 0] + Self.bigEndian(last) + Self.bigEndian(code.rawValue)
    for state in streams.values { state.outbound.removeAll() }
    queued = 0
  }

  private func submitGoAway(_ code: HTTP2ErrorCode) {
    drain = .goAwaySent
    let last = nghttp2_session_get_last_proc_stream_id(handle)
    let result = nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), last, code.rawValue, nil, 0)
    if result != 0 { fail(.library(code: result, reason: Self.text(result)), code: .internalError) }
  }

  private func submitSettings() -> Int32 {
    var entries = [
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
        value: UInt32(clamping: limits.streamWindow)),
      nghttp2_settings_entry(
        settings_id: Int32(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue),
        value: UInt32(clamping: limits.headerBytesMax)),
    ]
    switch role {
    case .server:
      entries.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue),
          value: UInt32(clamping: limits.streamsMax)))
    case .client:
      entries.append(
        nghttp2_settings_entry(
          settings_id: Int32(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), value: 0))
    }
    return nghttp2_submit_settings(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
  }

  private func check(_ code: Int32, _ operation: String) throws(HTTP2Error) {
    if code != 0 { throw .library(code: code, reason: "\(operation): \(Self.text(code))") }
  }

  static func text(_ code: Int32) -> String {
    nghttp2_strerror(code).map { String(cString: $0) } ?? "unknown error"
  }

  private static func bigEndian(_ value: UInt32) -> [UInt8] {
    withUnsafeBytes(of: value.bigEndian) { Array($0) }
  }
}
