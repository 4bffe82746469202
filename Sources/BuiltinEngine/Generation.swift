internal import Engines
internal import NIOPosix
internal import NIOConcurrencyHelpers

/// A stream on the engine's threads: it takes a step, goes to the back of the queue, and so on.
///
/// ```
/// queued ──► stepping ──room for more──► queued
///               ├──outbox full──► parked ──taken──► queued
///               └──end, failure, cancel──► ended
/// ```
/// At most one step of a stream is queued or running, and only it touches the machine.
final class Generation: @unchecked Sendable {
  /// Events that wait for the consumer before the stream waits for it.
  static let eventsMax = 64

  /// Why nothing more will come.
  enum Ending {
    case finished(reason: String)
    case failed(String)
    case cancelled
  }

  private struct Shared {
    var events: [EngineEvent] = []
    var ending: Ending?
    var isParked = false
    var isCancelled = false
    var waiter: CheckedContinuation<Void, Never>?
  }

  // Confined to the step that runs.
  private var stream: TokenStream?
  private let pool: NIOThreadPool
  private let whenEnded: @Sendable (Int) -> Void
  // A lock that the thread sanitizer sees; it does not see `Mutex`, which waits by futex.
  private let shared = NIOLockedValueBox(Shared())

  /// Prepares a stream; `whenEnded` gets its count of tokens, once, after the last step.
  init(_ stream: TokenStream, pool: NIOThreadPool, whenEnded: @escaping @Sendable (Int) -> Void) {
    self.stream = stream
    self.pool = pool
    self.whenEnded = whenEnded
  }

  /// Queues the first step.
  func start() { queue() }

  /// Ends it at its next step.
  func cancel() {
    let wasParked = shared.withLockedValue { shared in
      shared.isCancelled = true
      defer { shared.isParked = false }
      return shared.isParked
    }
    if wasParked { queue() }
  }

  /// What has come since the last call, and the ending after all of it; waits for either.
  func next() async -> ([EngineEvent], Ending?) {
    while true {
      let (events, ending, wasParked) = shared.withLockedValue { shared in
        defer {
          shared.events = []
          shared.isParked = false
        }
        return (shared.events, shared.ending, shared.isParked)
      }
      if wasParked { queue() }
      if !events.isEmpty || ending != nil { return (events, ending) }
      await withCheckedContinuation { continuation in
        let isNews = shared.withLockedValue { shared in
          if !shared.events.isEmpty || shared.ending != nil { return true }
          shared.waiter = continuation
          return false
        }
        if isNews { continuation.resume() }
      }
    }
  }

  private func queue() {
    pool.submit { [self] state in
      guard case .active = state else { return end(.cancelled, nil) }
      step()
    }
  }

  private func step() {
    guard let stream, !shared.withLockedValue({ $0.isCancelled }) else {
      return end(.cancelled, nil)
    }
    let step = stream.step()
    if let reason = step.finish { return end(.finished(reason: reason), step.event) }
    if let failure = step.failure { return end(.failed(failure), nil) }
    let (goesOn, waiter) = shared.withLockedValue { shared in
      if let event = step.event { shared.events.append(event) }
      shared.isParked = shared.events.count >= Self.eventsMax && !shared.isCancelled
      defer { if step.event != nil { shared.waiter = nil } }
      return (!shared.isParked, step.event == nil ? nil : shared.waiter)
    }
    waiter?.resume()
    if goesOn { queue() }
  }

  private func end(_ ending: Ending, _ last: EngineEvent?) {
    let count = stream?.addedCount ?? 0
    stream = nil
    // The slot is free before the consumer hears of the end: the next request may come at once.
    whenEnded(count)
    let waiter = shared.withLockedValue { shared in
      if let last { shared.events.append(last) }
      shared.ending = ending
      defer { shared.waiter = nil }
      return shared.waiter
    }
    waiter?.resume()
  }
}
