internal import ExchangeTypes
public import JobMarket

extension Planner {
  /// Tokens that a job has, or that a worker has of several jobs: what is still to be read and to be made at most.
  public struct Work: Hashable, Sendable {
    /// Of prompts, at most.
    public var prompt: UInt64
    /// Of output, as many as jobs of the model have on the average, or at most.
    public var output: UInt64

    /// Joins both.
    public init(prompt: UInt64 = 0, output: UInt64 = 0) {
      self.prompt = prompt
      self.output = output
    }

    /// What a bid stands for, if jobs of its model have so many output tokens on the average.
    public init(of bid: Bid, typicalOutput: UInt64? = nil) {
      self.init(
        prompt: bid.promptBound.rawValue,
        output: min(bid.outputMax.rawValue, typicalOutput ?? .max))
    }

    /// Both together; what no engine could ever have stays the most that there is.
    public static func + (left: Work, right: Work) -> Work {
      func sum(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let (sum, overflow) = left.addingReportingOverflow(right)
        return overflow ? .max : sum
      }
      return Work(
        prompt: sum(left.prompt, right.prompt), output: sum(left.output, right.output))
    }
  }

  /// The mean output of the jobs of each model that have completed, in tokens: the last one counts an eighth.
  struct OutputLengths: Sendable {
    private var means: [String: Double] = [:]

    /// How many models are remembered: suppliers may name as many as they like, and then none is for a while.
    static let modelsMax = 4_096

    /// A job of the model has completed with so many tokens.
    mutating func note(_ tokens: UInt64, of model: String) {
      if means.count >= Self.modelsMax, means[model] == nil { means = [:] }
      let old = means[model] ?? Double(tokens)
      means[model] = old + (Double(tokens) - old) / 8
    }

    /// The mean, at least one token; nil before the first job.
    subscript(model: String) -> UInt64? { means[model].map { UInt64(max(1, $0.rounded())) } }
  }

  /// How many bytes of a prompt a token of each model stands for: the mean over jobs that have completed, the last of which counts an
  /// eighth.
  ///
  /// What a template adds is counted as bytes, as it is in a prompt's bound: one divided by the other is what is meant. It says what is
  /// likely and holds no money; whoever it wrongs hears from the engine.
  struct BytesPerToken: Sendable {
    private var means: [String: Double] = [:]

    /// How many models are remembered, as in `OutputLengths`.
    static let modelsMax = OutputLengths.modelsMax
    /// Before jobs have shown it: fewer than common tokenizers have in common text.
    static let assumed = 2.0
    /// Beyond these nobody is believed: of a tokenizer of bytes it is one.
    static let range = 1.0...8.0
    /// A shorter prompt says more of its template than of the tokenizer.
    static let bytesMin: UInt64 = 1_024

    /// A job's prompt of so many bytes at most was so many tokens.
    mutating func note(bytes: UInt64, tokens: UInt64, of model: String) {
      guard bytes >= Self.bytesMin, tokens > 0 else { return }
      if means.count >= Self.modelsMax, means[model] == nil { means = [:] }
      let seen = Double(bytes) / Double(tokens)
      let old = means[model] ?? Self.assumed
      means[model] =
        old + (min(max(seen, Self.range.lowerBound), Self.range.upperBound) - old) / 8
    }

    /// How many tokens so many bytes likely are: never more than that.
    func tokens(in bytes: UInt64, of model: String) -> UInt64 {
      let tokens = (Double(bytes) / (means[model] ?? Self.assumed)).rounded(.up)
      return min(bytes, UInt64(exactly: tokens) ?? bytes)
    }
  }
}
