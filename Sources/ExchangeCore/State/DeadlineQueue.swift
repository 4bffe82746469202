internal import ExchangeTypes
internal import HeapModule

/// When something expires unless something else happens first.
struct Deadline: Comparable, Hashable, Sendable {
  /// What expires; the order is part of apply's behaviour, since one pulse takes only so many.
  enum Kind: UInt8, Comparable, Sendable {
    case queuedJob = 1
    case orphanedJob = 2
    case tombstone = 3
    case upload = 4
    case accountRequest = 5
    case key = 6
    case formerSecret = 7
    case endedJob = 8
    case invitation = 22
    case certificate = 23
    case delegation = 46
    case revocation = 55

    static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  }

  let at: LogTime
  let kind: Kind
  let key: UInt64

  static func < (left: Self, right: Self) -> Bool {
    (left.at, left.kind, left.key) < (right.at, right.kind, right.key)
  }
}

/// Deadlines in the order of (time, kind, key).
///
/// One that no longer counts is not looked for: it is dropped when it comes to the front, or when more
/// than half of the heap may be of that kind. Whether one counts is read from its row, so the queue
/// can be rebuilt from rows and gives the same order.
struct DeadlineQueue: Sendable {
  private var heap = Heap<Deadline>()

  var count: Int { heap.count }
  var first: Deadline? { heap.min }

  mutating func insert(_ deadline: Deadline) { heap.insert(deadline) }

  mutating func removeFirst() { _ = heap.popMin() }

  /// Keeps only what counts, if the heap has grown far beyond the `liveMax` that can count.
  mutating func compact(liveMax: Int, where counts: (Deadline) -> Bool) {
    guard heap.count > 2 * liveMax + 1_024 else { return }
    heap = Heap(heap.unordered.filter(counts))
  }
}
