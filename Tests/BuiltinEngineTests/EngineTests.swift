import CKernels
import Engines
import OpenAIFormat
import Testing

@testable import BuiltinEngine

@Suite("The built-in engine")
struct EngineTests {
  static let prompt: [UInt32] = [1, 270, 271, 290, 265, 280, 3, 77, 281, 282]

  static let manners = [
    #","max_tokens":40,"temperature":0"#,
    #","max_tokens":40,"temperature":1.3,"top_p":0.9,"top_k":50,"seed":77"#,
  ]

  private func engine(
    slots: Int = 4, threads: Int = 2, _ change: (inout SampleLlama) -> Void = { _ in }
  ) throws -> BuiltinEngine {
    try BuiltinEngine(Samples.model(change), name: "m", slots: slots, threads: threads)
  }

  @Test("an output goes on exactly from the prompt and any number of its ids", arguments: manners)
  func continuation(manner: String) async throws {
    let engine = try engine { $0.weights = .q8Block }
    let whole = try await engine.output(Samples.completion(Self.prompt, manner))
    #expect(whole.ids.count == 40 && Set(whole.ids).count > 3 && whole.reason == "length")
    for count in [1, 7, 20, 39] {
      let known = Array(whole.ids.prefix(count))
      let rest = manner.replacing("\"max_tokens\":40", with: "\"max_tokens\":\(40 - count)")
      let tail = try await engine.output(
        Samples.completion(Self.prompt, rest, generated: known))
      #expect(known + tail.ids == whole.ids)
      let end = try #require(
        try await engine.run(Samples.completion(Self.prompt, rest, generated: known)) { _ in }.usage
      )
      #expect(end.completionTokens == 40 - count && end.promptTokens == Self.prompt.count)
    }
    try await engine.shutdown()
  }

  @Test("an answer goes on from its ids where they stand for its text, sampled ones too")
  func continuedIDs() async throws {
    let engine = try BuiltinEngine(spec: EngineSpec(place: .builtin(file: nil)), file: nil)
    let asked = try InferenceRequest.parse(
      body: Array(
        #"{"model":"m","messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":24,"seed":11}"#
          .utf8), endpoint: .chatCompletions)
    let whole = try await engine.output(
      EngineRequest(asked, model: "m", maxTokens: 24, kind: .builtin))
    let begun = try await engine.output(
      EngineRequest(asked, model: "m", maxTokens: 9, kind: .builtin))
    let longer = try InferenceRequest.parse(
      body: #require(asked.continuing(Array(begun.text.utf8))), endpoint: .chatCompletions)
    func resuming(_ ids: [UInt32]) async -> EngineRequest {
      var request = EngineRequest(
        longer, model: "m", maxTokens: 24 - begun.ids.count, kind: .builtin, goesOn: true)
      request.begun = BegunOutput(
        endOf: longer, in: [(bytes: begun.text.utf8.count, tokens: ids.count, ids: ids)])
      return await engine.resuming(request)
    }
    let resumed = await resuming(begun.ids)
    #expect(resumed.goesOnFromIDs)
    let rest = try await engine.output(resumed)
    #expect(begun.text + rest.text == whole.text && begun.ids + rest.ids == whole.ids)
    #expect(await !resuming(begun.ids.reversed()).goesOnFromIDs)
    #expect(await !resuming([.max]).goesOnFromIDs)
    try await engine.shutdown()
  }

  @Test("an answer goes on from its text, as a last message of the assistant, where tokens agree")
  func continuedText() async throws {
    let engine = try BuiltinEngine(spec: EngineSpec(place: .builtin(file: nil)), file: nil)
    func body(_ begun: String, _ tokens: Int) -> EngineRequest {
      let message = #"{"role":"user","content":"Tell me a story."}"#
      let messages =
        begun.isEmpty ? message : message + #",{"role":"assistant","content":"\#(begun)"}"#
      return Samples.request(
        #"{"model":"m","messages":[\#(messages)],"max_tokens":\#(tokens),"seed":11}"#,
        endpoint: .chatCompletions)
    }
    let whole = try await engine.output(body("", 24))
    let begun = try await engine.output(body("", 9)).text
    let tokenizer = engine.model.tokenizer
    let ids = tokenizer.tokens(of: Array(begun.utf8), isFirst: false)
    try #require(whole.ids.starts(with: ids) && !begun.isEmpty)
    let rest = try await engine.output(body(begun.replacing("\n", with: "\\n"), 24 - ids.count))
    #expect(begun + rest.text == whole.text && ids + rest.ids == whole.ids)
    try await engine.shutdown()
  }

  @Test("an output is the same whatever runs beside it, in whatever order, on however many threads")
  func neighbours() async throws {
    let alone = try engine(slots: 1, threads: 1)
    var expected: [Int: Output] = [:]
    func request(_ seed: Int) -> EngineRequest {
      Samples.completion(
        Array(Self.prompt.prefix(3 + seed)), #","max_tokens":24,"temperature":1,"seed":\#(seed)"#)
    }
    for seed in 0..<6 { expected[seed] = try await alone.output(request(seed)) }
    #expect(Set(expected.values.map(\.text)).count > 1)
    let crowded = try engine(slots: 6, threads: 3)
    try await withThrowingTaskGroup(of: (Int, Output).self) { group in
      for seed in 0..<6 { group.addTask { (seed, try await crowded.output(request(seed))) } }
      for try await (seed, output) in group { #expect(output == expected[seed]) }
    }
    try await alone.shutdown()
    try await crowded.shutdown()
  }

  @Test(
    "the portable kernels say the same, to the bit, in every kind of weights and shape",
    arguments: SampleLlama.Weights.allCases)
  func levels(weights: SampleLlama.Weights) throws {
    let model = try Samples.model {
      $0.weights = weights
      $0.heads = 6
      $0.keyHeads = 2
      $0.headSize = weights == .q8Block ? 16 : 10
      $0.isUntied = true
    }
    let best = model.topTwo(afterEachOf: Self.prompt)
    #expect(model.topTwo(afterEachOf: Self.prompt, kernels: Int32(CK_PORTABLE)) == best)
    #expect(Set(best.map(\.first)).count > 1)
  }

  @Test("a pass of many tokens leaves what passes of one would")
  func passes() throws {
    let model = try Samples.model()
    let (many, single) = (LlamaState(model, context: 16), LlamaState(model, context: 16))
    many.pass(Self.prompt.prefix(7))
    many.pass(Self.prompt[7...])
    for token in Self.prompt { single.pass(CollectionOfOne(token)) }
    #expect(many.logits.map(\.bitPattern) == single.logits.map(\.bitPattern))
  }

  @Test("a stop string ends the text before it, with every token counted")
  func stops() async throws {
    let engine = try engine()
    let whole = try await engine.output(
      Samples.completion(Self.prompt, #","max_tokens":40,"temperature":0"#))
    let letters = whole.text.unicodeScalars.filter { $0.value > 0x40 && $0.value < 0x7f }
    let stop = String(try #require(letters.dropFirst(2).first))
    let cut = try await engine.output(
      Samples.completion(Self.prompt, #","max_tokens":40,"temperature":0,"stop":["\#(stop)"]"#))
    #expect(cut.reason == "stop" && !cut.text.contains(stop) && whole.text.hasPrefix(cut.text))
    #expect(whole.ids.starts(with: cut.ids) && cut.ids.count < whole.ids.count)
    try await engine.shutdown()
  }

  @Test(
    "a prompt that fills the context is refused as an HTTP engine would; an output ends with it")
  func context() async throws {
    let engine = try BuiltinEngine(Samples.model(), name: "m", context: 16, slots: 1)
    do {
      _ = try await engine.output(Samples.completion([UInt32](repeating: 5, count: 16)))
      Issue.record("a prompt of 16 tokens was taken")
    } catch let error as EngineError {
      guard case .refused(400, let body) = error else { throw error }
      #expect(body.isContextExceeded)
    }
    let output = try await engine.output(
      Samples.completion(Self.prompt, #","temperature":0,"ignore_eos":false"#))
    #expect(output.reason == "stop" || Self.prompt.count + output.ids.count == 16)
    // Cut anywhere, it goes on to the same end: never a token more, never a refusal.
    for cut in 1..<output.ids.count {
      let rest = try await engine.output(
        Samples.completion(
          Self.prompt, #","temperature":0,"ignore_eos":false"#,
          generated: Array(output.ids.prefix(cut))))
      #expect(rest.ids == Array(output.ids.dropFirst(cut)) && rest.reason == output.reason)
    }
    try await engine.shutdown()
  }

  @Test("weights that are no numbers are the engine's failure, not an empty answer")
  func damagedWeights() async throws {
    let model = try LlamaModel(
      ModelBytes(copying: try GGUFTests.damaged("blk.0.ffn_down.weight")))
    let engine = try BuiltinEngine(model, name: "m", slots: 1)
    await #expect {
      _ = try await engine.output(Samples.completion(Self.prompt))
    } throws: {
      if case EngineError.failed(let body) = $0 {
        body.message.contains("no number")
      } else {
        false
      }
    }
    try await engine.shutdown()
  }

  @Test(
    "what it cannot do is refused by name",
    arguments: [
      (#""tools":[{"type":"function"}]"#, "tools"), (#""n":2"#, "n"),
      (#""logprobs":true"#, "logprobs"),
      (#""response_format":{"type":"json_object"}"#, "response_format"),
      (#""presence_penalty":0.5"#, "presence_penalty"), (#""logit_bias":{"5":1}"#, "logit_bias"),
      (#""chat_template":"x""#, "chat_template"), (#""invented":1"#, "invented"),
    ])
  func unsupported(field: String, name: String) async throws {
    guard case .unfit(let words) = try await refusal(field) else {
      Issue.record("\(field) was taken, or refused as malformed")
      return
    }
    #expect(words.hasPrefix("'\(name)'"))
  }

  @Test(
    "a value that it cannot take is refused by the field's name",
    arguments: [
      (#""temperature":-1"#, "temperature"), (#""top_p":0"#, "top_p"), (#""top_k":1.5"#, "top_k"),
    ])
  func refusals(field: String, name: String) async throws {
    guard case .refused(400, let body) = try await refusal(field) else {
      Issue.record("\(field) was taken")
      return
    }
    #expect(body.param == name && body.message.contains(name))
  }

  private func refusal(_ field: String) async throws -> EngineError? {
    let engine = try engine()
    let body = #"{"model":"m","messages":[{"role":"user","content":"hello"}],\#(field)}"#
    var refusal: EngineError?
    do throws(EngineError) {
      _ = try await engine.run(Samples.request(body, endpoint: .chatCompletions)) { _ in }
    } catch {
      refusal = error
    }
    try await engine.shutdown()
    return refusal
  }

  @Test("fields that ask for what happens anyway are taken")
  func neutral() async throws {
    let engine = try engine()
    let body = #"""
      {"model":"m","messages":[{"role":"user","content":"hello"}],"n":1,"tools":[],"logprobs":false,
      "response_format":{ "type": "text" },"presence_penalty":0,"user":"u","tool_choice":null,
      "functions":[],"function_call":"none","max_tokens":2}
      """#
    let output = try await engine.output(Samples.request(body, endpoint: .chatCompletions))
    #expect(output.ids.count <= 2)
    try await engine.shutdown()
  }

  @Test("one request too many is busy, not queued; cancelling frees the slot")
  func slots() async throws {
    let engine = try engine(slots: 1, threads: 1)
    // An output that is longer than what waits for a consumer: a shorter one is made, and its slot free, without one.
    var long = Samples.completion(Self.prompt)
    for seed in 1... {
      long = Samples.completion(Self.prompt, #","temperature":1,"max_tokens":100,"seed":\#(seed)"#)
      if try await engine.output(long).ids.count == 100 { break }
    }
    let (begun, signal) = AsyncStream.makeStream(of: Void.self)
    let first = Task { [long] in
      try await engine.run(long) { _ in
        signal.yield()
        try await Task.sleep(for: .seconds(600))
      }
    }
    var starts = begun.makeAsyncIterator()
    await starts.next()
    do {
      _ = try await engine.run(Samples.completion(Self.prompt)) { _ in }
      Issue.record("a second request was taken")
    } catch {
      guard case .busy = error else { throw error }
    }
    first.cancel()
    await #expect(throws: EngineError.self) { try await first.value }
    // The step that was running may still hold the slot for a moment.
    while true {
      do {
        _ = try await engine.output(Samples.completion(Self.prompt, #","max_tokens":1"#))
        break
      } catch EngineError.busy {
        await Task.yield()
      }
    }
    try await engine.shutdown()
  }

  @Test("a consumer that takes nothing stops the stream, and nothing is lost when it goes on")
  func backpressure() async throws {
    let engine = try engine { $0.context = 512 }
    let request = Samples.completion(
      Self.prompt, #","max_tokens":400,"temperature":1.5,"top_k":0,"top_p":1"#)
    let whole = try await engine.output(request)
    let collector = Collector()
    _ = try await engine.run(request) { event in
      if await collector.events.isEmpty { try await Task.sleep(for: .milliseconds(30)) }
      await collector.add(event)
    }
    #expect(await collector.events.flatMap { $0.tokenIDs ?? [] } == whole.ids)
    try await engine.shutdown()
  }

  @Test("what is asked of a model that it does not have is refused at the start")
  func starts() throws {
    #expect(throws: GGUFError.self) {
      try BuiltinEngine(Samples.model(), name: "m", context: 129)
    }
    let spec = try EngineSpec.parse("builtin:/nonexistent.gguf,slots=2")
    guard case .builtin(let file) = spec.place else {
      Issue.record("\(spec)")
      return
    }
    #expect(throws: GGUFError.self) { try BuiltinEngine(spec: spec, file: file) }
  }

  @Test("the model inside the program answers a chat")
  func embedded() async throws {
    let engine = try BuiltinEngine(spec: EngineSpec(place: .builtin(file: nil)), file: nil)
    let body =
      #"{"model":"m","messages":[{"role":"user","content":"Tell me a story."}],"max_tokens":20}"#
    let output = try await engine.output(Samples.request(body, endpoint: .chatCompletions))
    #expect(!output.ids.isEmpty)
    let status = try await engine.probe()
    #expect(status.kind == .builtin && status.models.count == 1 && status.slots == 4)
    #expect(status.models[0].digest == engine.model.source.digest())
    // FIPS 180-4's example.
    #expect(
      ModelBytes(copying: Array("abc".utf8)).digest()
        == "gguf-sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    try await engine.shutdown()
  }
}
