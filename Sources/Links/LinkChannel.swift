internal import ExchangeTypes
public import HTTP2Session
public import JobDispatch
public import Transport
public import WireProtocol

/// One stream of a link as a channel of messages: frames are cut, checked and written here.
///
/// ```
/// open ──finish()──► half closed ──peer ends──► closed
///   └── abort(), reset, lost link, malformed frame ──► closed
/// ```
///
/// Confined to its link's loop. It holds its owner until it has told it `closed`.
public final class LinkChannel: MessageChannel {
  private enum State {
    /// The dialing side made it, and its stream is about to be known.
    case opening
    case open(LinkStream)
    /// Our side has ended.
    case finished(LinkStream)
    case closed
  }

  private var state = State.opening
  private var decoder: FrameDecoder
  private let outgoing: MessageSet
  /// Whether the peer's end of the stream leaves it open for our answer.
  private let outlivesPeer: Bool
  private var owner: (any MessageChannelOwner)?
  /// Told if the peer sends what is no message, or none that may stand here, or leaves too much unfinished, or for too long.
  var whenViolated: ((Failure) -> Void)?
  /// What all streams that the peer has opened on the link hold; nil on the dialing side.
  private let streams: AcceptedStreams?
  /// Bytes of an unfinished message that count there.
  private var counted = 0
  /// Whether a message has come, on a stream that is not the link's own, and our side has more to say.
  private var hasSpoken = false
  private let isControl: Bool
  private var isReading = true
  /// Bytes that arrived while reading was paused: the peer gets credit for them later.
  private var unconsumed = 0

  /// A channel on a stream that this side opens.
  init(opening service: Service, owner: any MessageChannelOwner) {
    decoder = FrameDecoder(allowed: service.responses)
    outgoing = service.requests
    outlivesPeer = false
    isControl = service == .control
    streams = nil
    self.owner = owner
  }

  /// A channel on a stream that the peer opened; `owner` is set before anything arrives.
  init(accepting stream: LinkStream, service: Service, among streams: AcceptedStreams) {
    decoder = FrameDecoder(allowed: service.requests)
    outgoing = service.responses
    outlivesPeer = service == .call || service == .job || service == .enrol
    isControl = service == .control
    self.streams = streams
    state = .open(stream)
  }

  func begin(owner: any MessageChannelOwner) { self.owner = owner }

  func begin(on stream: LinkStream) {
    guard case .opening = state else { preconditionFailure("a channel has one stream") }
    state = .open(stream)
  }

  /// The stream could not be opened, or was refused before anything was said on it.
  func end() {
    guard !isClosed else { return }
    state = .closed
    count(0)
    fallSilent()
    let last = owner
    owner = nil
    last?.closed(self)
  }

  private var isClosed: Bool {
    if case .closed = state { true } else { false }
  }

  private var stream: LinkStream? {
    switch state {
    case .open(let stream), .finished(let stream): stream
    case .opening, .closed: nil
    }
  }

  // MARK: MessageChannel

  /// Queues a message; dropped if our side has ended.
  ///
  /// - Precondition: the message may stand on this stream.
  public func send(_ message: any WireMessage) {
    guard case .open(let stream) = state else { return }
    // Its kind and no more: the text of a crash is in the log, and a message may hold prompts and keys.
    precondition(
      outgoing.contains(type(of: message).kind),
      "a message that its peer refuses: \(type(of: message).kind.name)")
    do throws(WireError) {
      stream.send(try Self.encode(message))
    } catch {
      // A value beyond its bounds is this node's mistake; its peer is told that there is no message.
      fail(Failure(.internalError, error.explanation))
    }
  }

  private static func encode(_ message: some WireMessage) throws(WireError) -> [UInt8] {
    try FrameEncoder.encode(message)
  }

  /// Ends our side after what is queued.
  public func finish() {
    guard case .open(let stream) = state else { return }
    state = .finished(stream)
    fallSilent()
    stream.end()
  }

  /// Ends both sides at once.
  public func abort() { stream?.reset(.cancel) }

  /// Bytes queued and not yet on their way.
  public var outstandingBytes: Int { stream?.outstanding ?? 0 }

  /// Stops or resumes giving the peer credit.
  public func setReading(_ isReading: Bool) {
    self.isReading = isReading
    if isReading, unconsumed > 0 {
      stream?.consume(unconsumed)
      unconsumed = 0
    }
  }

  /// Says why the stream cannot go on, where that may be said, and ends it.
  private func fail(_ failure: Failure) {
    guard case .open(let stream) = state else { return abort() }
    if outgoing.contains(.failure), let bytes = try? FrameEncoder.encode(failure) {
      stream.send(bytes)
      finish()
    } else {
      stream.reset(.protocolError)
    }
  }
}

extension LinkChannel: StreamHandler {
  /// The peer took the stream, or did not.
  public func responded(status: Int, headers: [HeaderField], on stream: LinkStream) {
    if status != 200 { stream.reset(.cancel) }
  }

  /// Bytes arrived: each whole frame goes to the owner.
  public func received(_ bytes: [UInt8], on stream: LinkStream) {
    if isReading {
      stream.consume(bytes.count)
    } else {
      unconsumed += bytes.count
    }
    // Who has answered an accepted stream to the end wants nothing more of it, and keeps nothing.
    if streams != nil, case .finished = state { return drop() }
    decoder.append(bytes)
    do throws(WireError) {
      while let owner, let frame = try decoder.next() {
        // Another message than the one that was under way.
        count(0)
        owner.received(try Message(frame), on: self)
        speak()
      }
    } catch {
      return violated(error)
    }
    guard count(isClosed ? 0 : decoder.bytesHeld) else {
      return giveUp(
        Failure(
          .overloaded, "too many bytes of unfinished messages on this connection",
          retryAfterMs: 1_000))
    }
  }

  private func speak() {
    guard let streams, !hasSpoken, !isControl else { return }
    streams.usedAt = LinkLoop.now
    guard case .open = state else { return }
    hasSpoken = true
    streams.speaking += 1
  }

  private func fallSilent() {
    if hasSpoken { streams?.speaking -= 1 }
    hasSpoken = false
  }

  /// Forgets what has come of a message, and says why it is waited for no longer.
  func giveUp(_ failure: Failure) {
    whenViolated?(failure)
    drop()
    fail(failure)
  }

  /// Forgets what has come of a message.
  private func drop() {
    decoder = FrameDecoder(allowed: decoder.allowed)
    count(0)
  }

  /// Says how many bytes of an unfinished message are held; false if the link may not hold so many.
  @discardableResult
  private func count(_ held: Int) -> Bool {
    guard let streams, held != counted else { return true }
    defer { counted = held }
    return streams.hold(held, insteadOf: counted, by: self)
  }

  /// The peer has sent everything.
  public func ended(_ stream: LinkStream) {
    do throws(WireError) { try decoder.finish() } catch { return violated(error) }
    if !outlivesPeer { finish() }
  }

  /// The stream takes bytes again.
  public func writable(_ stream: LinkStream) { owner?.writable(self) }

  /// The stream is over.
  public func closed(_ stream: LinkStream, _ end: StreamEnd) { self.end() }

  private func violated(_ error: WireError) {
    let failure = Failure(error)
    whenViolated?(failure)
    drop()
    // What the peer still sends is not read; its stream must not stay open for that once it has been told why.
    guard streams != nil, case .open(let stream) = state, outgoing.contains(.failure),
      let bytes = try? FrameEncoder.encode(failure)
    else {
      stream?.reset(.protocolError)
      return
    }
    state = .finished(stream)
    fallSilent()
    stream.send(bytes)
    stream.end(thenReset: .protocolError)
  }
}
