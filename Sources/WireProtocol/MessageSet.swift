/// A set of message kinds: what may travel on a stream in one direction.
public struct MessageSet: Sendable, Hashable, ExpressibleByArrayLiteral {
  /// Four lanes of 64 bits: kinds are below 256, which the generator checks.
  private var lanes: SIMD4<UInt64> = .zero

  /// The kinds given.
  public init(arrayLiteral kinds: MessageKind...) {
    for kind in kinds { insert(kind) }
  }

  /// Every kind that there is.
  public static let all: MessageSet = {
    var set: MessageSet = []
    for kind in MessageKind.allCases { set.insert(kind) }
    return set
  }()

  /// Adds a kind.
  public mutating func insert(_ kind: MessageKind) {
    lanes[Int(kind.rawValue >> 6)] |= 1 << (kind.rawValue & 63)
  }

  /// Whether the kind is in the set.
  public func contains(_ kind: MessageKind) -> Bool {
    lanes[Int(kind.rawValue >> 6)] >> UInt64(kind.rawValue & 63) & 1 == 1
  }
}
