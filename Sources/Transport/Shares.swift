/// How much each of many holds of one thing; where it is used up, whoever holds most makes room for who holds less.
///
/// A bound for all without that would be one stranger's to use up, and a bound for each alone is that of as many as there are.
///
/// Invariant: a key has an entry exactly while it holds something.
public struct Shares<Key: Hashable & Sendable>: Sendable {
  /// Whether there is room.
  public enum Room: Hashable, Sendable {
    /// There is.
    case free
    /// There is once this one, who holds more than whoever asks would, has given something up.
    case from(Key)
    /// There is none: nobody holds more.
    case none
  }

  /// What all hold together.
  public private(set) var total = 0
  private var held: [Key: Int] = [:]

  /// Nobody holds anything.
  public init() {}

  /// What one holds.
  public subscript(key: Key) -> Int { held[key, default: 0] }

  /// Whether one may hold so much more, of so much for all.
  public func room(for amount: Int, of key: Key, within limit: Int) -> Room {
    guard total + amount > limit else { return .free }
    guard let most = held.max(by: { $0.value < $1.value }), most.value > self[key] + amount else {
      return .none
    }
    return .from(most.key)
  }

  /// One holds so much more, or less.
  public mutating func add(_ amount: Int, to key: Key) {
    total += amount
    let sum = self[key] + amount
    held[key] = sum == 0 ? nil : sum
  }
}
