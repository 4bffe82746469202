/// How often durations fell into which range, for Prometheus.
struct Histogram: Sendable {
  /// Upper ends of the ranges in seconds, those of OpenTelemetry's conventions for generative AI servers.
  private static let bounds = [
    0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
    30.0, 120.0,
  ]
  private var counts = Array(repeating: UInt64(0), count: bounds.count + 1)
  private var sum = 0.0

  /// Adds durations of `seconds`, `count` of them.
  mutating func observe(_ seconds: Double, count: UInt64 = 1) {
    counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += count
    sum += seconds * Double(count)
  }

  /// Adds what another loop has counted.
  mutating func add(_ other: Histogram) {
    for place in counts.indices { counts[place] += other.counts[place] }
    sum += other.sum
  }

  /// Its samples: the name's ending with labels, and the value.
  var samples: [(String, String)] {
    var result: [(String, String)] = []
    var total: UInt64 = 0
    for (place, count) in counts.enumerated() {
      total += count
      let bound = place < Self.bounds.count ? "\(Self.bounds[place])" : "+Inf"
      result.append(("_bucket{le=\"\(bound)\"}", "\(total)"))
    }
    return result + [("_sum", "\(sum)"), ("_count", "\(total)")]
  }
}
