internal import CKernels
internal import Engines

/// One output, a step at a time: passes what is not yet passed, then chooses a token.
///
/// It knows no thread and no clock.
///
/// ```
/// prompt (a few tokens a step) ──► token ──► token … ──► end token, stop string: stop
///                                                   ├──► limit, context full:    length
///                                                   └──► no number:              failure
/// ```
/// What it gives depends on the model and the request alone. It may be handed from thread to thread, one
/// at a time.
final class TokenStream {
  /// What a step made.
  struct Step {
    var event: EngineEvent?
    /// Why the output has ended, if it has: stop or length.
    var finish: String?
    /// What is wrong with the model, if no output can come of it.
    var failure: String?
  }

  private let model: LlamaModel
  private let request: GenerationRequest
  private let state: LlamaState
  private let candidates: UnsafeMutablePointer<ck_candidate>
  private var text: OutputText
  /// Tokens to pass before the next can be chosen.
  private var pending: ArraySlice<UInt32>
  /// Tokens of the output, those before this stream included.
  private var outputCount: Int
  /// Tokens that this stream has added.
  private(set) var addedCount = 0

  /// Starts from the request's prompt and what is already there.
  ///
  /// - Precondition: `state` is of the same model, and the request fits its context.
  init(_ request: GenerationRequest, _ state: LlamaState) {
    model = state.model
    self.request = request
    self.state = state
    state.reset()
    candidates = .allocate(capacity: model.shape.vocabulary)
    text = OutputText(stops: request.stop)
    pending = (request.prompt + request.generated)[...]
    outputCount = request.generated.count
  }

  deinit { candidates.deallocate() }

  /// Does the next piece of work: at most `LlamaState.passMax` tokens of the prompt, or one of output.
  func step() -> Step {
    let part = pending.prefix(LlamaState.passMax)
    pending = pending.dropFirst(part.count)
    state.pass(part, wantsLogits: pending.isEmpty)
    guard pending.isEmpty else { return Step() }
    let token = request.sampling.token(
      from: state.logits, at: outputCount, scratch: candidates)
    // Weights are not read one by one at the start: what is no number shows here, and must not be billed.
    guard state.logits[Int(token)].isFinite else {
      return Step(failure: "the model computes what is no number: its weights are damaged")
    }
    if model.tokenizer.ends.contains(token) { return end("stop", text.finish()) }
    outputCount += 1
    addedCount += 1
    let (piece, isStopped) = text.append(token, model.tokenizer.text(of: token))
    if isStopped { return end("stop", piece) }
    // The token that was chosen takes a place of the context too.
    if addedCount == request.maxTokens || state.count + 1 >= state.context {
      var last = piece ?? OutputText.Piece(text: [], ids: [])
      if let rest = text.finish() {
        last.text += rest.text
        last.ids += rest.ids
      }
      return end("length", last)
    }
    pending = [token]
    return Step(event: piece.map(event))
  }

  private func end(_ reason: String, _ piece: OutputText.Piece?) -> Step {
    let piece = piece.flatMap { $0.ids.isEmpty ? nil : $0 }
    return Step(event: piece.map(event), finish: reason)
  }

  private func event(_ piece: OutputText.Piece) -> EngineEvent {
    EngineEvent(
      choice: 0, content: .text(piece.text), tokenIDs: piece.ids, tokenCount: piece.ids.count)
  }
}
