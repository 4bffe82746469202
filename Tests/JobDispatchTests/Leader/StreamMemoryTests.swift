import ExchangeCore
import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The leader: memory of streams")
struct StreamMemoryTests {
  private static func relay(isBulk: Bool = false, memory: StreamMemory) -> StreamRelay {
    let key = JobKey(secret: Secret([UInt8](repeating: 1, count: 32)))
    return StreamRelay(
      attempt: AttemptID(job: JobID(5), epoch: Epoch(1)), worker: WorkerID(1), key: key,
      mac: StreamMAC(key: key.secret.bytes), recordSeq: 0,
      recordHash: ChainHash(cluster: LeaderBench.cluster, job: JobID(5)), recordTokens: 0,
      isBulk: isBulk, memory: memory)
  }

  @Test("a window is full of bytes before it is full of events")
  func windowBytes() throws {
    let memory = StreamMemory()
    do {
      let relay = Self.relay(memory: memory)
      _ = try relay.append(output(1...100, bytes: 12_000))
      let windows = UInt64(StreamRelay.windowBytes / 12_032 + 1)
      #expect(relay.last == windows && relay.isFull && relay.holdsBack)
      #expect(memory.bytes == 100 * 12_192)
      relay.noteProposed(through: windows)
      #expect(relay.noteCommitted(through: windows))
      #expect(relay.last == 2 * windows && relay.firstKept == 2)
      while relay.committed < 100 {
        relay.noteProposed(through: relay.last)
        _ = relay.noteCommitted(through: relay.last)
      }
      #expect(relay.last == 100 && !relay.holdsBack)
      #expect(memory.bytes <= StreamRelay.keptBytes + 100 * 192)
    }
    #expect(memory.bytes == 0)
  }

  @Test("of what is recorded that alone is kept which a reader has not had")
  func unread() throws {
    let memory = StreamMemory()
    let relay = Self.relay(memory: memory)
    _ = try relay.append(output(1...10))
    relay.noteProposed(through: 8)
    _ = relay.noteCommitted(through: 8, unreadFrom: 5)
    #expect(relay.firstKept == 5 && relay.hash(at: 4) != nil && relay.hash(at: 3) == nil)
    _ = relay.noteCommitted(through: 10, unreadFrom: .max)
    #expect(relay.firstKept == 11 && relay.last == 10 && memory.bytes == 0)
    #expect(relay.recorded == 10 && relay.bytes == 40)
  }

  @Test("many streams share a checkpoint less often, unless somebody waits for what is recorded")
  func intervals() {
    func interval(_ streams: Int, _ areDurable: Bool) -> UInt64 {
      Dispatcher.checkpointInterval(streams: streams, areDurable: areDurable)
    }
    #expect(
      [1, 31, 32, 63, 64, 2_000].map { interval($0, false) } == [50, 50, 100, 100, 250, 250])
    #expect([31, 32, 64].map { interval($0, true) } == [50, 100, 100])
  }

  @Test(
    "while memory is scarce nothing recorded is kept, and all must be recorded before more is read")
  func scarce() throws {
    let memory = StreamMemory(bytesMax: 200_000)
    let (one, other) = (Self.relay(memory: memory), Self.relay(memory: memory))
    _ = try one.append(output(1...4, bytes: 12_000))
    one.noteProposed(through: 4)
    _ = one.noteCommitted(through: 4)
    #expect(one.firstKept == 1 && !one.holdsBack)
    _ = try other.append(output(1...10, bytes: 12_000))
    #expect(memory.isScarce && other.holdsBack && !one.holdsBack)
    one.dropAllRecorded()
    #expect(one.firstKept == 5 && one.hash(at: 4) != nil)
    other.noteProposed(through: 10)
    _ = other.noteCommitted(through: 10)
    #expect(!memory.isScarce && !other.holdsBack && other.firstKept > 1)
    _ = try other.append(output(11...30, bytes: 12_000))
    #expect(memory.isExhausted)
  }

  @Test(
    "a supplier's many streams wait for the record, and who sends on all the same loses the attempt"
  )
  func manyStreams() throws {
    let bench = try LeaderBench { $0.streamBytesMax = 1 << 20 }
    let worker = try WorkerPeer(bench, slots: 8)
    let slots = (0..<8).map { _ in worker.park() }
    let readers = slots.map { _ in bench.submit(.submitted) }
    let assigns = try slots.map { try $0.last(Assign.self) }
    bench.holdsWrites = true
    var sent = [UInt64](repeating: 0, count: 8)
    func send(_ place: Int) {
      sent[place] += 1
      worker.chunk(
        assigns[place], output(sent[place]...sent[place], bytes: 12_000), on: slots[place])
    }
    for place in slots.indices {
      while slots[place].isReading { send(place) }
    }
    // The first had its window; when half of the memory was taken, each of the others had one message.
    #expect(sent == [23, 21, 1, 1, 1, 1, 1, 1])
    #expect(bench.dispatcher.streamMemory.bytes == 50 * 12_192)
    // Flow control is no more than a request: what is on its way comes.
    while !bench.dispatcher.streamMemory.isExhausted { send(0) }
    let most = bench.dispatcher.streamMemory.bytes
    for _ in 0..<20 { send(0) }
    #expect(bench.dispatcher.streamMemory.bytes == most)
    bench.holdsWrites = false
    bench.settle()
    bench.advance(200)
    // It has more than anybody would go on from.
    #expect(slots[0].all(AttemptSettled.self).count == 1 && slots[0].isReading)
    #expect(slots.dropFirst().allSatisfy { $0.all(AttemptSettled.self).isEmpty && $0.isReading })
    let lost = try bench.job(assigns[0].job)
    #expect(lost.ending?.error == .overloaded && lost.record.lastSeq == 22 && lost.held == .zero)
    #expect(try bench.job(assigns[7].job).state == .running)
    #expect(readers.allSatisfy { $0.failure == nil })
    #expect(!bench.dispatcher.streamMemory.isScarce)
  }
}
