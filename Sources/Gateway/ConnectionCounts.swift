internal import ExchangeTypes
internal import JobDispatch
internal import NIOConcurrencyHelpers
internal import NIOCore
internal import Transport

/// How many connections a gateway has, in all and by address; shared by its loops.
///
/// Where it has as many as it takes, the address that has most gives up its oldest for a newcomer of one that has fewer.
final class ConnectionCounts: Sendable {
  /// What becomes of a connection.
  enum Admission {
    /// It is served.
    case served
    /// It is served, and this one is to be closed for it.
    case servedInsteadOf(any Channel, of: AddressPrefix)
    /// It is told why not, and ended.
    case refused(HTTPRefusal)
    /// It is closed: too many are being told already.
    case closed
  }

  private struct Counts {
    var connectionsMax: Int
    var perAddressMax: Int
    var served = UnknownConnections()
    var refused = 0
  }

  private let counts: NIOLockedValueBox<Counts>
  /// Connections at once that are told why they are not served.
  private static let refusedMax = 512

  init(_ live: GatewayConfiguration.Live) {
    counts = NIOLockedValueBox(
      Counts(
        connectionsMax: live.connectionsMax, perAddressMax: live.connectionsPerAddressMax))
  }

  /// Takes so many from now on; what is connected stays.
  func apply(_ live: GatewayConfiguration.Live) {
    counts.withLockedValue { counts in
      counts.connectionsMax = live.connectionsMax
      counts.perAddressMax = live.connectionsPerAddressMax
    }
  }

  /// Counts a connection; one that is not closed is to be removed when it has ended.
  func add(_ channel: any Channel, from address: AddressPrefix) -> Admission {
    counts.withLockedValue { counts in
      let refusal: HTTPRefusal
      switch counts.served.add(
        channel, from: address, perAddressMax: counts.perAddressMax, within: counts.connectionsMax)
      {
      case .taken: return .served
      case .takenInsteadOf(let other, let loser): return .servedInsteadOf(other, of: loser)
      case .tooMany:
        refusal = HTTPRefusal(
          .overloaded, "the gateway has as many connections as it takes", retryAfterMs: 1_000)
      case .tooManyOfAddress:
        refusal = HTTPRefusal(
          .tooManyRequests,
          "this address has \(counts.perAddressMax) connections, as many as it may",
          retryAfterMs: 1_000)
      }
      guard counts.refused < Self.refusedMax else { return .closed }
      counts.refused += 1
      return .refused(refusal)
    }
  }

  /// A connection has ended.
  func remove(_ channel: any Channel, wasServed: Bool) {
    counts.withLockedValue { counts in
      if wasServed { counts.served.remove(channel) } else { counts.refused -= 1 }
    }
  }
}
