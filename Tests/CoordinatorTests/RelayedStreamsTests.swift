import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@testable import Coordinator

@Suite("Streams that another coordinator passes on")
struct RelayedStreamsTests {
  private final class Clock: MonotonicClock { var now: UInt64 = 1 }

  private final class Channel: MessageChannel {
    var isReading = true
    func send(_ message: any WireMessage) {}
    func finish() {}
    func abort() {}
    var outstandingBytes: Int { 0 }
    func setReading(_ isReading: Bool) { self.isReading = isReading }
  }

  /// Notes what it is told, and by which stream.
  private final class Owner: MessageChannelOwner {
    let number: Int
    let note: (Int) -> Void
    var isFull = false
    init(_ number: Int, isFull: Bool = false, _ note: @escaping (Int) -> Void) {
      (self.number, self.note, self.isFull) = (number, note, isFull)
    }
    func received(_ message: Message, on channel: any MessageChannel) {
      note(number)
      if isFull { channel.setReading(false) }
    }
    func writable(_ channel: any MessageChannel) {}
    func closed(_ channel: any MessageChannel) { note(-number) }
  }

  private final class Bench {
    let clock = Clock()
    var turns: [() -> Void] = []
    var heard: [Int] = []
    var channels: [Channel] = []
    /// Whether the owners want to read no further.
    var areFull = false
    var owners: [any MessageChannelOwner] = []
    private(set) lazy var streams = RelayedStreams(clock: clock) { [unowned self] in
      turns.append($0)
    }

    /// Opens streams, each of which says one thing.
    func open(_ count: Int) {
      for _ in 0..<count {
        let (number, channel) = (channels.count + 1, Channel())
        let owner = streams.accept(channel) { [unowned self] in
          Owner(number, isFull: areFull) { self.heard.append($0) }
        }
        channels.append(channel)
        owners.append(owner)
        say(number)
      }
    }

    func say(_ number: Int) {
      owners[number - 1].received(.statusQuery(StatusQuery()), on: channels[number - 1])
    }

    func turn() { turns.removeFirst()() }
  }

  @Test(
    "are begun sixteen in a turn, in their order; those that have ended meanwhile take no place")
  func turns() {
    let bench = Bench()
    bench.open(40)
    #expect(bench.heard == Array(1...16))
    #expect(bench.channels.map(\.isReading) == (1...40).map { $0 <= 16 })
    // Who waits is not overtaken, whatever time has passed.
    bench.clock.now = 2
    bench.open(1)
    #expect(bench.heard.count == 16 && bench.turns.count == 1)
    for place in [16, 17] { bench.owners[place].closed(bench.channels[place]) }
    bench.turn()
    #expect(bench.heard == Array(1...16) + Array(19...34))
    #expect(bench.channels[33].isReading && !bench.channels[34].isReading)
    bench.turn()
    #expect(bench.heard.suffix(7) == [35, 36, 37, 38, 39, 40, 41])
    #expect(bench.turns.isEmpty)
  }

  @Test("are not read whose owners want to read no further")
  func fullOwners() {
    let bench = Bench()
    bench.areFull = true
    bench.open(20)
    bench.turn()
    #expect(bench.heard.count == 20 && bench.channels.allSatisfy { !$0.isReading })
  }

  @Test(
    "hear what comes later as it comes, their end too; a few in each millisecond wait for nobody")
  func passing() {
    let bench = Bench()
    bench.open(17)
    bench.say(17)
    bench.turn()
    #expect(bench.heard.suffix(2) == [17, 17])
    bench.say(17)
    bench.owners[16].closed(bench.channels[16])
    #expect(bench.heard.suffix(2) == [17, -17])
    for now in UInt64(10)..<20 {
      bench.clock.now = now
      bench.open(16)
    }
    #expect(bench.turns.isEmpty && bench.heard.count == 16 + 4 + 160)
  }
}
