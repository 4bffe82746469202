internal import Consensus
internal import Glibc

/// The batches on their way to the writer thread: bounded, first in, first out.
///
/// A mutex and a condition variable of the C library, because the consumer is a thread that must
/// block: LMDB binds a write transaction to a thread, and a Swift task may not wait on its own.
final class WriteQueue: @unchecked Sendable {
  // Unchecked, because `items`, `outstanding` and `isClosed` are only touched between lock and unlock.

  typealias Completion = @Sendable (Result<Void, any Error>) -> Void

  /// One call of `write`.
  struct Item {
    let batch: WriteBatch
    let completion: Completion
  }

  /// The most batches that were written but not completed.
  ///
  /// One is being flushed while the next collect; a replica that runs further ahead than this has
  /// lost its backpressure, which is a bug of the replica.
  static let batchesMax = 16

  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let changed = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private var items: [Item] = []
  private var outstanding = 0
  private var isClosed = false

  init() {
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(changed, nil)
  }

  deinit {
    pthread_cond_destroy(changed)
    pthread_mutex_destroy(mutex)
    changed.deallocate()
    mutex.deallocate()
  }

  /// Adds a batch; answers false if the queue was closed.
  ///
  /// - Precondition: fewer than `batchesMax` batches are outstanding.
  func append(_ item: Item) -> Bool {
    withLock {
      guard !isClosed else { return false }
      precondition(outstanding < Self.batchesMax, "the replica ran ahead of its disk")
      outstanding += 1
      items.append(item)
      pthread_cond_signal(changed)
      return true
    }
  }

  /// Waits for batches and takes all of them; nil once the queue is closed and empty.
  func takeAll() -> [Item]? {
    withLock {
      while items.isEmpty && !isClosed { pthread_cond_wait(changed, mutex) }
      return items.isEmpty ? nil : takeItems()
    }
  }

  /// Takes the batches that wait; empty if none does.
  func takeWaiting() -> [Item] { withLock { takeItems() } }

  private func takeItems() -> [Item] {
    defer { items = [] }
    return items
  }

  /// Makes room for one batch: it is done, and its completion is about to be called.
  func finishOne() { withLock { outstanding -= 1 } }

  /// Lets `takeAll` end after what is queued.
  func close() {
    withLock {
      isClosed = true
      pthread_cond_signal(changed)
    }
  }

  private func withLock<Value>(_ body: () -> Value) -> Value {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return body()
  }
}

/// One operating-system thread that runs one closure.
struct WriterThread: Sendable {
  private let handle: pthread_t

  /// Starts `body` on a thread of its own; nil if the system has none left.
  init?(_ body: @escaping @Sendable () -> Void) {
    final class Start {
      let body: @Sendable () -> Void
      init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    let start = Unmanaged.passRetained(Start(body))
    var thread = pthread_t()
    let entry: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
      guard let argument else { preconditionFailure("a thread started without its closure") }
      Unmanaged<Start>.fromOpaque(argument).takeRetainedValue().body()
      return nil
    }
    let code = pthread_create(&thread, nil, entry, start.toOpaque())
    guard code == 0 else {
      start.release()
      return nil
    }
    handle = thread
  }

  /// Waits for the end of the closure; on the thread itself, lets it end unwatched.
  func join() {
    if pthread_equal(pthread_self(), handle) != 0 {
      pthread_detach(handle)
    } else {
      pthread_join(handle, nil)
    }
  }
}
