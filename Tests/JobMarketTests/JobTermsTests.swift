import JobMarket
import Testing

@Suite("What jobs ask for")
struct JobTermsTests {
  private let worker = SupplierName(account: "sam", worker: "w1")

  @Test("a name is an account's, or that of one of its workers")
  func names() {
    for (name, means) in [
      ("sam", true), ("sam/w1", true), ("sam/w2", false), ("sa", false), ("sam/", false),
      ("w1", false), ("", false), ("bob/w1", false), ("sam/w1/x", false),
    ] { #expect(worker.isCalled(name) == means, "\(name)") }
    // An account whose name has a slash means itself, and only by chance another's worker.
    #expect(!SupplierName(account: "sam/w1", worker: "x").isCalled("sam"))
  }

  @Test("who is admitted")
  func admitted() {
    for (preferences, admits) in [
      (Preferences(), true), (Preferences(only: ["sam"]), true),
      (Preferences(only: ["sam/w2"]), false), (Preferences(ignore: ["sam/w1"]), false),
      (Preferences(only: ["sam"], ignore: ["sam/w1"]), false), (Preferences(order: ["bob"]), true),
      (Preferences(order: ["bob"], allowsFallbacks: false), false),
      (Preferences(order: ["bob", "sam"], allowsFallbacks: false), true),
    ] { #expect(preferences.admits(worker) == admits, "\(preferences)") }
  }

  @Test("the place in an order, and behind it")
  func places() {
    let order = Preferences(order: ["bob", "sam/w1", "sam"])
    #expect(order.place(of: worker) == 1)
    #expect(order.place(of: SupplierName(account: "sam", worker: "w2")) == 2)
    #expect(order.place(of: SupplierName(account: "eve", worker: "w1")) == 3)
  }

  @Test("every capability has a name and a bit of its own")
  func capabilities() {
    var seen: Capabilities = []
    for (name, capability) in Capabilities.named {
      #expect(seen.isDisjoint(with: capability) && capability.rawValue.nonzeroBitCount == 1)
      #expect(capability.names == [name])
      seen.formUnion(capability)
    }
    #expect(seen == .all && JobTerms().isEmpty && !JobTerms(needs: .tools).isEmpty)
  }
}
