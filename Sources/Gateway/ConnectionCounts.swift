internal import ExchangeTypes
internal import JobDispatch
internal import NIOConcurrencyHelpers

/// How many connections a gateway has, in all and by address; shared by its loops.
final class ConnectionCounts: Sendable {
  private struct Counts {
    var all = 0
    var byAddress: [String: Int] = [:]
  }

  private let counts = NIOLockedValueBox(Counts())
  private let limits: HTTPLimits

  init(limits: HTTPLimits) { self.limits = limits }

  /// Counts a connection, which is to be removed when it has ended; answers why it is not served, if it is not.
  func add(_ address: String) -> HTTPRefusal? {
    counts.withLockedValue { counts in
      counts.all += 1
      counts.byAddress[address, default: 0] += 1
      if counts.all > limits.connectionsMax {
        return HTTPRefusal(
          .overloaded, "the gateway has as many connections as it takes", retryAfterMs: 1_000)
      }
      if counts.byAddress[address, default: 0] > limits.connectionsPerAddressMax {
        return HTTPRefusal(
          .tooManyRequests,
          "this address has \(limits.connectionsPerAddressMax) connections, as many as it may",
          retryAfterMs: 1_000)
      }
      return nil
    }
  }

  func remove(_ address: String) {
    counts.withLockedValue { counts in
      counts.all -= 1
      let left = counts.byAddress[address, default: 1] - 1
      counts.byAddress[address] = left > 0 ? left : nil
    }
  }
}
