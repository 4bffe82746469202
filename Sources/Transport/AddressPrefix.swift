public import NIOCore

/// Whose connections count together: an IPv4 address, or the /64 of an IPv6 one.
///
/// Whoever has one address of IPv6 has the 2⁶⁴ of its /64, so a bound for an address alone would bound nobody. An IPv4 address that
/// came mapped into IPv6 (`::ffff:192.0.2.1`, as a socket of both has it) is that IPv4 address.
public struct AddressPrefix: Hashable, Sendable, CustomStringConvertible {
  private enum Kind: Hashable {
    case ipv4(UInt32)
    case ipv6(UInt64)
    /// No address of the Internet's: a Unix socket, or a connection that has none any more.
    case other
  }

  private let kind: Kind

  /// The prefix of an address.
  public init(_ address: SocketAddress?) {
    switch address {
    case .v4(let address):
      // `sockaddr_in`: family, port, then the address.
      kind = withUnsafeBytes(of: address.address) {
        .ipv4(UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
      }
    case .v6(let address):
      // `sockaddr_in6`: family, port, flow, then the address.
      let (high, low) = withUnsafeBytes(of: address.address) {
        (
          UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self)),
          UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 16, as: UInt64.self))
        )
      }
      kind =
        high == 0 && low >> 32 == 0xffff
        ? .ipv4(UInt32(truncatingIfNeeded: low)) : .ipv6(high)
    case .unixDomainSocket, nil: kind = .other
    }
  }

  /// As it is written: `192.0.2.1`, `2001:db8:0:1::/64`.
  public var description: String {
    switch kind {
    case .ipv4(let bits):
      return (0..<4).map { "\(bits >> (24 - 8 * $0) & 0xff)" }.joined(separator: ".")
    case .ipv6(let bits):
      let groups = (0..<4).map { String(bits >> (48 - 16 * $0) & 0xffff, radix: 16) }
      return groups.joined(separator: ":") + "::/64"
    case .other: return "unknown"
    }
  }
}
