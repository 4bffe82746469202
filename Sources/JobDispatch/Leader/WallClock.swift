/// The time of day: for what people who ask no cluster write down, as certificates have it.
///
/// Nothing that is decided in the log rests on it but through a command: log time is the cluster's own.
public protocol WallClock: AnyObject {
  /// Seconds since 1970.
  var secondsSince1970: UInt64 { get }
}
