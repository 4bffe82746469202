internal import HeapModule
internal import JobDispatch

/// Where an event belongs among others of the same moment: by sender, then by what it concerns.
///
/// Streams of one connection promise no order among each other, so what leaves on several of them in one
/// turn arrives in the order of their numbers: no dictionary's order can reach a run.
struct Lane: Hashable, Comparable {
  let major: UInt32
  let minor: UInt32

  /// By `major`, then by `minor`.
  static func < (left: Self, right: Self) -> Bool { left.whole < right.whole }

  /// Both in one number.
  var whole: UInt64 { UInt64(major) << 32 | UInt64(minor) }
}

/// Virtual time and everything that is to happen in it, in one order: by moment, lane and scheduling.
final class SimulatedClock {
  /// Microseconds since the run began.
  private(set) var now: UInt64 = 0
  /// Events that have happened.
  private(set) var events: UInt64 = 0
  /// A hash over the moments and lanes of all events, and over what `note` was told.
  private(set) var digest: UInt64 = 0xCBF2_9CE4_8422_2325
  private var agenda = Agenda()
  private var lanes: UInt32 = 0

  /// A lane number that nobody else has.
  func makeLane() -> UInt32 {
    lanes += 1
    return lanes
  }

  /// Lets `body` happen at `moment`, or now if that has passed; to `node` in its present life, if one is named.
  func schedule(
    at moment: UInt64, lane: Lane, to node: SimulatedNode? = nil, _ body: @escaping () -> Void
  ) {
    let happening = Agenda.Happening(node: node, life: node?.life ?? 0, body: body)
    agenda.add(happening, at: max(moment, now), lane: lane)
  }

  /// Lets the next event happen, if there is one not after `end`; else time passes to `end`.
  func runNext(until end: UInt64) -> Bool {
    guard let next = agenda.takeFirst(until: end) else {
      now = max(now, end)
      return false
    }
    now = next.at
    events += 1
    note(now)
    note(next.lane.whole)
    if let node = next.happening.node {
      node.meet(next.happening.body, meantFor: next.happening.life)
    } else {
      next.happening.body()
    }
    return true
  }

  /// Makes a fact part of the run's digest.
  func note(_ value: UInt64) {
    digest = SeededGenerator.mix(digest ^ value) &+ 0x9E37_79B9_7F4A_7C15
  }

  /// Forgets what was to happen: the run is over.
  func clear() { agenda = Agenda() }
}

/// What is to happen; one value, so that adding to it and taking from it are one access each.
private struct Agenda {
  struct Happening {
    let node: SimulatedNode?
    let life: Int
    let body: () -> Void
  }

  /// When something is to happen, and where `happenings` has it: without a reference, so that it is moved for nothing.
  private struct Entry: Comparable {
    let at: UInt64
    let lane: Lane
    let order: UInt64
    let place: Int

    static func < (left: Self, right: Self) -> Bool {
      if left.at != right.at { return left.at < right.at }
      if left.lane != right.lane { return left.lane < right.lane }
      return left.order < right.order
    }
    static func == (left: Self, right: Self) -> Bool { left.order == right.order }
  }

  private var entries = Heap<Entry>()
  private var happenings: [Happening?] = []
  private var free: [Int] = []
  private var scheduled: UInt64 = 0

  mutating func add(_ happening: Happening, at moment: UInt64, lane: Lane) {
    scheduled += 1
    let place: Int
    if let last = free.popLast() {
      place = last
      happenings[place] = happening
    } else {
      place = happenings.count
      happenings.append(happening)
    }
    entries.insert(Entry(at: moment, lane: lane, order: scheduled, place: place))
  }

  /// Takes what comes first, if it is not after `end`.
  mutating func takeFirst(
    until end: UInt64
  ) -> (at: UInt64, lane: Lane, happening: Happening)? {
    guard let first = entries.min, first.at <= end else { return nil }
    entries.removeMin()
    guard let happening = happenings[first.place].take() else {
      preconditionFailure("an event without what is to happen")
    }
    free.append(first.place)
    return (first.at, first.lane, happening)
  }
}

/// A node's monotonic clock: milliseconds from a beginning of its own.
final class NodeClock: MonotonicClock {
  private let clock: SimulatedClock
  /// Microseconds by which this clock is ahead: nodes share no time.
  private var offset: UInt64

  init(_ clock: SimulatedClock, offset: UInt64) {
    self.clock = clock
    self.offset = offset
  }

  var now: UInt64 { (clock.now + offset) / 1_000 }

  /// Shows so many microseconds more from now on.
  func leap(by microseconds: UInt64) { offset += microseconds }

  /// The virtual microsecond at which this clock will show `milliseconds`.
  func moment(of milliseconds: UInt64) -> UInt64 {
    let (micros, overflow) = milliseconds.multipliedReportingOverflow(by: 1_000)
    guard !overflow else { return .max }
    return micros > offset ? micros - offset : 0
  }
}
