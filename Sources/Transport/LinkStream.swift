public import HTTP2Session

/// Told what happens to a stream, on its link's loop.
///
/// A handler may call anything of its stream and link from within these.
public protocol StreamHandler: AnyObject {
  /// The response to a stream that was opened here has begun.
  func responded(status: Int, headers: [HeaderField], on stream: LinkStream)
  /// Bytes arrived. The peer may send as many again once they have been `consume`d.
  func received(_ bytes: [UInt8], on stream: LinkStream)
  /// The peer has sent everything.
  func ended(_ stream: LinkStream)
  /// `outstanding` fell to half of the high-water mark after having been above it.
  func writable(_ stream: LinkStream)
  /// The stream is over: the last call. What is sent from now on is dropped.
  func closed(_ stream: LinkStream, _ end: StreamEnd)
}

/// One stream of bytes to the peer, in both directions.
///
/// Belongs to its link's loop.
public final class LinkStream {
  /// Its number in the link.
  public let id: StreamID
  /// The link; `nil` once the stream has closed.
  ///
  /// The link holds its streams too; the end of a stream, which always comes, breaks that circle.
  public private(set) var link: Link?
  /// Told what happens.
  ///
  /// May be replaced, between two calls, by one that knows more.
  public var handler: (any StreamHandler)?

  init(id: StreamID, link: Link, handler: (any StreamHandler)?) {
    self.id = id
    self.link = link
    self.handler = handler
  }

  /// Whether the stream is over.
  public var isClosed: Bool { link == nil }

  /// Says something before the response: 100 to a client that waits for a word before it sends its body.
  ///
  /// For streams that the peer opened.
  public func inform(status: Int) { link?.act { $0.inform(id, status: status) } }

  /// Starts the response; bytes may be sent then.
  ///
  /// For streams that the peer opened, once.
  public func respond(status: Int, headers: [HeaderField] = []) {
    link?.act { $0.respond(id, status: status, headers: headers) }
  }

  /// Queues bytes; many calls in one turn of the loop become one write.
  ///
  /// - Parameters:
  ///   - bytes: what to send.
  ///   - end: whether this is the last.
  public func send(_ bytes: [UInt8], end: Bool = false) {
    link?.act { $0.send(id, bytes, endStream: end) }
  }

  /// Says that nothing more is sent, after what is queued.
  public func end() { send([], end: true) }

  /// Says so, and then gives up what the peer still sends.
  public func end(thenReset code: HTTP2ErrorCode) { link?.act { $0.end(id, thenReset: code) } }

  /// Gives the stream up at once, in both directions.
  public func reset(_ code: HTTP2ErrorCode = .cancel) { link?.act { $0.reset(id, code) } }

  /// Says that `count` received bytes are done with, so that the peer may send as many again.
  public func consume(_ count: Int) { link?.act { $0.consume(id, count) } }

  /// Bytes queued here and not yet on their way.
  ///
  /// Above the link's high-water mark stop, and go on when told `writable`; above
  /// `HTTP2Limits.outboundMax` the stream is reset.
  public var outstanding: Int { link?.outstanding(id) ?? 0 }

  func finish(_ end: StreamEnd) {
    link = nil
    let last = handler
    handler = nil
    last?.closed(self, end)
  }
}
