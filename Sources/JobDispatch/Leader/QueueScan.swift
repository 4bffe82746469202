internal import ExchangeTypes

/// The jobs that wait for a model, account by account, in the order in which a plan looks at them.
///
/// ```
/// prompt    interactive, then standard and risen batch jobs by their numbers
/// patient   the other batch jobs, once no account has any of the former left
/// ```
///
/// A queue is read in pieces, each piece once, and a place in one is the last job that was given out of it.
struct QueueScan {
  /// One account's queue of one class.
  struct Queue: Hashable {
    let account: AccountID
    let jobClass: JobClass
  }

  /// Which jobs are given out.
  enum Pass: CaseIterable { case prompt, patient }

  /// Jobs of a queue after one, so many at most, the first come first.
  typealias Read = (_ queue: Queue, _ after: JobID, _ limit: Int) -> [JobID]

  private struct Reading {
    var place: JobID
    var piece: ArraySlice<JobID> = []
    /// Whether nothing is behind the piece.
    var isLast = false
    var isOver: Bool { isLast && piece.isEmpty }
  }

  /// Jobs that are read at once.
  static let pieceMax = 64

  /// Whose queues are read.
  let accounts: [AccountID]
  private let read: Read
  /// Whether a batch job has waited so long that it is looked at like a standard one.
  private let isRisen: (JobID) -> Bool
  private var readings: [Queue: Reading] = [:]

  /// All queues of some accounts, from their heads.
  init(of accounts: [AccountID], read: @escaping Read, isRisen: @escaping (JobID) -> Bool) {
    self.accounts = accounts
    self.read = read
    self.isRisen = isRisen
    for account in accounts {
      for jobClass in JobClass.allCases {
        readings[Queue(account: account, jobClass: jobClass)] = Reading(place: JobID(0))
      }
    }
  }

  /// Some queues, each from behind a place.
  init(
    from places: [Queue: JobID], read: @escaping Read, isRisen: @escaping (JobID) -> Bool
  ) {
    accounts = Set(places.keys.map(\.account)).sorted()
    self.read = read
    self.isRisen = isRisen
    readings = places.mapValues { Reading(place: $0) }
  }

  /// The place in each queue.
  var places: [Queue: JobID] { readings.mapValues(\.place) }
  /// The queues that have not been read to their ends.
  var left: Set<Queue> { Set(readings.lazy.filter { !$0.value.isOver }.map(\.key)) }

  /// An account's next job in a pass; nil once there is none.
  mutating func next(of account: AccountID, in pass: Pass) -> JobID? {
    let batch = Queue(account: account, jobClass: .batch)
    switch pass {
    case .prompt:
      if let job = nextInteractive(of: account) { return job }
      let standard = Queue(account: account, jobClass: .standard)
      let risen = first(of: batch).flatMap { isRisen($0) ? $0 : nil }
      guard let other = first(of: standard) else { return risen.map { take($0, from: batch) } }
      if let risen, risen < other { return take(risen, from: batch) }
      return take(other, from: standard)
    case .patient:
      return first(of: batch).map { take($0, from: batch) }
    }
  }

  /// An account's next interactive job; nil once there is none.
  mutating func nextInteractive(of account: AccountID) -> JobID? {
    let queue = Queue(account: account, jobClass: .interactive)
    return first(of: queue).map { take($0, from: queue) }
  }

  private mutating func first(of queue: Queue) -> JobID? {
    guard let reading = readings[queue] else { return nil }
    if let job = reading.piece.first { return job }
    guard !reading.isLast else { return nil }
    let piece = read(queue, reading.place, Self.pieceMax)
    readings[queue] = Reading(
      place: reading.place, piece: piece[...], isLast: piece.count < Self.pieceMax)
    return piece.first
  }

  private mutating func take(_ job: JobID, from queue: Queue) -> JobID {
    readings[queue]?.piece.removeFirst()
    readings[queue]?.place = job
    return job
  }
}
