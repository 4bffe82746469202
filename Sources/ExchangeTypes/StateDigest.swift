internal import Crypto

/// A checksum of a set of rows that does not depend on the order in which they were written.
///
/// The sum, modulo 2²⁵⁶, of SHA-256(table ‖ length of key ‖ key ‖ value) over all rows: adding a row
/// and removing it again gives the value from before. Replicas that applied the same index have the
/// same digest.
public struct StateDigest: Hashable, Sendable, CustomStringConvertible {
  /// The sum, least significant 64 bits first.
  public private(set) var lanes: (UInt64, UInt64, UInt64, UInt64)

  /// The digest of no rows.
  public init() { lanes = (0, 0, 0, 0) }

  /// Reads 32 big-endian bytes as `bytes` writes them; nil for another length.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    func lane(_ place: Int) -> UInt64 {
      var value: UInt64 = 0
      for byte in bytes[(place * 8)..<(place * 8 + 8)] { value = value << 8 | UInt64(byte) }
      return value
    }
    lanes = (lane(3), lane(2), lane(1), lane(0))
  }

  /// 32 big-endian bytes.
  public var bytes: [UInt8] {
    var writer = CanonicalWriter(capacity: 32)
    writer.write(lanes.3)
    writer.write(lanes.2)
    writer.write(lanes.1)
    writer.write(lanes.0)
    return writer.bytes
  }

  /// The digest of one row.
  public init(table: UInt8, key: [UInt8], value: [UInt8]) {
    var row = CanonicalWriter(capacity: 5 + key.count + value.count)
    row.write(table)
    row.write(key)
    row.writeRaw(value)
    // In place, since each changed row of each entry comes here: the digest's iterator makes an array of it first.
    lanes = unsafe SHA256.hash(data: row.bytes).withUnsafeBytes { bytes in
      func lane(_ place: Int) -> UInt64 {
        UInt64(bigEndian: unsafe bytes.loadUnaligned(fromByteOffset: place * 8, as: UInt64.self))
      }
      return (lane(3), lane(2), lane(1), lane(0))
    }
  }

  /// Adds the rows that `other` stands for.
  public mutating func add(_ other: StateDigest) {
    var carry: UInt64 = 0
    (lanes.0, carry) = sum(lanes.0, other.lanes.0, carry)
    (lanes.1, carry) = sum(lanes.1, other.lanes.1, carry)
    (lanes.2, carry) = sum(lanes.2, other.lanes.2, carry)
    (lanes.3, carry) = sum(lanes.3, other.lanes.3, carry)
  }

  /// Removes the rows that `other` stands for.
  public mutating func remove(_ other: StateDigest) {
    var negated = other
    negated.lanes = (~other.lanes.0, ~other.lanes.1, ~other.lanes.2, ~other.lanes.3)
    add(negated)
    var one = StateDigest()
    one.lanes.0 = 1
    add(one)
  }

  /// Equal when all 256 bits are.
  public static func == (left: Self, right: Self) -> Bool { left.lanes == right.lanes }

  /// Feeds all 256 bits to `hasher`.
  public func hash(into hasher: inout Hasher) {
    hasher.combine(lanes.0)
    hasher.combine(lanes.1)
    hasher.combine(lanes.2)
    hasher.combine(lanes.3)
  }

  /// 64 hexadecimal digits.
  public var description: String { hexadecimal(bytes) }
}

private func sum(_ left: UInt64, _ right: UInt64, _ carry: UInt64) -> (UInt64, UInt64) {
  let (first, overflow) = left.addingReportingOverflow(right)
  let (second, again) = first.addingReportingOverflow(carry)
  return (second, (overflow ? 1 : 0) + (again ? 1 : 0))
}
