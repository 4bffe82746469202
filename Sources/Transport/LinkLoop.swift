public import NIOCore

/// The event loop that a link lives on: everything about the link is called there, and only there.
public struct LinkLoop: Sendable {
  /// NIO's loop.
  public let eventLoop: any EventLoop

  /// Wraps NIO's loop.
  public init(_ eventLoop: any EventLoop) { self.eventLoop = eventLoop }

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
