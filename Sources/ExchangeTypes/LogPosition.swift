/// An election epoch of the consensus group: at most one leader each.
public struct Term: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps a number.
  public init(_ value: UInt64) { self.rawValue = value }
  /// Later terms are greater.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// An entry's position in the replicated log; the first entry is 1, zero is "before the log".
public struct LogIndex: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps a number.
  public init(_ value: UInt64) { self.rawValue = value }
  /// Orders by position.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
  /// The position after this one.
  public var next: LogIndex { LogIndex(rawValue + 1) }
}

/// Time inside the log, in milliseconds since the cluster's first command.
///
/// The leader stamps each entry with the previous stamp plus its own monotonic elapsed time, so it
/// never decreases and never depends on anybody's wall clock. `apply` knows no other time.
public struct LogTime: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// Milliseconds since the cluster's first command.
  public let rawValue: UInt64
  /// Wraps milliseconds.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Wraps milliseconds.
  public init(milliseconds: UInt64) { self.rawValue = milliseconds }
  /// Later is greater.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// Milliseconds with their unit.
  public var description: String { "\(rawValue) ms" }
  /// This time plus a duration in milliseconds, or the end of time if that does not fit.
  public func advanced(milliseconds: UInt64) -> LogTime {
    let (sum, overflow) = rawValue.addingReportingOverflow(milliseconds)
    return LogTime(rawValue: overflow ? .max : sum)
  }
}
