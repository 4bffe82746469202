import Testing

@testable import JobDispatch

@Suite("Leader: how long one waits for a model")
struct WaitForecastTests {
  /// Turns at moments in milliseconds, of jobs of which some wait from `0` on.
  private func waited(turns: [UInt64], from begin: UInt64 = 50_000) -> WaitForecast {
    var forecast = WaitForecast()
    forecast.came(0, isWaited: true, now: begin)
    for turn in turns { forecast.came(1, isWaited: true, now: begin + turn) }
    return forecast
  }

  @Test("nobody knows before anybody's turn has come")
  func unknown() {
    var forecast = WaitForecast()
    #expect(forecast.wait(behind: 3, now: 1_000) == nil)
    forecast.came(0, isWaited: true, now: 1_000)
    #expect(forecast.wait(behind: 0, now: 2_000) == nil)
    forecast.came(1, isWaited: true, now: 2_000)
    // One turn in a second, and a quarter because it is no more than a guess.
    #expect(forecast.wait(behind: 3, now: 2_000) == 5_000)
  }

  @Test("of turns that come evenly, it is as many times the time between two")
  func even() throws {
    let forecast = waited(turns: (1...80).map { $0 * 100 })
    for before in [0, 1, 7, 31] {
      let wait = try #require(forecast.wait(behind: before, now: 58_000))
      let exact = UInt64(before + 1) * 100
      #expect((exact...exact + 100).contains(wait))
    }
    // More than have come since: by their mean.
    #expect(forecast.wait(behind: 159, now: 58_000) == 20_000)
  }

  @Test("of turns that come in waves, whoever just misses one waits for the next")
  func waves() throws {
    // Thirty-two in an eighth of every half second.
    let turns = (1...16).flatMap { wave in (0..<32).map { UInt64(wave) * 500 + $0 * 4 } }
    let forecast = waited(turns: turns)
    let within = try #require(forecast.wait(behind: 31, now: 58_150))
    #expect((500...650).contains(within))
    // Two more would take thirty milliseconds longer by the mean, and take most of them another wave.
    let beyond = try #require(forecast.wait(behind: 39, now: 58_150))
    #expect((850...1_050).contains(beyond))
  }

  @Test("while nobody's turn comes, the wait grows")
  func standstill() throws {
    let forecast = waited(turns: (1...40).map { $0 * 100 })
    #expect(try #require(forecast.wait(behind: 0, now: 54_050)) <= 200)
    #expect(try #require(forecast.wait(behind: 0, now: 57_000)) >= 2_900)
  }

  @Test("time in which nobody waits does not count, and after long nothing is known any more")
  func idle() throws {
    var forecast = waited(turns: (1...40).map { $0 * 100 })
    forecast.came(1, isWaited: false, now: 54_100)
    // Whose turn comes at once has not waited.
    for moment in 1...30 { forecast.came(1, isWaited: false, now: 54_100 + UInt64(moment) * 150) }
    forecast.came(0, isWaited: true, now: 59_000)
    let wait = try #require(forecast.wait(behind: 4, now: 59_000))
    #expect((500...600).contains(wait))
    forecast.came(1, isWaited: false, now: 59_100)
    #expect(forecast.wait(behind: 4, now: 69_099) != nil)
    #expect(forecast.wait(behind: 4, now: 69_100) == nil)
  }

  @Test("what is older than the window is forgotten")
  func window() throws {
    var forecast = waited(turns: (1...40).map { $0 * 25 })
    for turn in 1...20 { forecast.came(1, isWaited: true, now: 51_000 + UInt64(turn) * 1_000) }
    let wait = try #require(forecast.wait(behind: 0, now: 71_000))
    #expect((1_000...1_100).contains(wait))
  }
}
