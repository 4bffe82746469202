import ExchangeTypes
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("A worker with an engine for embeddings")
struct EmbeddingOfferTests {
  private func terms(_ model: String, _ endpoints: [Endpoint]) -> OfferTerms {
    OfferTerms(
      model: model, context: 512, outputDefault: 512, slots: 1,
      priceInput: Price(nanoPerMillion: 1), priceOutput: Price(nanoPerMillion: 2), basis: .usage,
      bytesPerTokenFloor: 1, endpoints: endpoints)
  }

  @Test("a coordinator that does not know embeddings is told of what else there is")
  func offers() throws {
    let bench = Bench()
    let all = [terms("both", [.completions, .embeddings]), terms("vectors", [.embeddings])]
    bench.machine.engineReady(offers: all, slots: 1)
    let old = try bench.join(node: 1, term: 5)
    #expect(
      try old.registration.all(WorkerRegister.self).map(\.offers) == [
        [terms("both", [.completions])]
      ])
    let link = FakeLink(2)
    link.takesEmbeddings = true
    bench.machine.linkUp(link)
    bench.notice(2, 6)
    #expect(try link.registration.all(WorkerRegister.self).map(\.offers) == [all])
  }

  @Test("a job that is cancelled after its first vector owes its input all the same")
  func cancelled() throws {
    let bench = Bench()
    let link = try bench.register()
    let slot = try #require(link.slots.first)
    let run = try #require(bench.assign(slot))
    bench.machine.runProduced(
      run,
      [
        GeneratedEvent(
          choice: 0, kind: .vector, tokenCount: 0, bytes: [0, 0, 128, 63], promptTokens: 7)
      ])
    bench.cancel(slot)
    let finished = try #require(slot.all(AttemptFinished.self).last)
    #expect(finished.finish == .cancelled && finished.usage.promptTokens == 7)
  }

  @Test("a call whose arguments are too long for one event is several, with its tokens")
  func calls() throws {
    let long = String(repeating: "x", count: 40_000)
    let event = GeneratedEvent(
      choice: 1, kind: .delta, tokenCount: 9_000, ids: Array(0..<300),
      bytes: Array(
        #"{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"\#(long)"}}]}}"#
          .utf8))
    let pieces = try #require(event.pieces())
    #expect(pieces.allSatisfy { $0.bytes.count <= GeneratedEvent.bytesMax && $0.choice == 1 })
    #expect(pieces.allSatisfy { $0.ids.count <= GeneratedEvent.idsMax })
    #expect(pieces.reduce(0) { $0 + $1.tokenCount } == 9_000)
    #expect(pieces.flatMap(\.ids) == Array(0..<300))
    #expect(pieces.filter { $0.kind == .delta }.count == 21)
  }

  @Test("a long vector is cut between groups of base64, and comes out whole")
  func pieces() throws {
    let bytes = (0..<30_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    let event = GeneratedEvent(choice: 3, kind: .vector, tokenCount: 0, bytes: bytes)
    let pieces = try #require(event.pieces())
    #expect(pieces.map(\.bytes.count) == [12_288, 12_288, 5_424])
    #expect(pieces.flatMap(\.bytes) == bytes)
    #expect(pieces.allSatisfy { $0.kind == .vector && $0.choice == 3 && $0.tokenCount == 0 })
  }
}
