internal import ArgumentParser

/// A length of time as people write it: `30d`, `12h`, `10m`, `45s`.
struct TimeSpan: ExpressibleByArgument, Hashable, CustomStringConvertible {
  /// At most ten years.
  let milliseconds: UInt64

  private static let units: [(letter: Character, milliseconds: UInt64)] = [
    ("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000),
  ]
  private static let millisecondsMax: UInt64 = 3_650 * 86_400_000

  /// An hour.
  static let hour = TimeSpan(milliseconds: 3_600_000)
  /// A day.
  static let day = TimeSpan(milliseconds: 86_400_000)
  /// Thirty days.
  static let thirtyDays = TimeSpan(milliseconds: 30 * 86_400_000)

  private init(milliseconds: UInt64) { self.milliseconds = milliseconds }

  init?(argument: String) {
    guard let unit = Self.units.first(where: { $0.letter == argument.last }),
      argument.utf8.count <= 12, argument.dropLast().allSatisfy({ ("0"..."9").contains($0) }),
      let count = UInt64(argument.dropLast())
    else { return nil }
    let (product, overflow) = count.multipliedReportingOverflow(by: unit.milliseconds)
    guard !overflow, product <= Self.millisecondsMax else { return nil }
    milliseconds = product
  }

  /// The same in seconds.
  var seconds: Double { Double(milliseconds) / 1_000 }

  var description: String { Self.words(milliseconds: milliseconds) }

  /// What `--help` says of the form.
  static let form = "a number with d, h, m or s, such as 30d"

  /// For tables: the two largest units of it that are not zero, such as `29d 23h`.
  static func words(milliseconds: UInt64) -> String {
    var rest = milliseconds
    var parts: [String] = []
    for unit in units {
      let count = rest / unit.milliseconds
      rest %= unit.milliseconds
      if count > 0 { parts.append("\(count)\(unit.letter)") }
    }
    return parts.isEmpty ? "0s" : parts.prefix(2).joined(separator: " ")
  }
}
