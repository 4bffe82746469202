internal import Glibc

/// When an answer was made, as HTTP writes it (RFC 9110, sections 5.6.7 and 6.6.1): written once a second.
struct AnswerDate {
  private var seconds = 0
  private var text = Self.written(0)

  /// The text for this time, in seconds since 1970.
  mutating func text(at seconds: Int) -> String {
    if seconds != self.seconds {
      self.seconds = seconds
      text = Self.written(seconds)
    }
    return text
  }

  private static let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
  private static let months = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
  ]

  private static func written(_ seconds: Int) -> String {
    var seconds = seconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    let (day, month) = (days[Int(parts.tm_wday)], months[Int(parts.tm_mon)])
    return "\(day), \(two(parts.tm_mday)) \(month) \(1_900 + parts.tm_year) "
      + "\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }
}
