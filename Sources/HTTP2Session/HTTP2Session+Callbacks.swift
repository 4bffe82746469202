internal import CNGHTTP2

// libnghttp2 calls these inside mem_recv and mem_send. They note what happened and return; none calls
// the owner. The user data is the session, which outlives its handle.

/// The session whose handle calls back.
private func owner(_ userData: UnsafeMutableRawPointer?) -> HTTP2Session? {
  userData.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
}

extension HTTP2Session {
  static func makeHandle(role: Role, limits: HTTP2Limits) throws(HTTP2Error) -> OpaquePointer {
    var callbacks: OpaquePointer?
    var option: OpaquePointer?
    defer {
      nghttp2_session_callbacks_del(callbacks)
      nghttp2_option_del(option)
    }
    guard nghttp2_session_callbacks_new(&callbacks) == 0, nghttp2_option_new(&option) == 0,
      let callbacks, let option
    else { throw .library(code: NGHTTP2_ERR_NOMEM.rawValue, reason: "out of memory") }
    install(in: callbacks)

    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_peer_max_concurrent_streams(
      option, UInt32(clamping: limits.streamsBeforeSettings))
    nghttp2_option_set_max_continuations(option, limits.continuationsMax)
    nghttp2_option_set_max_outbound_ack(option, limits.outboundAcksMax)
    nghttp2_option_set_max_settings(option, limits.settingsEntriesMax)
    // Behind our own count, which stops in the middle of a read; the library's stops after it.
    nghttp2_option_set_stream_reset_rate_limit(
      option, limits.resetsReceived.count,
      max(1, limits.resetsReceived.count * 1_000 / limits.resetsReceived.milliseconds))

    var handle: OpaquePointer?
    let code =
      switch role {
      case .server: nghttp2_session_server_new2(&handle, callbacks, nil, option)
      case .client: nghttp2_session_client_new2(&handle, callbacks, nil, option)
      }
    guard code == 0, let handle else { throw .library(code: code, reason: text(code)) }
    return handle
  }

  private static func install(in callbacks: OpaquePointer) {
    nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks) { _, frame, userData in
      guard let frame, let session = owner(userData) else { return 0 }
      session.beganHeaders(frame.pointee)
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(callbacks) {
      _, frame, name, nameSize, value, valueSize, _, userData in
      guard let frame, let session = owner(userData) else { return 0 }
      return session.received(
        name: UnsafeBufferPointer(start: name, count: nameSize),
        value: UnsafeBufferPointer(start: value, count: valueSize), on: frame.pointee.hd.stream_id)
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks) { _, frame, userData in
      guard let frame, let session = owner(userData) else { return 0 }
      return session.received(frame)
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks) {
      _, _, stream, data, size, userData in
      guard let data, let session = owner(userData) else { return 0 }
      session.received(UnsafeBufferPointer(start: data, count: size), on: stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(callbacks) {
      _, stream, code, userData in
      owner(userData)?.closed(stream, code)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(callbacks) { _, frame, userData in
      guard let frame, let session = owner(userData) else { return 0 }
      return session.sent(frame)
    }
    // Nor is the library asked what it complains of: its text quotes header fields, an API key among them.
  }

  /// Fills DATA frames from a stream's queue.
  static var dataProvider: nghttp2_data_provider {
    nghttp2_data_provider(source: nghttp2_data_source()) {
      _, stream, target, size, flags, _, userData in
      guard let target, let flags, let session = owner(userData) else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
      }
      let buffer = UnsafeMutableRawBufferPointer(start: target, count: size)
      return session.fill(buffer, for: stream, flags: flags)
    }
  }

  /// The budget is spent: no further callback follows, and the session is over.
  private func stop(_ breach: HTTP2Breach) -> Int32 {
    fail(.breach(breach), code: .enhanceYourCalm)
    return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
  }

  /// Header fields of a usual request: the list does not grow step by step.
  private static let usualFields = 8

  private func beganHeaders(_ frame: nghttp2_frame) {
    let id = frame.hd.stream_id
    if frame.headers.cat == NGHTTP2_HCAT_REQUEST {
      let state = SessionStream(id: id, openedHere: false)
      state.fields.reserveCapacity(Self.usualFields)
      streams[id] = state
      receiving = state
    } else if let state = streams[id] {
      state.fields = []
      state.fieldBytes = 0
      state.fieldCount = 0
      receiving = state
    }
  }

  /// Counts what decompression yields: the peer's frames are small, what they name need not be.
  private func received(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>, on stream: Int32
  ) -> Int32 {
    guard let state = receiving, state.id == stream else { return 0 }
    state.fieldCount += 1
    state.fieldBytes += name.count + value.count + 32
    guard isWithin(1, state) else {
      // It is reset when the section has ended: so long it is still counted.
      state.fields = []
      return isWithin(HTTP2Limits.headerExcessMax, state) ? 0 : stop(.headerSection)
    }
    state.fields.append(
      HeaderField(String(decoding: name, as: UTF8.self), String(decoding: value, as: UTF8.self)))
    return 0
  }

  /// Whether the header section that is being received is within so many times its bounds.
  private func isWithin(_ times: Int, _ state: SessionStream) -> Bool {
    state.fieldCount <= times * limits.headerFieldsMax
      && state.fieldBytes <= times * limits.headerBytesMax
  }

  private func received(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_HEADERS.rawValue:
      receiving = nil
      guard let state = streams[header.stream_id] else { return 0 }
      guard isWithin(1, state) else {
        // By its peer's doing: the reset counts against him.
        state.isRefused = true
        state.resetCost = HTTP2Limits.headerExcessResets
        reset(StreamID(rawValue: header.stream_id), .enhanceYourCalm)
        return 0
      }
      let fields = state.fields
      state.fields = []
      if frame.pointee.headers.cat != NGHTTP2_HCAT_HEADERS {
        state.isAnnounced = true
        post(.headers(StreamID(rawValue: header.stream_id), fields))
      }
      if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0 {
        post(.ended(StreamID(rawValue: header.stream_id)))
      }
    case NGHTTP2_DATA.rawValue:
      if UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
        streams[header.stream_id] != nil
      {
        post(.ended(StreamID(rawValue: header.stream_id)))
      }
    case NGHTTP2_SETTINGS.rawValue:
      if UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue == 0 { post(.settings) }
    case NGHTTP2_PING.rawValue:
      if UInt32(header.flags) & NGHTTP2_FLAG_ACK.rawValue != 0 {
        let payload = withUnsafeBytes(of: frame.pointee.ping.opaque_data) {
          UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self))
        }
        received(pong: payload)
      }
    case NGHTTP2_GOAWAY.rawValue:
      receivedGoAway(
        last: frame.pointee.goaway.last_stream_id, code: frame.pointee.goaway.error_code)
    default: break
    }
    return 0
  }

  private func received(_ bytes: UnsafeBufferPointer<UInt8>, on stream: Int32) {
    // libnghttp2 resets a stream whose window was overrun, and still hands on what overran it.
    guard let state = streams[stream], !state.isResetByOwner,
      bytes.count <= limits.streamWindow - state.unconsumed
    else {
      // Nobody will consume it: the connection's window must not shrink by it.
      _ = nghttp2_session_consume_connection(handle, bytes.count)
      return
    }
    state.unconsumed += bytes.count
    post(.data(StreamID(rawValue: stream), Array(bytes)))
  }

  private func closed(_ stream: Int32, _ code: UInt32) {
    guard let state = streams.removeValue(forKey: stream) else { return }
    if role == .client { openedStreams -= 1 }
    queued -= state.outbound.count
    if state.unconsumed > 0 { _ = nghttp2_session_consume_connection(handle, state.unconsumed) }
    if state.isAnnounced {
      post(.closed(StreamID(rawValue: stream), HTTP2ErrorCode(rawValue: code)))
    }
  }

  private func sent(_ frame: UnsafePointer<nghttp2_frame>) -> Int32 {
    let header = frame.pointee.hd
    switch UInt32(header.type) {
    case NGHTTP2_RST_STREAM.rawValue:
      let state = streams[header.stream_id]
      let isOwnersWish = state?.isResetByOwner == true && state?.isRefused == false
      for _ in 0..<(isOwnersWish ? 0 : state?.resetCost ?? 1) {
        guard resetSentBucket.take(now: now) else { return stop(.resetsSent) }
      }
    case NGHTTP2_DATA.rawValue:
      guard UInt32(header.flags) & NGHTTP2_FLAG_END_STREAM.rawValue != 0,
        let code = streams[header.stream_id]?.codeAfterEnd,
        nghttp2_session_get_stream_remote_close(handle, header.stream_id) == 0
      else { break }
      reset(StreamID(rawValue: header.stream_id), code)
    case NGHTTP2_GOAWAY.rawValue:
      let code = HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)
      // libnghttp2 found the violation and has just written its GOAWAY; it reads nothing more.
      if code != .noError, !isTerminatedByOwner { failure = .protocolViolation(code) }
    default: break
    }
    return 0
  }

  private func fill(
    _ target: UnsafeMutableRawBufferPointer, for stream: Int32, flags: UnsafeMutablePointer<UInt32>
  ) -> Int {
    guard let state = streams[stream] else { return Int(NGHTTP2_ERR_DEFERRED.rawValue) }
    let size = state.outbound.read(into: target)
    state.taken += UInt64(size)
    queued -= size
    if state.outbound.count == 0, state.outbound.isEnded {
      flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
    } else if size == 0 {
      state.isDeferred = true
      return Int(NGHTTP2_ERR_DEFERRED.rawValue)
    }
    if state.owesWritable, state.outbound.count <= limits.outboundHighWater / 2 {
      state.owesWritable = false
      post(.writable(StreamID(rawValue: stream)))
    }
    return size
  }

  /// Lends `fields` to libnghttp2, which copies them: one buffer, and pointers into it.
  func withNameValues<Value>(
    _ fields: [HeaderField], _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Value
  ) -> Value {
    var text: [UInt8] = []
    text.reserveCapacity(fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count })
    for field in fields {
      text.append(contentsOf: field.name.utf8)
      text.append(contentsOf: field.value.utf8)
    }
    return text.withUnsafeMutableBufferPointer { buffer in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { entries in
        var offset = 0
        for (index, field) in fields.enumerated() {
          let (nameSize, valueSize) = (field.name.utf8.count, field.value.utf8.count)
          entries.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: buffer.baseAddress.map { $0 + offset },
              value: buffer.baseAddress.map { $0 + offset + nameSize }, namelen: nameSize,
              valuelen: valueSize, flags: UInt8(NGHTTP2_NV_FLAG_NONE.rawValue)))
          offset += nameSize + valueSize
        }
        return body(UnsafePointer(entries.baseAddress), fields.count)
      }
    }
  }
}
