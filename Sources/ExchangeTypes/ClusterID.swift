/// The name of one cluster, 128 random bits drawn when it is bootstrapped.
///
/// It tells apart two clusters whose replicas, disks or certificates were mixed up.
public struct ClusterID: Hashable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64
  /// Joins two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  /// 32 hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}
