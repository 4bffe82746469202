import Consensus
import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

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

  @Test("what voters of an older program could not read is refused by name, and no entry has it")
  func premature() throws {
    let bench = try LeaderBench(opened: true, stateVersionMax: 1)
    #expect(bench.replica.exchange.stateVersion == 1)
    let last = bench.replica.lastIndex
    let secret = [UInt8](repeating: 5, count: 32)
    let answers = [
      bench.call(
        .invite(.init(role: .worker, name: "w", secretHash: secret, lifetimeMs: 1_000))),
      bench.call(
        .keyLimit(.init(key: LeaderBench.root.key, limit: .init(requests: 1, tokens: nil)))),
      bench.call(
        .keyRotate(
          .init(
            requestKey: bench.requestKey(), key: LeaderBench.root.key, secretHash: secret,
            graceMs: 0))),
      bench.call(
        .accountCreate(.init(requestKey: bench.requestKey(), name: "fees", kind: .fees))),
    ]
    for answer in answers { #expect(answer.failure == .wrongState) }
    #expect(bench.replica.lastIndex == last)
  }
}
