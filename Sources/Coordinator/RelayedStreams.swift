internal import JobDispatch
internal import NIOCore
internal import WireProtocol

/// Streams of calls and jobs that another coordinator passes on: so many are begun at once, and the others when the loop's other
/// connections have had their turn.
///
/// A link of a coordinator is not held to turns, since the log comes over it; what its clients send comes over it too, hundreds of
/// requests in one read. Without this who floods a follower would not be held back at the leader. Belongs to the link's loop.
final class RelayedStreams {
  /// As many as a link of anybody else begins.
  static let perTurn = 16

  private let clock: any MonotonicClock
  private let wait: (@escaping () -> Void) -> Void
  private var waiting: CircularBuffer<RelayedStream> = []
  private var begun = 0
  private var turn: UInt64 = 0

  /// - Parameters:
  ///   - clock: what passes in a millisecond is one turn, while nobody waits.
  ///   - wait: calls back in a turn of its own.
  init(clock: any MonotonicClock, wait: @escaping (@escaping () -> Void) -> Void) {
    self.clock = clock
    self.wait = wait
  }

  /// A stream was opened; `open` gives its owner once its turn has come.
  func accept(_ channel: any MessageChannel, _ open: @escaping () -> any MessageChannelOwner)
    -> any MessageChannelOwner
  {
    if waiting.isEmpty, clock.now != turn {
      turn = clock.now
      begun = 0
    }
    if waiting.isEmpty, begun < Self.perTurn {
      begun += 1
      return open()
    }
    let stream = RelayedStream(channel, open)
    waiting.append(stream)
    if waiting.count == 1 { ask() }
    return stream
  }

  private func ask() { wait { [weak self] in self?.takeTurn() } }

  private func takeTurn() {
    begun = 0
    while begun < Self.perTurn, let stream = waiting.popFirst() { begun += stream.begin() ? 1 : 0 }
    turn = clock.now
    if !waiting.isEmpty { ask() }
  }
}

/// A stream that waits for its turn; nothing further is read of it meanwhile, so what waits is what had arrived.
private final class RelayedStream: MessageChannelOwner {
  private let channel: any MessageChannel
  private var open: (() -> any MessageChannelOwner)?
  private var waiting: [Message] = []
  private var owner: (any MessageChannelOwner)?

  init(_ channel: any MessageChannel, _ open: @escaping () -> any MessageChannelOwner) {
    self.channel = channel
    self.open = open
    channel.setReading(false)
  }

  /// Its turn has come; false if it has closed.
  func begin() -> Bool {
    guard let open else { return false }
    self.open = nil
    // Before its owner says anything: he may want to read no further.
    channel.setReading(true)
    let owner = open()
    self.owner = owner
    for message in waiting { owner.received(message, on: channel) }
    waiting = []
    return true
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    if let owner { owner.received(message, on: channel) } else { waiting.append(message) }
  }

  func writable(_ channel: any MessageChannel) { owner?.writable(channel) }

  func closed(_ channel: any MessageChannel) {
    open = nil
    waiting = []
    owner?.closed(channel)
    owner = nil
  }
}
