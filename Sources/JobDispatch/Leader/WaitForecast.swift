/// How long those wait who wait for a model, from how those before them came to their turns.
///
/// Turns do not come evenly: jobs that began together end together, and between two such moments nobody's turn comes. A mean
/// promises what only every second of them gets. So it is looked up how long as many turns took from every moment of
/// the last seconds on: it took no longer from nineteen of twenty of them.
///
/// Its clock goes only while somebody waits: that nobody's turn comes when nobody waits says nothing of how fast turns come.
struct WaitForecast: Hashable, Sendable {
  /// What time is counted in, in milliseconds.
  static let step: UInt64 = 50
  /// The steps that are looked back on.
  static let steps = 200
  /// All of them, in milliseconds: after as long without anybody who waits, what was before says nothing any more.
  static let window = step * UInt64(steps)
  /// The least time in which somebody waited that says something, in milliseconds.
  private static let waitedMin: UInt64 = 250
  /// The steps that there must be to look up from: before, turns are taken to come evenly.
  private static let samplesMin = 20

  /// Turns in each step, by the step's number modulo their count.
  private var turns = [UInt32](repeating: 0, count: steps)
  /// Milliseconds in which somebody waited.
  private var waited: UInt64 = 0
  /// Until when that is told, in monotonic milliseconds: now, or when somebody waited last.
  private var told: UInt64 = 0
  /// Whether somebody waits since then.
  private var isWaited = false

  /// Some who waited came to their turns.
  ///
  /// - Parameters:
  ///   - count: how many.
  ///   - isWaited: whether somebody waits still, or now.
  ///   - now: monotonic milliseconds.
  mutating func came(_ count: Int, isWaited: Bool, now: UInt64) {
    advance(to: now)
    if self.isWaited { turns[place(of: present)] &+= UInt32(clamping: count) }
    if isWaited { told = max(told, now) }
    self.isWaited = isWaited
  }

  /// How long one waits who has so many before him, in milliseconds; nil while nobody knows.
  func wait(behind before: Int, now: UInt64) -> UInt64? {
    var forecast = self
    forecast.advance(to: now)
    return forecast.wait(behind: before)
  }

  private func wait(behind before: Int) -> UInt64? {
    let oldest = present - min(present, UInt64(Self.steps - 1))
    let all = (oldest...present).reduce(UInt64(0)) { $0 + UInt64(turns[place(of: $1)]) }
    guard all > 0, waited >= Self.waitedMin else { return nil }
    let needed = UInt64(max(0, before)) + 1
    // From each step on, the step in which so many turns had come.
    var spans: [UInt64] = []
    var last = oldest
    var came = UInt64(turns[place(of: oldest)])
    var unfinished: UInt64?
    for first in oldest...present {
      while came < needed, last < present {
        last += 1
        came += UInt64(turns[place(of: last)])
      }
      guard came >= needed else {
        unfinished = first
        break
      }
      spans.append(last - first + 1)
      came -= UInt64(turns[place(of: first)])
      if last == first, last < present {
        last += 1
        came = UInt64(turns[place(of: last)])
      }
    }
    guard spans.count >= Self.samplesMin else {
      let even = needed * (waited - oldest * Self.step) / all
      return even + even / 4
    }
    spans.sort()
    let usual = spans[spans.count * 19 / 20] * Self.step
    // Nobody who comes now is served sooner than whoever waits longest for as many.
    return max(usual, unfinished.map { waited - $0 * Self.step } ?? 0)
  }

  /// The number of the step that is now.
  private var present: UInt64 { waited / Self.step }

  private func place(of step: UInt64) -> Int { Int(step % UInt64(Self.steps)) }

  /// Lets the clock go, if it goes, and forgets what is too old.
  private mutating func advance(to now: UInt64) {
    let passed = now - min(now, told)
    guard isWaited else {
      if passed >= Self.window { self = WaitForecast() }
      return
    }
    told += passed
    let before = present
    waited += passed
    guard present > before else { return }
    for step in (before + 1)...min(present, before + UInt64(Self.steps)) {
      turns[place(of: step)] = 0
    }
  }
}
