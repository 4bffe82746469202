internal import OpenAIFormat

/// Turns the bytes of an engine's stream into events, and decides how the stream ended.
///
/// States: *open* (no terminal seen) → *done* (`[DONE]` came; everything later is ignored) or *flawed*. The end of the
/// bytes is a proper end if done, or if each expected choice has given its finish reason; anything else is
/// a cut stream and never a success.
struct StreamReader {
  private var scanner = SSEScanner()
  /// What most chunks of this stream have in common; of the last that was parsed.
  private var pattern: ChunkPattern?
  private var choices: [Int: ChoiceState] = [:]
  private let sequences: Int
  private var usage: UsageReport?
  /// Where it is said beside the usage.
  private var cachedTokens: Int?
  private var promptTokenIDs: [UInt32]?
  private var tokenCount = 0
  private var eventsWithoutIDs = 0
  private var eventsWithIDs = 0
  private var beginning: [UInt8] = []
  private var bytesWithoutEvent = 0
  private var sawEvent = false
  /// `[DONE]` has come.
  private(set) var isDone = false
  /// Why the stream is none, or failed; all that came before it has been given.
  private(set) var flaw: EngineError?

  /// An engine that sends this much and no event does not speak SSE.
  private static let silenceBytesMax = 1 << 20
  /// More answers than any request may ask for.
  private static let choicesMax = 4096

  /// What vLLM and SGLang say of an answer that they leave unfinished: at a shutdown, or when somebody ends it there.
  private static let givingUp: Set = ["abort", "error"]

  private struct ChoiceState {
    var text = UTF8Assembler()
    var reasoning = UTF8Assembler()
    /// Tokens whose characters are not complete yet.
    var pendingIDs: [UInt32] = []
    var pendingCount = 0
    /// Whether the ids of all pending tokens are there.
    var isPendingWhole = true
    /// The engine's own running count for this choice.
    var counted = 0
    var finishReason: String?
  }

  /// Expects this many answers.
  init(sequences: Int) { self.sequences = sequences }

  /// Takes bytes and gives the events they complete, neighbours of one kind joined.
  mutating func read(_ bytes: [UInt8]) -> [EngineEvent] {
    guard flaw == nil else { return [] }
    if beginning.count < 128 { beginning += bytes.prefix(128 - beginning.count) }
    scanner.append(bytes)
    bytesWithoutEvent += bytes.count
    var events: [EngineEvent] = []
    do {
      while true {
        if let pattern, let text = scanner.next(like: pattern) {
          if !isDone { try take(pattern.choice(with: text), of: pattern.chunk, &events) }
        } else if let event = try scanner.next() {
          try take(event, &events)
        } else {
          break
        }
        bytesWithoutEvent = 0
        sawEvent = true
      }
    } catch {
      flaw = error as? EngineError ?? .garbage("an event larger than 4 MiB")
    }
    if bytesWithoutEvent > Self.silenceBytesMax { flaw = flaw ?? .garbage(notEvents) }
    return events
  }

  /// Ends the stream: gives the last events and how it ended, or why it is no proper end.
  mutating func finish(
    timing: EngineEnd.Timing
  ) throws(EngineError) -> (events: [EngineEvent], end: EngineEnd) {
    var events: [EngineEvent] = []
    let last = try? scanner.finish()
    if !isDone, let last {
      // A last event without its blank line counts if it is whole; half of one is a cut stream.
      do { try take(last, &events) } catch .garbage { throw truncated() }
    }
    guard sawEvent || last != nil else {
      throw beginning.isEmpty
        ? .truncated("it ended before its first event") : .garbage(notEvents)
    }
    let finished = choices.values.count { $0.finishReason != nil }
    guard isDone || (finished >= sequences && finished == choices.count) else {
      throw truncated()
    }
    for index in choices.keys.sorted() { flush(index, &events) }
    let finishes = choices.keys.sorted().compactMap { index in
      choices[index]?.finishReason.map { EngineEnd.Finish(choice: index, reason: $0) }
    }
    var usage = usage
    if usage?.cachedTokens == nil { usage?.cachedTokens = cachedTokens }
    let end = EngineEnd(
      finishes: finishes, usage: usage, hasAllTokenIDs: eventsWithIDs > 0 && eventsWithoutIDs == 0,
      promptTokenIDs: promptTokenIDs, tokenCount: tokenCount, timing: timing)
    return (events, end)
  }

  private func truncated() -> EngineError {
    .truncated("it ended after \(tokenCount) tokens with neither a finish reason nor [DONE]")
  }

  private var notEvents: String {
    "not an event stream; it begins with \(String(reflecting: String(decoding: beginning, as: UTF8.self)))"
  }

  private mutating func take(_ event: SSEEvent, _ events: inout [EngineEvent]) throws(EngineError) {
    guard !isDone else { return }
    if event.isDone {
      isDone = true
      return
    }
    let chunk: StreamChunk
    do {
      let (parsed, pattern) = try StreamChunk.parse(learning: event.data)
      chunk = parsed
      if let pattern { self.pattern = pattern }
    } catch {
      let start = String(decoding: event.data.prefix(128), as: UTF8.self)
      throw .garbage("\(error) of an event that begins with \(String(reflecting: start))")
    }
    if let error = chunk.error { throw .failed(error) }
    if event.name.elementsEqual("error".utf8) { throw .failed(EngineErrorBody.parse(event.data)) }
    if let usage = chunk.usage { self.usage = usage }
    if let cached = chunk.cachedTokens { cachedTokens = cached }
    if let ids = chunk.promptTokenIDs { promptTokenIDs = ids }
    for choice in chunk.choices { try take(choice, of: chunk, &events) }
  }

  private mutating func take(
    _ chunk: StreamChunk.Choice, of whole: StreamChunk, _ events: inout [EngineEvent]
  ) throws(EngineError) {
    guard choices[chunk.index] != nil || choices.count < Self.choicesMax else {
      throw .garbage("more than \(Self.choicesMax) choices")
    }
    var state = choices[chunk.index] ?? ChoiceState()
    // Read and put back, rather than held: the writes below are to other fields of self.
    defer { choices[chunk.index] = state }
    let hasOutput = !chunk.text.isEmpty || !chunk.reasoning.isEmpty || chunk.verbatim != nil

    // The engine's running count: per choice from llama.cpp, over all from vLLM, so of use with one only.
    let running = whole.generatedTokens ?? (sequences == 1 ? whole.usage?.completionTokens : nil)
    if let ids = chunk.tokenIDs {
      // llama.cpp leaves out the ids of tokens that end inside a character; its running count tells how many.
      let count = whole.generatedTokens.map { max(ids.count, $0 - state.counted) } ?? ids.count
      state.pendingIDs += ids
      state.pendingCount += count
      if count != ids.count { state.isPendingWhole = false }
      if let counted = whole.generatedTokens { state.counted = max(state.counted, counted) }
    } else if let running, running > state.counted {
      if hasOutput { state.pendingCount += running - state.counted }
    } else if hasOutput, running == nil {
      state.pendingCount += 1
    }
    if let running, hasOutput { state.counted = max(state.counted, running) }
    let gaveIDs = chunk.tokenIDs != nil

    if !chunk.reasoning.isEmpty {
      let bytes = state.reasoning.append(chunk.reasoning)
      if !bytes.isEmpty { emit(.reasoning(bytes), chunk.index, &state, gaveIDs, &events) }
    }
    if !chunk.text.isEmpty {
      let bytes = state.text.append(chunk.text)
      if !bytes.isEmpty { emit(.text(bytes), chunk.index, &state, gaveIDs, &events) }
    }
    if let verbatim = chunk.verbatim {
      emit(.verbatim(verbatim), chunk.index, &state, gaveIDs, &events)
    }
    if let reason = chunk.finishReason {
      guard !Self.givingUp.contains(reason) else {
        throw .failed(
          EngineErrorBody(
            message: "the engine gave the answer up (finish_reason \"\(reason)\")", type: reason))
      }
      state.finishReason = reason
    }
  }

  private mutating func emit(
    _ content: EngineEvent.Content, _ choice: Int, _ state: inout ChoiceState, _ gaveIDs: Bool,
    _ events: inout [EngineEvent]
  ) {
    let isWhole = gaveIDs && state.isPendingWhole
    let event = EngineEvent(
      choice: choice, content: content, tokenIDs: isWhole ? state.pendingIDs : nil,
      tokenCount: state.pendingCount)
    if isWhole { eventsWithIDs += 1 } else { eventsWithoutIDs += 1 }
    tokenCount += state.pendingCount
    state.pendingIDs = []
    state.pendingCount = 0
    state.isPendingWhole = true
    if let last = events.indices.last, events[last].merge(event) { return }
    events.append(event)
  }

  /// At the end: a character that never came whole, and ids of tokens that print nothing.
  private mutating func flush(_ index: Int, _ events: inout [EngineEvent]) {
    guard var state = choices[index] else { return }
    let gaveIDs = !state.pendingIDs.isEmpty
    let reasoning = state.reasoning.finish()
    if !reasoning.isEmpty { emit(.reasoning(reasoning), index, &state, gaveIDs, &events) }
    let text = state.text.finish()
    if !text.isEmpty || !state.pendingIDs.isEmpty {
      emit(.text(text), index, &state, gaveIDs, &events)
    }
    choices[index] = state
  }
}
