import SimulationKit

/// What all runs of a range came to.
struct Summary {
  private(set) var runs = 0
  private(set) var failed = 0
  private var microseconds: UInt64 = 0
  private var acknowledged = 0
  private var faults: [Fault: Int] = [:]
  private var marks: [CoverageMark: Int] = [:]
  private let clock = ContinuousClock()
  private let began = ContinuousClock.now

  mutating func add(_ report: SimulationReport) {
    runs += 1
    if !report.findings.isEmpty { failed += 1 }
    microseconds += report.time
    acknowledged += report.acknowledged
    faults.merge(report.faults) { $0 + $1 }
    marks.merge(report.marks) { $0 + $1 }
  }

  /// One run in one line.
  func line(of report: SimulationReport) -> String {
    let verdict = report.findings.isEmpty ? "ok    " : "FAILED"
    return
      "\(verdict) seed \(report.seed) digest \(String(report.digest, radix: 16)): "
      + "\(report.time / 1_000_000) s, \(report.events) events, \(report.entries) entries, "
      + "\(report.elections) elections, \(report.acknowledged) of \(report.submissions) jobs, "
      + "\(report.faults.values.reduce(0, +)) faults"
  }

  /// Faults and rare paths, each with its count.
  func printCounts() {
    for fault in Fault.allCases { print("  fault \(fault.rawValue): \(faults[fault] ?? 0)") }
    for mark in CoverageMark.allCases { print("  path \(mark.rawValue): \(marks[mark] ?? 0)") }
  }

  /// Faults that happened to nobody and paths that nobody took.
  var missing: [String] {
    Fault.allCases.filter { faults[$0] ?? 0 == 0 }.map { "fault \($0.rawValue)" }
      + CoverageMark.allCases.filter { marks[$0] ?? 0 == 0 }.map { "path \($0.rawValue)" }
  }

  /// The last line of the output.
  ///
  /// - Parameter missing: how many faults and paths never happened; nil where the runs need not have met them all.
  /// - Returns: what all runs came to.
  func lastLine(missing: Int?) -> String {
    let elapsed = clock.now - began
    let (seconds, attoseconds) = elapsed.components
    let real = max(Double(seconds) + Double(attoseconds) / 1e18, 0.001)
    let virtual = microseconds / 1_000_000
    let met = missing.map { "\($0) never happened" } ?? "what never happened was not counted"
    return
      "\(runs) runs, \(failed) failed, \(met); \(virtual) virtual seconds, "
      + "\(acknowledged) jobs, \(faults.values.reduce(0, +)) faults in \(Int(real.rounded())) s: "
      + "\(Int((Double(virtual) / real).rounded())) virtual seconds a second"
  }
}
