internal import JobDispatch

/// What answers one request: it sends replies to its connection until one of them ends the answer.
///
/// Confined to its connection's loop.
protocol Answering: AnyObject {
  /// The client takes nothing more for now, or does so again.
  func setReading(_ isReading: Bool)
  /// Some time has passed; `now` is in monotonic milliseconds.
  func tick(now: UInt64)
  /// The client has gone before the answer ended; nothing is sent any more.
  func clientLeft()
}

/// Answers with what one call to the cluster gives.
final class CallAnswer: Answering {
  /// Whether nobody waits for it any more.
  private(set) var isLeft = false
  func setReading(_ isReading: Bool) {}
  func tick(now: UInt64) {}
  func clientLeft() { isLeft = true }
}
