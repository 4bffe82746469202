internal import Consensus
internal import LMDB

/// The writer thread's life: take what waits, commit it together, complete it in order.
///
/// The first failure is the last transaction: every batch from there on is answered with it.
func runWriter(
  _ queue: WriteQueue, _ volume: StoreVolume, _ initial: BatchWriter, _ meter: DiskMeter
) {
  var writer = initial
  var sweep = ReaderSweep()
  var failure: StoreError?
  while let items = queue.takeAll() {
    let outcome: Result<Void, any Error>
    if let failure {
      outcome = .failure(StoreError.stopped(after: failure.description))
    } else {
      do throws(StoreError) {
        try commit(items, to: volume, &writer)
        try volume.withStoreError {
          try meter.update(from: volume.environment, now: .now)
          try sweep.run(on: volume.environment, now: .now)
        }
        outcome = .success(())
      } catch {
        failure = error
        outcome = .failure(error)
      }
    }
    for item in items {
      queue.finishOne()
      item.completion(outcome)
    }
  }
}

private func commit(
  _ items: [WriteQueue.Item], to volume: StoreVolume, _ writer: inout BatchWriter
) throws(StoreError) {
  if items.allSatisfy({ $0.batch.isEmpty }) { return }
  try volume.withStoreError {
    try volume.environment.write { transaction in
      for item in items { try writer.write(item.batch, to: transaction) }
      try writer.stamp(transaction)
      try transaction.commit()
    }
  }
  volume.publish(writer.sides)
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
