import Consensus
import ExchangeCore
import Testing

@Suite("The state version of a cluster")
struct StateVersionTests {
  @Test("a cluster whose books an older program opened is raised to what all voters support, once")
  func raised() throws {
    let bench = try LeaderBench(opened: true)
    for _ in 0..<10 { bench.advance(100) }
    #expect(bench.replica.exchange.stateVersion == Exchange.stateVersionMax)
    let last = bench.replica.lastIndex
    for _ in 0..<20 { bench.advance(100) }
    #expect(bench.replica.lastIndex == last, "nothing is proposed a second time")
  }
}
