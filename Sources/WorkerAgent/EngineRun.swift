internal import Engines
internal import JobDispatch
internal import NIOConcurrencyHelpers

/// One request in the engine, between the task that reads it and the loop that sends it on.
///
/// ```
/// reading ──buffer full, setReading(false)──► waiting ──room, setReading(true)──► reading
///    └──────────────── cancel ────────────────┴──► cancelled
/// ```
/// One task puts, one loop takes. Invariant: the task waits only while there is no room or reading is off. Text that waits for the
/// loop becomes one piece, however many tokens it is.
final class EngineRun: Sendable {
  /// Events that wait for the loop before the task waits for it.
  static let eventsMax = 64

  private struct State {
    var events: [GeneratedEvent] = []
    var isReading = true
    var isCancelled = false
    var isAnnounced = false
    var waiter: CheckedContinuation<Void, Never>?

    mutating func add(_ event: GeneratedEvent) {
      if let last = events.indices.last, events[last].merge(event) { return }
      events.append(event)
    }

    var hasRoom: Bool { isCancelled || (isReading && events.count < EngineRun.eventsMax) }
    mutating func takeWaiter() -> CheckedContinuation<Void, Never>? {
      guard hasRoom else { return nil }
      defer { waiter = nil }
      return waiter
    }
  }

  private let state = NIOLockedValueBox(State())
  /// Called, from the task, when events wait that the loop has not been told of, and when the task waits for the loop: whether
  /// it does.
  private let announce: @Sendable (_ isFull: Bool) -> Void

  init(announce: @escaping @Sendable (_ isFull: Bool) -> Void) { self.announce = announce }

  /// Hands over an event; returns when there is room for the next.
  func put(_ event: GeneratedEvent) async throws {
    let (isNews, isFull) = state.withLockedValue { state in
      state.add(event)
      defer { state.isAnnounced = true }
      return (!state.isAnnounced, !state.hasRoom)
    }
    if isNews || isFull { announce(isFull) }
    if isFull { await room() }
    if state.withLockedValue({ $0.isCancelled }) { throw CancellationError() }
  }

  private func room() async {
    await withCheckedContinuation { continuation in
      let mayGoOn = state.withLockedValue { state in
        if state.hasRoom { return true }
        state.waiter = continuation
        return false
      }
      if mayGoOn { continuation.resume() }
    }
  }

  /// Takes what waits.
  func take() -> [GeneratedEvent] {
    let (events, waiter) = state.withLockedValue { state in
      let events = state.events
      state.events = []
      state.isAnnounced = false
      return (events, state.takeWaiter())
    }
    waiter?.resume()
    return events
  }

  /// Stops or resumes the task at its next event.
  func setReading(_ isReading: Bool) {
    state.withLockedValue { state in
      state.isReading = isReading
      return state.takeWaiter()
    }?.resume()
  }

  /// Lets the task go on to its end; nothing more is wanted.
  func cancel() {
    state.withLockedValue { state in
      state.isCancelled = true
      return state.takeWaiter()
    }?.resume()
  }
}
