internal import ExchangeTypes
internal import JobDispatch
internal import NIOConcurrencyHelpers

/// How many connections a gateway has, in all and by address; shared by its loops.
final class ConnectionCounts: Sendable {
  /// What becomes of a connection.
  enum Admission {
    /// It is served.
    case served
    /// It is told why not, and ended.
    case refused(HTTPRefusal)
    /// It is closed: too many are being told already.
    case closed
  }

  private struct Counts {
    var connectionsMax: Int
    var perAddressMax: Int
    var served = 0
    var refused = 0
    var byAddress: [String: Int] = [:]
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
  func add(_ address: String) -> Admission {
    counts.withLockedValue { counts in
      let refusal: HTTPRefusal
      if counts.served >= counts.connectionsMax {
        refusal = HTTPRefusal(
          .overloaded, "the gateway has as many connections as it takes", retryAfterMs: 1_000)
      } else if counts.byAddress[address, default: 0] >= counts.perAddressMax {
        refusal = HTTPRefusal(
          .tooManyRequests,
          "this address has \(counts.perAddressMax) connections, as many as it may",
          retryAfterMs: 1_000)
      } else {
        counts.served += 1
        counts.byAddress[address, default: 0] += 1
        return .served
      }
      guard counts.refused < Self.refusedMax else { return .closed }
      counts.refused += 1
      return .refused(refusal)
    }
  }

  /// A connection has ended.
  func remove(_ address: String, wasServed: Bool) {
    counts.withLockedValue { counts in
      guard wasServed else {
        counts.refused -= 1
        return
      }
      counts.served -= 1
      let left = counts.byAddress[address, default: 1] - 1
      counts.byAddress[address] = left > 0 ? left : nil
    }
  }
}
