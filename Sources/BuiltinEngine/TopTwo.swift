internal import CKernels

/// The two most likely tokens after a prefix, with their logits.
public struct TopTwo: Hashable, Sendable {
  /// The most likely token.
  public let first: UInt32
  /// Its logit.
  public let firstLogit: Float
  /// The next.
  public let second: UInt32
  /// Its logit.
  public let secondLogit: Float
}

extension LlamaModel {
  /// What the model would say after each prefix of `tokens`, whatever comes next in fact (teacher forcing).
  ///
  /// `kernels` is the level of the kernels, such as `CK_PORTABLE`; nil for the CPU's best.
  ///
  /// - Precondition: the tokens are in the vocabulary, and fit the context.
  public func topTwo(afterEachOf tokens: [UInt32], kernels: Int32? = nil) -> [TopTwo] {
    let state = LlamaState(self, context: tokens.count, level: kernels ?? ck_level_best())
    return tokens.map { token in
      state.pass(CollectionOfOne(token))
      let logits = state.logits
      let first = ck_largest(logits.baseAddress, logits.count)
      var second = first == 0 ? 1 : 0
      for index in logits.indices where index != first && logits[index] > logits[second] {
        second = index
      }
      return TopTwo(
        first: UInt32(first), firstLogit: logits[first], second: UInt32(second),
        secondLogit: logits[second])
    }
  }

  /// The tokens of a text, with what starts every prompt.
  public func tokens(of text: String) -> [UInt32] { tokens(of: [.text(text)]) }
}
