/// The name of one cluster: 128 random bits, drawn when it is bootstrapped.
///
/// It tells apart two clusters whose replicas, disks or certificates were mixed up.
public struct ClusterID: RawRepresentable, Hashable, Sendable, CustomStringConvertible {
  /// The bits.
  public let rawValue: UInt128
  /// Wraps bits.
  public init(rawValue: UInt128) { self.rawValue = rawValue }
  /// Wraps bits.
  public init(_ value: UInt128) { self.rawValue = value }
  /// 32 hexadecimal digits.
  public var description: String {
    let digits = String(rawValue, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
