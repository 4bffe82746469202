public import NIOCore

/// The event loop that a link lives on: everything about the link is called there, and only there.
public struct LinkLoop: Sendable {
  /// NIO's loop.
  public let eventLoop: any EventLoop

  /// What lets links that are dialed here take turns with the loop's other connections, if there is anything.
  let turns: Listener.Turns?

  /// Wraps NIO's loop.
  ///
  /// - Parameters:
  ///   - eventLoop: the loop.
  ///   - turns: those of its group, where links that are dialed on it are to leave others their turn.
  public init(_ eventLoop: any EventLoop, turns: Listener.Turns? = nil) {
    self.eventLoop = eventLoop
    self.turns = turns
  }

  /// Whether the caller runs on it.
  public var isCurrent: Bool { eventLoop.inEventLoop }

  /// Runs `body` on the loop, after what it does now.
  ///
  /// From any thread.
  public func execute(_ body: @escaping @Sendable () -> Void) { eventLoop.execute(body) }

  /// Monotonic milliseconds.
  public var now: UInt64 { Self.now }

  /// The same of every loop.
  public static var now: UInt64 { NIODeadline.now().uptimeNanoseconds / 1_000_000 }

  /// Carries a value that belongs to this loop through `Sendable` closures.
  ///
  /// - Precondition: called on the loop.
  public func bind<Value>(_ value: Value) -> NIOLoopBound<Value> {
    NIOLoopBound(value, eventLoop: eventLoop)
  }
}
