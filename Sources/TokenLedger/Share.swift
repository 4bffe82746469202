/// Exact division of an amount.
public enum Share {
  /// Divides `total` in the proportion of `weights`, by the largest remainder (Hamilton's method).
  ///
  /// Each share is its exact proportion rounded down; what is left, less than one unit for each weight, goes unit
  /// by unit to the largest remainders, of equal ones to the first. So the shares add up to `total`, and
  /// none is a whole unit away from its proportion.
  ///
  /// - Parameters:
  ///   - total: what is divided.
  ///   - weights: the proportion; at least one of them is not zero.
  /// - Returns: a share for each weight, in their order; a weight of zero gets nothing.
  /// - Precondition: fewer than 2³² weights, so that no sum of them overflows.
  public static func divide(_ total: UInt64, by weights: [UInt64]) -> [UInt64] {
    let sum = weights.reduce(UInt128(0)) { $0 + UInt128($1) }
    precondition(sum > 0 && weights.count < 1 << 32, "a division needs a proportion")
    var shares: [UInt64] = []
    var remainders: [(remainder: UInt128, place: Int)] = []
    var given: UInt64 = 0
    for (place, weight) in weights.enumerated() {
      // Two factors of 64 bits: the product fits.
      let (whole, remainder) = (UInt128(total) * UInt128(weight)).quotientAndRemainder(
        dividingBy: sum)
      // At most `total`, since a weight is at most the sum.
      shares.append(UInt64(whole))
      given += UInt64(whole)
      remainders.append((remainder, place))
    }
    remainders.sort { ($1.remainder, $0.place) < ($0.remainder, $1.place) }
    for (_, place) in remainders.prefix(Int(total - given)) { shares[place] += 1 }
    return shares
  }

  /// Divides `total` as `divide` does by the two weights `whole − part` and `part`, without a list.
  ///
  /// - Precondition: `part` is at most `whole`, which is not zero.
  public static func divide(
    _ total: UInt64, taking part: UInt64, of whole: UInt64
  ) -> (rest: UInt64, part: UInt64) {
    precondition(part <= whole && whole > 0, "a division needs a proportion")
    let (quotient, remainder) = whole.dividingFullWidth(total.multipliedFullWidth(by: part))
    // The two remainders make up `whole`, or there are none: the unit that is left is the larger's.
    let taken = quotient + (remainder > whole - remainder ? 1 : 0)
    return (total - taken, taken)
  }
}
