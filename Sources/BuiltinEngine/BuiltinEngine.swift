public import Engines
internal import Glibc
internal import NIOPosix
internal import OpenAIFormat
internal import NIOConcurrencyHelpers
internal import NIOCore

/// The engine inside the program: a small Llama on this machine's CPU.
///
/// Call `shutdown` when done with it.
public final class BuiltinEngine: Engine {
  /// The model.
  public let model: LlamaModel
  /// Its name in requests.
  public let modelName: String
  /// Tokens of prompt and output together in one stream.
  public let contextTokens: Int
  /// Streams at a time.
  public let slots: Int

  private let pool: NIOThreadPool
  private let states: NIOLockedValueBox<States>
  /// What the model's bytes are.
  private let digest = NIOLockedValueBox(DigestState.unknown)
  private let isStopping = NIOLockedValueBox(false)

  private enum DigestState {
    case unknown
    case underway
    case known(String)
  }

  private struct States {
    var free: [LlamaState] = []
    var inUse = 0
  }

  /// Streams at a time where nobody says.
  public static let slotsDefault = 4
  /// Streams at a time, at most.
  private static let slotsMax = 256
  /// The context where nobody says, if the model has more.
  private static let contextDefaultMax = 8_192
  /// The largest model that is read for its digest while the first probe waits: some tens of milliseconds.
  private static let hashedAtOnceMax = 64 << 20
  /// Bytes of the full caches of all streams.
  private static let cacheBytesMax = 16 << 30

  /// Reads the model of a file, or the one inside the program, and starts the threads.
  ///
  /// `threads` is how many, at most one for each slot; nil for half of the processors.
  ///
  /// - Throws: what is wrong with the model, or with what the specification asks of it.
  public convenience init(spec: EngineSpec, file: String?, threads: Int? = nil) throws(GGUFError) {
    let model = try LlamaModel(try file.map(ModelBytes.map) ?? .embedded)
    // A file's own name for its model may be any text; the file's name is what the operator sees.
    let fileName = file.map { path in
      let last = path.split(separator: "/").last.map(String.init) ?? path
      return GGUFError.plain(
        last.hasSuffix(".gguf") && last != ".gguf" ? String(last.dropLast(5)) : last)
    }
    try self.init(
      model, name: spec.model ?? fileName ?? model.name ?? "builtin",
      context: spec.contextTokens, slots: spec.slots, threads: threads)
  }

  /// Serves a model that has been read.
  ///
  /// - Throws: what is wrong with what is asked of it.
  public init(
    _ model: LlamaModel, name: String, context: Int? = nil, slots: Int? = nil, threads: Int? = nil
  ) throws(GGUFError) {
    let contextKey = "llama.context_length"
    let context = context ?? min(model.contextMax, Self.contextDefaultMax)
    guard context <= model.contextMax else {
      throw .metadata(
        key: contextKey, what: "context=\(context) is asked for; the model has \(model.contextMax)")
    }
    let slots = min(max(slots ?? Self.slotsDefault, 1), Self.slotsMax)
    let cache = model.cacheBytes(context: context)
    guard cache <= Self.cacheBytesMax / slots else {
      throw .metadata(
        key: contextKey,
        what: "\(slots) streams of \(context) tokens need \(cache >> 20) MiB each; "
          + "give a smaller context= or slots=")
    }
    self.model = model
    modelName = name
    contextTokens = context
    self.slots = slots
    let processors = max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
    pool = NIOThreadPool(numberOfThreads: min(slots, threads ?? max(1, processors / 2)))
    states = NIOLockedValueBox(States())
    pool.start()
  }

  /// Ends the threads; streams that run are cancelled.
  public func shutdown() async throws {
    isStopping.withLockedValue { $0 = true }
    try await pool.shutdownGracefully()
  }

  /// Says what it serves; it is ready from the start.
  ///
  /// Of a large model a later probe says the digest: it is read beside the streams.
  public func probe() async throws(EngineError) -> EngineStatus {
    EngineStatus(
      kind: .builtin,
      models: [
        EngineStatus.Model(
          name: modelName, contextTokens: contextTokens, digest: modelDigest())
      ], slots: slots)
  }

  /// The digest; nil while the model is still being read for it.
  private func modelDigest() -> String? {
    let mustRead = digest.withLockedValue { state -> Bool in
      guard case .unknown = state else { return false }
      state = .underway
      return true
    }
    if mustRead, model.source.bytes.count <= Self.hashedAtOnceMax {
      noteDigest()
    } else if mustRead {
      pool.submit { [self] work in
        if case .active = work { noteDigest() }
      }
    }
    return digest.withLockedValue { if case .known(let text) = $0 { text } else { nil } }
  }

  private func noteDigest() {
    guard let made = model.source.digest(unless: { isStopping.withLockedValue { $0 } }) else {
      return
    }
    digest.withLockedValue { $0 = .known(made) }
  }

  /// The request from ids, if they are the model's for the output.
  public func resuming(_ request: EngineRequest) async -> EngineRequest {
    guard let begun = request.begun, begun.parts.allSatisfy({ !$0.ids.isEmpty || $0.text.isEmpty })
    else { return request }
    let ids = begun.parts.flatMap(\.ids)
    guard ids.allSatisfy({ $0 < model.tokenizer.count }),
      ids.flatMap(model.tokenizer.text(of:)) == begun.text
    else { return request }
    return request.resumed(from: ids) ?? request
  }

  /// Runs a request; it waits its turn with the others, a step at a time.
  public func run(
    _ request: EngineRequest,
    onEvent: @escaping EngineSink
  ) async throws(EngineError) -> EngineEnd {
    let clock = ContinuousClock()
    let began = clock.now
    let asked = try GenerationRequest(request, model, context: contextTokens)
    let added = NIOLockedValueBox(0)
    let generation = try start(asked) { count in added.withLockedValue { $0 = count } }
    var firstEvent: Duration?
    let ending = await withTaskCancellationHandler { () -> Result<String, EngineError> in
      while true {
        let (events, ending) = await generation.next()
        for event in events {
          if firstEvent == nil { firstEvent = clock.now - began }
          do {
            guard let room = try onEvent(event) else { continue }
            // NIO's `get` does the same unchecked, and the thread sanitizer takes some of its turns for a race.
            try await withCheckedThrowingContinuation { continuation in
              room.whenComplete { continuation.resume(with: $0) }
            }
          } catch {
            generation.cancel()
            return .failure(.ended(by: error))
          }
        }
        switch ending {
        case .finished(let reason): return .success(reason)
        case .failed(let what): return .failure(.failed(EngineErrorBody(message: what)))
        case .cancelled: return .failure(.cancelled)
        case nil: continue
        }
      }
    } onCancel: {
      generation.cancel()
    }
    let reason = try ending.get()
    let count = added.withLockedValue { $0 }
    return EngineEnd(
      finishes: [EngineEnd.Finish(choice: 0, reason: reason)],
      usage: UsageReport(
        // As other engines count: what a resumed request was given again is prompt.
        promptTokens: asked.promptCount + (request.goesOnFromIDs ? request.generated.count : 0),
        completionTokens: count),
      hasAllTokenIDs: true, promptTokenIDs: asked.prompt, tokenCount: count,
      timing: EngineEnd.Timing(firstEvent: firstEvent, total: clock.now - began))
  }

  private func start(
    _ request: GenerationRequest, _ note: @escaping @Sendable (Int) -> Void
  ) throws(EngineError) -> Generation {
    let taken = states.withLockedValue { states -> Taken? in
      guard states.inUse < slots else { return nil }
      states.inUse += 1
      return Taken(state: states.free.popLast() ?? LlamaState(model, context: contextTokens))
    }
    guard let taken else {
      throw .busy(
        retryAfter: nil, EngineErrorBody(message: "all \(slots) slots are taken"))
    }
    let generation = Generation(TokenStream(request, taken.state), pool: pool) { [self] count in
      note(count)
      states.withLockedValue { states in
        states.inUse -= 1
        states.free.append(taken.state)
      }
    }
    generation.start()
    return generation
  }

  /// A state on its way to the one stream that uses it: never shared while that runs.
  private struct Taken: @unchecked Sendable {
    let state: LlamaState
  }
}
