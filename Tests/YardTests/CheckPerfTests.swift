import ArgumentParser
import ExchangeTypes
import Testing
import WireProtocol

@testable import yard

@Suite("What yard check perf submits for")
struct CheckPerfTests {
  private static func listing(
    _ models: [(name: String, free: UInt16, endpoints: [Endpoint])], told: Bool = true
  ) -> ModelListing {
    ModelListing(
      models: models.map {
        ModelSummary(
          model: $0.name, context: 4_096, outputDefault: 1_024, priceInputMin: .zero,
          priceOutputMin: .zero, suppliers: 1, slots: 2, slotsFree: $0.free)
      },
      abilities: told
        ? models.map { ModelAbilities(endpoints: $0.endpoints, capabilities: 0) } : nil)
  }

  @Test("a model whose jobs wait comes before one that runs them, and none that is not for chat")
  func choice() {
    typealias Perf = CheckPerfCommand
    let free = ("a", UInt16(2), [Endpoint.chatCompletions])
    let vectors = ("b", UInt16(0), [Endpoint.embeddings])
    let busy = ("c", UInt16(0), [Endpoint.chatCompletions])
    #expect(Perf.model(among: Self.listing([free, vectors, busy]))?.model == "c")
    #expect(Perf.model(among: Self.listing([free, vectors]))?.model == "a")
    #expect(Perf.model(among: Self.listing([vectors])) == nil)
    #expect(Perf.model(among: Self.listing([free, vectors], told: false))?.model == "b")
    #expect(Perf.model(among: Self.listing([])) == nil)
  }

  @Test("the name of a model that fits in no request is refused before anything is made")
  func longName() throws {
    let longest = String(repeating: "m", count: 256)
    _ = try CheckPerfCommand.parse(["--model", longest])
    #expect(throws: (any Error).self) { try CheckPerfCommand.parse(["--model", longest + "m"]) }
    let plain = try CheckPerfCommand.parse(["--clients", "8", "--seconds", "2"])
    #expect(plain.model == nil && plain.clients == 8 && !plain.ownAccount)
  }
}
