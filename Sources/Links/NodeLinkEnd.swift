internal import ExchangeTypes
public import WireProtocol

/// Why a link is over, or never was.
public enum NodeLinkEnd: Hashable, Sendable, CustomStringConvertible {
  /// Which side of a link.
  public enum Side: Hashable, Sendable { case here, there }

  /// One side does not want the other: trying again will not help.
  case refused(Failure, by: Side)
  /// This side does not trust the other any more: another may do.
  case distrusted(Failure)
  /// The peer's machine is there and says that nobody listens: its process is not.
  case nobodyListens(String)
  /// The connection could not be made, or broke.
  case broke(String)
  /// It was closed in order.
  case orderly

  /// Whether one side does not want the other, and trying again at once will not help.
  public var isRefusal: Bool {
    switch self {
    case .refused(let failure, by: _), .distrusted(let failure):
      failure.errorCode?.isRetryable != true
    case .nobodyListens, .broke, .orderly: false
    }
  }

  /// One line for a log.
  public var description: String {
    switch self {
    case .refused(let failure, by: .here): "refused: \(failure.message)"
    case .refused(let failure, by: .there): "refused by the peer: \(failure.message)"
    case .distrusted(let failure): failure.message
    case .nobodyListens(let reason), .broke(let reason): reason
    case .orderly: "closed in order"
    }
  }
}
