import Testing

@testable import JobDispatch

@Suite("The worker's machine: the room that its engine has")
struct EngineRoomTests {
  private let now: UInt64 = 1_000_000

  private func refuse(_ room: inout EngineRoom, _ retryAfter: UInt64? = nil, at now: UInt64) {
    room.refused(retryAfter: retryAfter, now: now) { $0 - 1 }
  }

  @Test("an engine that stays full is left alone for longer; refusals of one moment are one")
  func grows() throws {
    var room = EngineRoom()
    var now = now
    var waits: [UInt64] = []
    for _ in 1...7 {
      refuse(&room, at: now)
      refuse(&room, at: now)
      let until = try #require(room.fullUntil)
      waits.append(until - now)
      let isEarly = room.opens(now: until - 1)
      let isOpen = room.opens(now: until)
      #expect(!isEarly && isOpen && room.fullUntil == nil)
      now = until
    }
    #expect(waits == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000])
    room.completed(now: now)
    #expect(room.fullUntil == nil)
    refuse(&room, at: now)
    #expect(room.fullUntil == now + 1_000)
  }

  @Test("a time that the engine named is kept, within bounds; another is over when a run completes")
  func named() {
    var room = EngineRoom()
    refuse(&room, 5_000, at: now)
    room.completed(now: now + 100)
    #expect(room.fullUntil == now + 5_000)
    var unnamed = EngineRoom()
    refuse(&unnamed, at: now)
    unnamed.completed(now: now + 100)
    #expect(unnamed.fullUntil == now + 100)
    var far = EngineRoom()
    refuse(&far, .max, at: now)
    #expect(far.fullUntil == now + 30_000)
  }
}
