import Testing

@testable import yard

@Suite("The context of a yard dev")
struct DevContextTests {
  private static func dev(_ ports: Int...) -> Context {
    Context(endpoints: ports.map { "127.0.0.1:\($0)" }, key: "\(ports)", identity: nil)
  }

  private static func store(_ current: String?, dev: Context? = nil) -> ContextStore {
    var store = ContextStore()
    store["mine"] = Context(endpoints: ["10.0.0.1:7400"], key: nil, identity: nil)
    store["dev"] = dev
    store.current = current
    return store
  }

  /// What is left once the `yard dev` at 7402 and 7403 has ended, where `listening` are in use.
  private func left(
    before: ContextStore, now current: String? = "dev", dev: Context? = nil, listening: [Int]
  ) -> ContextStore {
    let own = Self.dev(7402, 7403)
    var store = Self.store(current, dev: dev ?? own)
    store.endDev(own, before: before) { endpoint in
      listening.contains { endpoint.hasSuffix(":\($0)") }
    }
    return store
  }

  @Test("goes with it, and what was current before is so again")
  func removed() {
    for current in ["mine", nil] {
      #expect(left(before: Self.store(current), listening: [7402, 7403]) == Self.store(current))
    }
    // Whoever has chosen another one since keeps it.
    #expect(left(before: Self.store(nil), now: "mine", listening: []) == Self.store("mine"))
  }

  @Test("gives way to that of an earlier one that still runs, which may not have been current")
  func restored() {
    let former = Self.dev(7400, 7401)
    for current in ["dev", "mine"] {
      let before = Self.store(current, dev: former)
      #expect(left(before: before, listening: [7401, 7402, 7403]) == before)
    }
  }

  @Test("does not give way to that of one that was killed, though its ports are in use by this one")
  func gone() {
    for former in [Self.dev(7400), Self.dev(7402), Self.dev(7402, 7403)] {
      let before = Self.store("dev", dev: former)
      #expect(left(before: before, listening: [7402, 7403]) == Self.store(nil))
    }
  }

  @Test("is a later one's, once there is one")
  func replaced() {
    let later = Self.dev(7404)
    let store = left(before: Self.store("mine"), dev: later, listening: [7404])
    #expect(store == Self.store("dev", dev: later))
  }
}
