import Logging
import NIOCore
import NIOHTTP1
import OpenAIFormat
import Synchronization
import Testing

@testable import Engines

/// Everything here runs against a real llama.cpp.
@Suite("A real llama.cpp", .enabled(if: LlamaServer.address != nil), .serialized)
struct LlamaServerTests {
  private func withEngine(
    _ body: (OpenAICompatibleEngine) async throws -> Void
  ) async throws {
    try await LlamaServer.withEngine(at: LlamaServer.address, body)
  }

  private func request(
    _ prompt: String, maxTokens: Int, extra: String = ""
  ) throws -> EngineRequest {
    let body = """
      {"model":"x","messages":[{"role":"user","content":"\(prompt)"}],"temperature":0\(extra)}
      """
    let parsed = try InferenceRequest.parse(body: Array(body.utf8), endpoint: .chatCompletions)
    return EngineRequest(parsed, model: "switchyard-test", maxTokens: maxTokens, kind: .llamaCpp)
  }

  @Test("a probe learns the program, the model, and a slot's own context")
  func probes() async throws {
    try await withEngine { engine in
      let status = try await engine.probe()
      #expect(status.kind == .llamaCpp)
      #expect(status.models.map(\.name) == ["switchyard-test"])
      #expect(status.slots == 2)
      #expect(status.models.first?.contextTokens == 4096)
    }
  }

  @Test("an examination finds what it can do: it passes over echo")
  func examined() async throws {
    try await withEngine { engine in
      let status = try await engine.examine(try await engine.probe())
      #expect(status.models.map(\.endpoints) == [EngineStatus.Model.generation])
      #expect(
        status.features
          == [
            .tools, .toolChoice, .structuredOutput, .logprobs, .severalSequences, .tokenIDPrompt,
            .logitBias,
          ])
    }
  }

  @Test("it goes on from a last message of the assistant, and sends only what is new")
  func goesOn() async throws {
    try await withEngine { engine in
      func text(_ request: EngineRequest) async throws -> (text: String, prompt: Int) {
        let pieces = Mutex<[UInt8]>([])
        let end = try await engine.run(request) { event in
          if case .text(let bytes) = event.content { pieces.withLock { $0 += bytes } }
          return nil
        }
        let said = pieces.withLock { String(decoding: $0, as: UTF8.self) }
        return (said, try #require(end.usage?.promptTokens))
      }
      let begun = try await text(request("hello", maxTokens: 100))
      let chat = try InferenceRequest.parse(
        body: request("hello", maxTokens: 100).body, endpoint: .chatCompletions)
      let longer = try InferenceRequest.parse(
        body: #require(chat.continuing(Array(begun.text.utf8))), endpoint: .chatCompletions)
      let rest = try await text(
        EngineRequest(
          longer, model: "switchyard-test", maxTokens: 10, kind: .llamaCpp, goesOn: true))
      #expect(rest.prompt > begun.prompt + 50, "it has read what was said")
      #expect(!rest.text.isEmpty && !rest.text.contains(begun.text.prefix(20)))
    }
  }

  @Test("a completion goes on from its token ids as if it had never been cut")
  func goesOnFromIDs() async throws {
    try await withEngine { engine in
      // Without half characters and control tokens, which this model of noise says all the time.
      let banned = ([0, 1, 2] + Array(131..<259)).map { "[\($0),false]" }.joined(separator: ",")
      let body =
        #"{"model":"x","prompt":"hello","temperature":0,"ignore_eos":true,"logit_bias":[\#(banned)]}"#
      let asked = try InferenceRequest.parse(body: Array(body.utf8), endpoint: .completions)
      func run(_ request: EngineRequest) async throws -> [EngineEvent] {
        let events = Mutex<[EngineEvent]>([])
        let end = try await engine.run(request) { event in events.withLock { $0.append(event) } }
        #expect(end.hasAllTokenIDs && end.finishes.first?.reason == "length")
        #expect(end.usage?.completionTokens == end.tokenCount)
        return events.withLock { $0 }
      }
      func bytes(_ events: some Sequence<EngineEvent>) -> [UInt8] {
        events.flatMap { if case .text(let bytes) = $0.content { bytes } else { [UInt8]() } }
      }
      let whole = try await run(
        EngineRequest(asked, model: "switchyard-test", maxTokens: 40, kind: .llamaCpp))
      let ids = whole.flatMap { $0.tokenIDs ?? [] }
      let text = bytes(whole)
      try #require(ids.count == 40 && text.count == 40, "a token is a byte here")
      let known = Array(text.prefix(17))
      let longer = try InferenceRequest.parse(
        body: #require(asked.continuing(known)), endpoint: .completions)
      func resuming(_ parts: [(bytes: Int, tokens: Int, ids: [UInt32])]) async -> EngineRequest {
        var request = EngineRequest(
          longer, model: "switchyard-test", maxTokens: 23, kind: .llamaCpp, goesOn: true)
        request.begun = BegunOutput(endOf: longer, in: parts)
        return await engine.resuming(request)
      }
      let resumed = await resuming([(17, 17, Array(ids.prefix(17)))])
      #expect(resumed.goesOnFromIDs)
      #expect(try await bytes(run(resumed)) == Array(text.dropFirst(17)))
      // What the engine has not named is cut again, if it comes out as as many tokens.
      #expect(
        await resuming([(5, 5, Array(ids[..<5])), (4, 4, []), (8, 8, Array(ids[9..<17]))])
          .goesOnFromIDs)
      #expect(await !resuming([(5, 5, Array(ids[..<5])), (12, 3, [])]).goesOnFromIDs)
      // Ids that stand for another text are not gone on from.
      #expect(await !resuming([(17, 17, Array(ids[1..<18]))]).goesOnFromIDs)
      #expect(await !resuming([(17, 17, ids.prefix(17).map { $0 + 9_000 })]).goesOnFromIDs)
    }
  }

  @Test("a stream gives whole characters, a token count for each piece, and usage that agrees")
  func streams() async throws {
    try await withEngine { engine in
      let pieces = Mutex<[EngineEvent]>([])
      // Forty characters of one to four bytes, a token each, and then the end: so nothing is cut off within a character.
      let bytes = (131..<259).map { "[\($0),8]" }.joined(separator: ",")
      let body = #"""
        {"model":"x","messages":[{"role":"user","content":"hello"}],"temperature":1,"top_k":0,"top_p":1,
        "min_p":0,"seed":1,"logit_bias":[\#(bytes)],"grammar":"root ::= [a-zé日😀]{40}"}
        """#
      let parsed = try InferenceRequest.parse(body: Array(body.utf8), endpoint: .chatCompletions)
      let hello = EngineRequest(
        parsed, model: "switchyard-test", maxTokens: 200, kind: .llamaCpp)
      let end = try await engine.run(hello) { event in
        pieces.withLock { $0.append(event) }
      }
      let events = pieces.withLock { $0 }
      #expect(end.usage?.promptTokens ?? 0 > 5)
      #expect(end.finishes.first?.reason == "stop")
      // The engine counts the token that ends it, which has no text.
      #expect(end.usage?.completionTokens == end.tokenCount + 1)
      #expect(end.tokenCount > 40, "no character is of several tokens")
      #expect(events.reduce(0) { $0 + $1.tokenCount } == end.tokenCount)
      for event in events {
        guard case .text(let bytes) = event.content else { continue }
        #expect(String(validating: bytes, as: UTF8.self) != nil)
      }
      #expect(end.timing.firstEvent ?? .zero > .zero)
    }
  }

  @Test("equal prompts at temperature 0 give equal bytes")
  func repeats() async throws {
    try await withEngine { engine in
      var outputs: [[UInt8]] = []
      for _ in 0..<2 {
        let text = Mutex<[UInt8]>([])
        // What is cached is not added up in the same order again.
        let again = try request("again", maxTokens: 40, extra: #","cache_prompt":false"#)
        _ = try await engine.run(again) { event in
          if case .text(let bytes) = event.content { text.withLock { $0 += bytes } }
          return nil
        }
        outputs.append(text.withLock { $0 })
      }
      #expect(outputs[0] == outputs[1])
      #expect(!outputs[0].isEmpty)
    }
  }

  @Test("two answers come under their own numbers")
  func severalChoices() async throws {
    try await withEngine { engine in
      let seen = Mutex<Set<Int>>([])
      let end = try await engine.run(request("two", maxTokens: 5, extra: #","n":2"#)) { event in
        _ = seen.withLock { $0.insert(event.choice) }
      }
      #expect(seen.withLock { $0 } == [0, 1])
      #expect(end.finishes.map(\.choice) == [0, 1])
    }
  }

  @Test("log probabilities travel as sent")
  func logprobs() async throws {
    try await withEngine { engine in
      let verbatim = Mutex(0)
      _ = try await engine.run(
        request("p", maxTokens: 4, extra: #","logprobs":true,"top_logprobs":1"#)
      ) { event in
        if case .verbatim(let json) = event.content {
          let value = try JSONValue.parse(json)
          if value["logprobs"]?["content"]?.elements?.isEmpty == false {
            verbatim.withLock { $0 += 1 }
          }
        }
        return nil
      }
      #expect(verbatim.withLock { $0 } > 0)
    }
  }

  @Test("a prompt beyond the context is refused in the engine's words")
  func contextExceeded() async throws {
    try await withEngine { engine in
      let long = String(repeating: "a", count: 6000)
      let error = await #expect(throws: EngineError.self) {
        try await engine.run(request(long, maxTokens: 5)) { _ in }
      }
      guard case .refused(let status, let body) = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
      #expect(status == 400)
      #expect(body.isContextExceeded)
      #expect(body.message.contains("4096"))
    }
  }

  @Test("cancelling frees the slot long before the output would have ended")
  func cancels() async throws {
    try await withEngine { engine in
      let begun = ScriptedEngine.Gate()
      let before = try await engine.steps()
      let work = Task {
        try await engine.run(
          request("long", maxTokens: 4000, extra: #","ignore_eos":true"#)
        ) { _ in begun.open() }
      }
      await begun.pass()
      work.cancel()
      let error = await #expect(throws: EngineError.self) { try await work.value }
      guard case .cancelled = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
      // Each round asks the engine: there is nothing to wait on but its answers.
      while try await engine.busySlots() > 0 {}
      #expect(try await engine.steps() - before < 4000, "a step is a token at least")
    }
  }
}

extension OpenAICompatibleEngine {
  /// How many slots of a llama.cpp are at work.
  fileprivate func busySlots() async throws -> Int {
    let slots = try JSONValue.parse(try await answer("/slots")).elements ?? []
    return slots.count { $0["is_processing"] == .boolean(true) }
  }

  /// How many steps of decoding a llama.cpp has made.
  fileprivate func steps() async throws -> Int {
    let name = "llamacpp:n_decode_total "
    let lines = String(decoding: try await answer("/metrics"), as: UTF8.self).split(separator: "\n")
    let line = try #require(lines.first { $0.hasPrefix(name) })
    return try #require(Int(line.dropFirst(name.count)))
  }

  private func answer(_ path: String) async throws -> [UInt8] {
    try await ask(.GET, path).body
  }
}
