import ExchangeTypes
import Testing

@testable import ExchangeCore

@Suite struct BoxedTests {
  @Test("what is boxed is a value: a copy keeps what it had, whichever of the two is changed")
  func copies() {
    struct Pair {
      @Boxed var names: [String] = []
      @Boxed var counts: [String: Int] = [:]
    }
    var first = Pair()
    first.names.append("a")
    var second = first
    first.names.append("b")
    second.counts["a"] = 1
    #expect(first.names == ["a", "b"])
    #expect(second.names == ["a"])
    #expect(first.counts.isEmpty)
    #expect(second.counts == ["a": 1])
  }

  @Test("an exchange that was copied stays as it was when the original applies a command")
  func exchanges() {
    var replica = Replica()
    let before = replica.exchange
    _ = replica.apply(
      [
        .bootstrap(
          .init(
            clusterID: ClusterID(7),
            rootSecretHash: [UInt8](repeating: 2, count: 32)))
      ], at: 1)
    #expect(replica.exchange.key(KeyID(1)) != nil)
    #expect(before.key(KeyID(1)) == nil)
    #expect(before.digest != replica.exchange.digest)
  }
}
