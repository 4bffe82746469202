public import NIOCore

/// The connections of those who have not shown that they are nodes of the cluster, by address.
///
/// An address has a bound, and all have one together. Where that is reached, the address that has most gives up its oldest for a newcomer
/// of one that has fewer: so whoever comes from few addresses cannot keep others out.
public struct UnknownConnections: Sendable {
  /// What becomes of a connection.
  public enum Admission: Sendable {
    /// It is taken.
    case taken
    /// It is taken, and this one is to be closed for it: it does not count any more.
    case takenInsteadOf(any Channel, of: AddressPrefix)
    /// Its address has as many as it may.
    case tooManyOfAddress
    /// There are as many as there may be, and no address has more than this one.
    case tooMany
  }

  private struct Open {
    let channel: any Channel
    let address: AddressPrefix
    let number: UInt64
  }

  private var open: [ObjectIdentifier: Open] = [:]
  private var shares = Shares<AddressPrefix>()
  private var count: UInt64 = 0

  /// There are none.
  public init() {}

  /// How many an address has.
  public func count(of address: AddressPrefix) -> Int { shares[address] }

  /// Counts a connection, unless there is no room.
  ///
  /// - Parameters:
  ///   - channel: the connection.
  ///   - address: whose it is.
  ///   - perAddressMax: how many an address may have.
  ///   - limit: how many all may have.
  /// - Returns: what becomes of it.
  public mutating func add(
    _ channel: any Channel, from address: AddressPrefix, perAddressMax: Int, within limit: Int
  ) -> Admission {
    guard shares[address] < perAddressMax else { return .tooManyOfAddress }
    var displaced: Open?
    switch shares.room(for: 1, of: address, within: limit) {
    case .free: break
    case .none: return .tooMany
    case .from(let other):
      displaced = open.values.filter { $0.address == other }.min { $0.number < $1.number }
    }
    if let displaced { remove(displaced.channel) }
    count += 1
    open[ObjectIdentifier(channel)] = Open(channel: channel, address: address, number: count)
    shares.add(1, to: address)
    guard let displaced else { return .taken }
    return .takenInsteadOf(displaced.channel, of: displaced.address)
  }

  /// A connection has ended, or shown whose it is; whether it was counted.
  @discardableResult
  public mutating func remove(_ channel: any Channel) -> Bool {
    guard let gone = open.removeValue(forKey: ObjectIdentifier(channel)) else { return false }
    shares.add(-1, to: gone.address)
    return true
  }
}
