internal import Engines
internal import JobDispatch
internal import NIOConcurrencyHelpers
internal import NIOCore

/// One request in the engine, between whoever reads it and the loop that sends it on.
///
/// ```
/// reading ──buffer full, setReading(false)──► waiting ──room, setReading(true)──► reading
///    └──────────────── cancel ────────────────┴──► cancelled
/// ```
/// One reader puts, one loop takes. Invariant: the reader waits only while there is no room or reading is off. Text that waits for the
/// loop becomes one piece, however many tokens it is.
final class EngineRun: Sendable {
  /// Events that wait for the loop before the reader waits for it.
  static let eventsMax = 64

  private struct State {
    var events: [GeneratedEvent] = []
    var isReading = true
    var isCancelled = false
    var isAnnounced = false
    /// What the reader waits for.
    var room: EventLoopPromise<Void>?

    mutating func add(_ event: GeneratedEvent) {
      if let last = events.indices.last, events[last].merge(event) { return }
      events.append(event)
    }

    var hasRoom: Bool { isCancelled || (isReading && events.count < EngineRun.eventsMax) }
    mutating func takeRoom() -> EventLoopPromise<Void>? {
      guard hasRoom else { return nil }
      defer { room = nil }
      return room
    }
  }

  private let state = NIOLockedValueBox(State())
  /// Called, by the reader, when events wait that the loop has not been told of, and when it waits for the loop: whether
  /// it does.
  private let announce: @Sendable (_ isFull: Bool) -> Void
  private let loop: any EventLoop

  init(on loop: any EventLoop, announce: @escaping @Sendable (_ isFull: Bool) -> Void) {
    self.loop = loop
    self.announce = announce
  }

  deinit { state.withLockedValue { $0.room }?.fail(CancellationError()) }

  /// Hands over an event; gives what to wait for where there is no room for the next.
  func put(_ event: GeneratedEvent) throws -> EventLoopFuture<Void>? {
    let (isNews, room) = try state.withLockedValue { state in
      guard !state.isCancelled else { throw CancellationError() }
      state.add(event)
      defer { state.isAnnounced = true }
      if !state.hasRoom, state.room == nil { state.room = loop.makePromise() }
      return (!state.isAnnounced, state.room?.futureResult)
    }
    if isNews || room != nil { announce(room != nil) }
    return room
  }

  /// Takes what waits.
  func take() -> [GeneratedEvent] {
    let (events, room) = state.withLockedValue { state in
      let events = state.events
      state.events = []
      state.isAnnounced = false
      return (events, state.takeRoom())
    }
    room?.succeed()
    return events
  }

  /// Stops or resumes the reader at its next event.
  func setReading(_ isReading: Bool) {
    state.withLockedValue { state in
      state.isReading = isReading
      return state.takeRoom()
    }?.succeed()
  }

  /// Lets the reader go on to its end; nothing more is wanted.
  func cancel() {
    state.withLockedValue { state in
      state.isCancelled = true
      return state.takeRoom()
    }?.succeed()
  }
}
