import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport

/// Work that a loop has done beside it, on one thread that stands still where a test wants that.
@Suite("Work beside a loop", .timeLimit(.minutes(5)))
struct WorkBesideTests {
  private let eventLoop = MultiThreadedEventLoopGroup.singleton.next()

  /// What was told, in order, and how far.
  private final class Told: Sendable {
    private let (stream, told) = AsyncStream.makeStream(of: String.self)
    func tell(_ what: String) { told.yield(what) }
    func first(_ count: Int) async -> [String] {
      var all: [String] = []
      for await one in stream {
        all.append(one)
        if all.count == count { break }
      }
      return all
    }
  }

  /// A door that the thread waits at.
  private struct Door: Sendable {
    private let lock = ConditionLock(value: false)
    func open() {
      lock.lock()
      lock.unlock(withValue: true)
    }
    func pass() {
      lock.lock(whenValue: true)
      lock.unlock(withValue: true)
    }
  }

  private func withWork(
    bytesMax: Int, _ body: (NIOLoopBound<WorkBeside>, Told, Door) async throws -> Void
  ) async throws {
    let threads = WorkThreads(count: 1)
    let work = try await eventLoop.submit { [eventLoop] in
      NIOLoopBound(
        WorkBeside(of: eventLoop, on: threads, bytesMax: bytesMax), eventLoop: eventLoop)
    }.get()
    let (told, door) = (Told(), Door())
    try await body(work, told, door)
    door.open()
    await threads.close()
  }

  @Test("the loop goes on while a piece is under way, and pieces are told in their order")
  func order() async throws {
    try await withWork(bytesMax: 100) { work, told, door in
      try await eventLoop.submit { [eventLoop] in
        for name in ["a", "b", "c"] {
          let isTaken = work.value.run(1) {
            true
          } prepare: {
            {
              // Not on the loop: it could not open the door.
              precondition(!eventLoop.inEventLoop)
              door.pass()
              return name
            }
          } told: {
            eventLoop.preconditionInEventLoop()
            told.tell($0)
          }
          #expect(isTaken)
        }
        told.tell("asked")
      }.get()
      try await eventLoop.submit { door.open() }.get()
      #expect(await told.first(4) == ["asked", "a", "b", "c"])
      #expect(try await eventLoop.submit { work.value.bytes }.get() == 0)
    }
  }

  @Test(
    "what is not wanted when its turn comes is not begun, and what is not when it ends is not told")
  func unwanted() async throws {
    try await withWork(bytesMax: 100) { work, told, door in
      let isWanted = NIOLockedValueBox(true)
      try await eventLoop.submit {
        for name in ["under way", "waiting"] {
          _ = work.value.run(40) {
            isWanted.withLockedValue { $0 }
          } prepare: {
            told.tell("began \(name)")
            return { door.pass() }
          } told: {
            told.tell(name)
          }
        }
        isWanted.withLockedValue { $0 = false }
        // Those that nobody wants make room.
        let isTaken = work.value.run(60) {
          true
        } prepare: {
          { "wanted" }
        } told: {
          told.tell($0)
        }
        #expect(isTaken)
      }.get()
      door.open()
      #expect(await told.first(2) == ["began under way", "wanted"])
    }
  }

  @Test("no more waits than there is room for, and there is room again")
  func room() async throws {
    try await withWork(bytesMax: 100) { work, told, door in
      let isTaken = try await eventLoop.submit {
        [60, 41, 40].map { bytes in
          work.value.run(bytes) {
            true
          } prepare: {
            { door.pass() }
          } told: {
            told.tell("\(bytes)")
          }
        }
      }.get()
      #expect(isTaken == [true, false, true])
      door.open()
      #expect(await told.first(2) == ["60", "40"])
      #expect(
        try await eventLoop.submit {
          work.value.run(100) {
            true
          } prepare: {
            { "again" }
          } told: {
            told.tell($0)
          }
        }.get())
      #expect(await told.first(1) == ["again"])
    }
  }
}
