internal import Consensus
internal import LMDB

/// The writer thread's life: take what waits, commit it together, complete it in order.
///
/// A commit leaves its seal, one page, to the next flush (`WriteTransaction.commitUnsealed`): where more waits by then that
/// is the next commit's, and where nothing does, one is made for it. Nothing is completed before that.
///
/// ```
/// idle ──batches──► committed ──more wait──► committed, and what was before is completed
///   ▲                   └──nothing waits──► sealed, completed ──┐
///   └───────────────────────────────────────────────────────────┘
/// ```
///
/// The first failure is the last transaction: every batch from there on is answered with it.
struct WriterLoop {
  /// Nobody waits for a flush of so many rows that his own batch is not in: it takes many times as long.
  static let rowsMax = 1_024

  private let queue: WriteQueue
  private let volume: StoreVolume
  private let meter: DiskMeter
  private var writer: BatchWriter
  private var sweep = ReaderSweep()
  private var room: FileRoom
  private var failure: StoreError?
  /// Committed, and durable with the next flush.
  private var unsealed: [WriteQueue.Item] = []

  /// A loop that goes on from what `writer` knows.
  init(_ queue: WriteQueue, _ volume: StoreVolume, _ writer: BatchWriter, _ meter: DiskMeter) {
    self.queue = queue
    self.volume = volume
    self.writer = writer
    self.meter = meter
    room = FileRoom(mapBytes: volume.mapBytes)
  }

  /// Runs until the queue is closed and empty.
  mutating func run() {
    while let items = queue.takeAll() {
      write(items)
      while !unsealed.isEmpty {
        let more = queue.takeWaiting()
        if more.isEmpty || more.reduce(0, { $0 + $1.batch.rows.count }) > Self.rowsMax { seal() }
        if !more.isEmpty { write(more) }
      }
    }
  }

  private mutating func write(_ items: [WriteQueue.Item]) {
    guard !items.allSatisfy({ $0.batch.isEmpty }) else {
      // There is nothing whose flush would seal what was committed before.
      seal()
      let outcome = attempt { _ in }
      return complete(items, outcome)
    }
    let outcome = attempt { try $0.commit(items) }
    complete(unsealed, outcome)
    unsealed = []
    guard case .success = outcome else { return complete(items, outcome) }
    unsealed = items
    // Its failure is that of the next flush, which would bring it.
    _ = attempt { try $0.room.prepare($0.volume.environment, $0.meter.use(now: .now)) }
  }

  private mutating func seal() {
    guard !unsealed.isEmpty else { return }
    let outcome = attempt { try $0.volume.environment.seal() }
    complete(unsealed, outcome)
    unsealed = []
  }

  private mutating func commit(_ items: [WriteQueue.Item]) throws {
    try volume.environment.write { transaction in
      for item in items { try writer.write(item.batch, to: transaction) }
      try writer.stamp(transaction)
      try transaction.commitUnsealed()
    }
    volume.publish(writer.sides)
    try meter.update(from: volume.environment, now: .now)
    try sweep.run(on: volume.environment, now: .now)
  }

  /// Does something, unless something before it has failed.
  private mutating func attempt(_ body: (inout Self) throws -> Void) -> Result<Void, any Error> {
    if let failure { return .failure(StoreError.stopped(after: failure.description)) }
    do throws(StoreError) {
      try volume.withStoreError { try body(&self) }
      return .success(())
    } catch {
      failure = error
      return .failure(error)
    }
  }

  private func complete(_ items: [WriteQueue.Item], _ outcome: Result<Void, any Error>) {
    for item in items {
      queue.finishOne()
      item.completion(outcome)
    }
  }
}

/// Frees the slots of readers that were killed, now and then: a dead reader keeps every page that was freed
/// since from being reused.
///
/// Only a store that is written to grows by that, so a writer that sleeps need not look.
struct ReaderSweep {
  static let interval = Duration.seconds(60)

  /// Opening an environment has just cleared them.
  private var last = ContinuousClock.now

  /// Looks if it is time to.
  mutating func run(on environment: Environment, now: ContinuousClock.Instant) throws(LMDBError) {
    guard now - last >= Self.interval else { return }
    last = now
    try environment.clearStaleReaders()
  }
}
