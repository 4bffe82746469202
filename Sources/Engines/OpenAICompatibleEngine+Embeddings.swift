internal import NIOCore
internal import NIOHTTP1
internal import OpenAIFormat

// Embeddings: a job's inputs are asked for some at a time, and handed on when all are there. So a job whose engine or worker is lost
// meanwhile has no output yet, and is run elsewhere from its beginning.
extension OpenAICompatibleEngine {
  /// Inputs of one question: enough for an engine's batch, and as many as the strictest takes (TEI, unless told otherwise).
  static let inputsPerQuestion = 32
  /// Bytes of one answer: 32 vectors of 8,192 numbers in decimals, and half as much again.
  private static let vectorsBytesMax = 8 << 20
  /// Bytes of all vectors of a job, as float32: a thousand of 4,096 numbers.
  static let jobBytesMax = 16 << 20

  /// Runs a request for embeddings: one event for each input, in their order.
  func embed(
    _ request: EngineRequest, _ onEvent: EngineSink
  ) async throws(EngineError) -> EngineEnd {
    guard let wanted = request.embedded, let address = request.address else {
      throw .unfit("a request for embeddings goes to an engine by its address")
    }
    let clock = ContinuousClock()
    let start = clock.now
    let vectors = try await vectors(for: wanted, address)
    let first = clock.now
    for (place, vector) in vectors.all.enumerated() {
      let event = EngineEvent(
        choice: place, content: .vector(vector), tokenIDs: nil, tokenCount: 0,
        promptTokens: vectors.tokens)
      do {
        try await onEvent(event)?.get()
      } catch {
        throw .ended(by: error)
      }
    }
    return EngineEnd(
      finishes: [.init(choice: 0, reason: "stop")],
      usage: vectors.tokens.map { UsageReport(promptTokens: $0, completionTokens: 0) },
      hasAllTokenIDs: false, promptTokenIDs: nil, tokenCount: 0,
      timing: .init(firstEvent: start.duration(to: first), total: start.duration(to: clock.now)))
  }

  /// The vectors of all inputs, and how many tokens these are if the engine has said it of each.
  private func vectors(
    for wanted: InferenceRequest, _ address: EngineRequest.Address
  ) async throws(EngineError) -> (all: [[UInt8]], tokens: Int?) {
    var all: [[UInt8]] = []
    var tokens: Int? = 0
    while all.count < wanted.sequences {
      let end = min(all.count + Self.inputsPerQuestion, wanted.sequences)
      let list = try await ask(for: all.count..<end, of: wanted, address)
      guard let bytes = list.vectors.first?.count, bytes == all.first?.count ?? bytes else {
        throw .garbage("vectors that are not all of one length")
      }
      try Self.check(bytes / 4, against: wanted)
      all += list.vectors
      let (sum, overflow) = (tokens ?? 0).addingReportingOverflow(list.promptTokens ?? 0)
      guard !overflow else { throw .garbage("more tokens than there can be") }
      tokens = tokens == nil || list.promptTokens == nil ? nil : sum
    }
    return (all, tokens)
  }

  /// Whether vectors of so many numbers are what was asked for, and fit into an answer.
  private static func check(
    _ numbers: Int, against wanted: InferenceRequest
  ) throws(EngineError) {
    if let dimensions = wanted.dimensions, dimensions != numbers {
      throw .unfit(
        "the engine gives vectors of \(numbers) numbers whatever 'dimensions' asks for, and it asks "
          + "for \(dimensions): leave it out")
    }
    let bytes = wanted.sequences * numbers * 4
    guard bytes <= jobBytesMax else {
      throw .oversized(
        "\(wanted.sequences) vectors of \(numbers) numbers are \(bytes) bytes, and an answer holds "
          + "\(jobBytesMax): send fewer inputs at a time")
    }
  }

  private func ask(
    for part: Range<Int>, of wanted: InferenceRequest, _ address: EngineRequest.Address
  ) async throws(EngineError) -> EmbeddingList {
    let (route, body) = try Self.question(for: part, of: wanted, address)
    let (head, bytes) = try await answer(
      to: OutgoingRequest(method: .POST, path: route, body: body),
      AnswerReading.Limits(
        bytesMax: Self.vectorsBytesMax, time: limits.firstEvent,
        expiry: .slow(.firstEvent(limits.firstEvent))))
    guard head.status == .ok else { throw Self.refusal(head, bytes) }
    do throws(EmbeddingList.Flaw) {
      return try EmbeddingList.parse(bytes, count: part.count)
    } catch {
      throw .garbage("\(error)")
    }
  }

  /// Fields that Ollama's own route has, or that say nothing to an engine.
  private static let ollamaFields: Set<String> = [
    "model", "input", "dimensions", "encoding_format", "user", "stream",
  ]

  /// What a kind of engine is asked, and where.
  ///
  /// llama.cpp and vLLM write base64, a third of the bytes. Ollama's OpenAI route cuts a long input without a word; its own can be
  /// told not to, and has no place for other fields.
  static func question(
    for part: Range<Int>, of wanted: InferenceRequest, _ address: EngineRequest.Address
  ) throws(EngineError) -> (route: String, body: [UInt8]) {
    guard address.kind == .ollama else {
      let isTerse = address.kind == .llamaCpp || address.kind == .vLLM
      return (
        wanted.endpoint.rawValue,
        wanted.embedding(part, model: address.model, encoding: isTerse ? .base64 : .float)
      )
    }
    if let other = wanted.fieldNames.first(where: { !ollamaFields.contains($0) }) {
      throw .unfit("Ollama has no '\(other)' for embeddings: leave it out")
    }
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("model")
    writer.string(address.model)
    writer.key("input")
    writer.verbatim(wanted.list(of: part))
    writer.key("truncate")
    writer.boolean(false)
    if let dimensions = wanted.dimensions {
      writer.key("dimensions")
      writer.integer(dimensions)
    }
    writer.endObject()
    return ("/api/embed", writer.bytes)
  }
}
