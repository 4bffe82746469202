internal import Foundation

/// One thing that `yard doctor` looked at: how it is, and what to do about it.
struct Finding {
  /// How urgent it is.
  enum Level: String {
    /// As it should be.
    case ok
    /// It works, and will not for ever.
    case warning
    /// It does not do its work.
    case bad
    /// Nothing could be learned about it; what is needed for that is said.
    case unknown
  }

  /// What was looked at, in one word that scripts can compare.
  let check: String
  let level: Level
  /// What was found.
  let found: String
  /// What to do; empty if nothing is to be done.
  let advice: String

  init(_ check: String, _ level: Level, _ found: String, advice: String = "") {
    self.check = check
    self.level = level
    self.found = found
    self.advice = advice
  }

  var json: JSONText {
    [
      "check": .string(check), "level": .string(level.rawValue), "found": .string(found),
      "advice": advice.isEmpty ? .null : .string(advice),
    ]
  }

  /// The worst level of each check as a gauge, and when it was looked at.
  static func metrics(_ findings: [Finding], at now: Date) -> String {
    let levels: [Level: Int] = [.ok: 0, .unknown: 1, .warning: 2, .bad: 3]
    var worst: [String: Int] = [:]
    for finding in findings {
      worst[finding.check] = max(worst[finding.check] ?? 0, levels[finding.level] ?? 0)
    }
    let name = "switchyard_doctor_level"
    var text =
      "# HELP \(name) What yard doctor found: 0 ok, 1 unknown, 2 warning, 3 bad.\n# TYPE \(name) gauge\n"
    for (check, level) in worst.sorted(by: { $0.key < $1.key }) {
      text += "\(name){check=\"\(check)\"} \(level)\n"
    }
    let time = "switchyard_doctor_time_seconds"
    return text
      + "# HELP \(time) When yard doctor looked, in seconds since 1970.\n# TYPE \(time) gauge\n"
      + "\(time) \(Int(now.timeIntervalSince1970))\n"
  }

  /// A line for people, and one more with what to do.
  var text: String {
    func padded(_ text: String, _ width: Int) -> String {
      text + String(repeating: " ", count: max(0, width - text.count))
    }
    let line = "\(padded(level.rawValue, 7))  \(padded(check, 12))  \(found)\n"
    return advice.isEmpty ? line : line + String(repeating: " ", count: 23) + "→ \(advice)\n"
  }
}
