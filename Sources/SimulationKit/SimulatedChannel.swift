internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// One stream of a connection: what `Links`' channel and an HTTP/2 stream are together, with messages
/// encoded and decoded as on the wire.
///
/// ```
/// open ──finish()──► finished ──the peer has finished too──► closed
///   └── abort(), reset, lost connection ──► closed
/// ```
final class SimulatedChannel: MessageChannel {
  /// Bytes that arrive although nobody reads: HTTP/2's window of a stream.
  private static let window = 64 << 10

  private enum State { case open, finished, closed }

  let number: UInt32
  private let service: Service
  private let isOpener: Bool
  private let end: LinkEnd
  private var owner: (any MessageChannelOwner)?
  private var state = State.open
  private var peerHasEnded = false
  private var isReading = true
  private var arrivedBytes = 0
  private var waiting: [(kind: MessageKind, payload: [UInt8])] = []
  private var endWaits = false
  private var wasFull = false
  private(set) var outstandingBytes = 0
  /// What is sent instead of a message, by a node that does not keep to the protocol.
  var alter: ((any WireMessage) -> any WireMessage)?
  /// Whether a message is lost by a planted bug.
  var loses: ((any WireMessage) -> Bool)?

  init(_ number: UInt32, _ service: Service, on end: LinkEnd, isOpener: Bool) {
    self.number = number
    self.service = service
    self.end = end
    self.isOpener = isOpener
  }

  func begin(owner: any MessageChannelOwner) { if state != .closed { self.owner = owner } }

  // MARK: MessageChannel

  func send(_ honest: any WireMessage) {
    guard state == .open else { return }
    let message = alter?(honest) ?? honest
    if loses?(message) == true { return }
    let kind = type(of: message).kind
    let allowed = isOpener ? service.requests : service.responses
    let simulation = end.node.simulation
    guard allowed.contains(kind) else {
      return simulation.fail("P6", "\(end.node.name) sent \(kind.name) on a \(service) stream")
    }
    do throws(WireError) {
      let payload = try Self.payload(of: message)
      outstandingBytes += payload.count + Frame.headerBytes
      if outstandingBytes >= MessageChannelLimits.outstandingBytesMax { wasFull = true }
      end.send(.message(number, kind, payload: payload), of: self)
    } catch {
      simulation.fail("P6", "\(end.node.name) cannot say \(kind.name): \(error)")
    }
  }

  private static func payload(of message: some WireMessage) throws(WireError) -> [UInt8] {
    Array(try FrameEncoder.encode(message).dropFirst(Frame.headerBytes))
  }

  func finish() {
    guard state == .open else { return }
    state = .finished
    end.send(.ended(number), of: self)
    closeIfBothEnded()
  }

  func abort() {
    guard state != .closed else { return }
    end.send(.reset(number), of: self)
    end.remove(self)
    state = .closed
    // The owner hears of it in a turn of its own.
    end.node.after(0) { [self] in tellClosed() }
  }

  func setReading(_ isReading: Bool) {
    guard self.isReading != isReading else { return }
    self.isReading = isReading
    if isReading, !waiting.isEmpty || endWaits {
      end.node.after(0) { [self] in readWaiting() }
    }
  }

  // MARK: From the connection

  func arrived(_ kind: MessageKind, _ payload: [UInt8]) {
    guard state != .closed else { return }
    if !waiting.isEmpty || (!isReading && arrivedBytes + payload.count > Self.window) {
      waiting.append((kind, payload))
    } else {
      if !isReading { arrivedBytes += payload.count }
      deliver(kind, payload)
    }
  }

  private func readWaiting() {
    arrivedBytes = 0
    while isReading, state != .closed, !waiting.isEmpty {
      let next = waiting.removeFirst()
      deliver(next.kind, next.payload)
    }
    if waiting.isEmpty, endWaits, state != .closed {
      endWaits = false
      peerEnded()
    }
  }

  private func deliver(_ kind: MessageKind, _ payload: [UInt8]) {
    end.peerEnd?.channel(number)?.consumed(payload.count + Frame.headerBytes)
    do throws(WireError) {
      let message = try Message(Frame(kind: kind, payload: payload))
      owner?.received(message, on: self)
    } catch {
      end.node.simulation.fail("P6", "\(end.node.name) cannot read \(kind.name): \(error)")
    }
  }

  /// The peer has taken bytes.
  private func consumed(_ bytes: Int) {
    outstandingBytes -= bytes
    guard wasFull, outstandingBytes < MessageChannelLimits.outstandingBytesMax / 2 else { return }
    wasFull = false
    end.node.after(500) { [self] in if state == .open { owner?.writable(self) } }
  }

  /// The peer has sent everything.
  func peerEnded() {
    guard state != .closed else { return }
    guard waiting.isEmpty else {
      endWaits = true
      return
    }
    peerHasEnded = true
    // A client ends its side after its request, and waits for the answer.
    let outlivesPeer = !isOpener && (service == .call || service == .job)
    if !outlivesPeer, state == .open { finish() } else { closeIfBothEnded() }
  }

  private func closeIfBothEnded() {
    guard state == .finished, peerHasEnded else { return }
    end.remove(self)
    state = .closed
    end.node.after(0) { [self] in tellClosed() }
  }

  /// The stream was reset, or its connection is over.
  func lost() {
    guard state != .closed else { return }
    state = .closed
    tellClosed()
  }

  private func tellClosed() {
    let last = owner
    owner = nil
    alter = nil
    loses = nil
    waiting = []
    last?.closed(self)
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    state = .closed
    owner = nil
    alter = nil
    loses = nil
    waiting = []
  }
}
