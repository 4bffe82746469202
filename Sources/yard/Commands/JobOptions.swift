internal import ArgumentParser
internal import ExchangeTypes
internal import OpenAIFormat
internal import WireProtocol

/// The classes of jobs as options name them.
enum ClassName: String, ExpressibleByArgument, CaseIterable {
  case interactive, `default`, batch

  /// What a request says for it; nil for what it says nothing for.
  var tier: ServiceTier? {
    switch self {
    case .interactive: .priority
    case .default: nil
    case .batch: .flex
    }
  }
}

/// What a job asks for: shared by `run` and `submit`.
struct JobOptions: ParsableArguments {
  @Option(name: .shortAndLong, help: "The model; yard models lists them.")
  var model: String
  @Option(help: "The system message.")
  var system: String?
  @Option(help: ArgumentHelp("The most tokens to generate.", valueName: "n"))
  var maxTokens: Int?
  @Option(help: ArgumentHelp("The sampling temperature.", valueName: "t"))
  var temperature: Double?
  @Option(help: ArgumentHelp("The sampling seed.", valueName: "n"))
  var seed: Int?
  @Option(help: ArgumentHelp("A string that ends the output; may be given again.", valueName: "s"))
  var stop: [String] = []
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most credits per million prompt tokens.", valueName: "credits"),
    transform: Amount.price)
  var maxInputPrice: Price?
  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Most credits per million output tokens.", valueName: "credits"),
    transform: Amount.price)
  var maxOutputPrice: Price?
  @OptionGroup var request: RequestOptions
  @Option(
    help: ArgumentHelp(
      "How long the output is kept after the end, such as 10m; 0s until it is delivered.",
      valueName: "time"))
  var retention: TimeSpan?
  @Option(
    name: .customLong("class"),
    help: ArgumentHelp(
      "interactive goes before the account's other jobs, batch gives way to everybody's.",
      valueName: "interactive|default|batch"))
  var jobClass = ClassName.default
  @Argument(help: "The prompt; - or nothing reads standard input.")
  var prompt: String?

  func validate() throws {
    guard !model.isEmpty else { throw ValidationError("--model takes the name of a model") }
    if let maxTokens, maxTokens < 1 {
      throw ValidationError("--max-tokens is \(maxTokens); it must be at least 1")
    }
    if let temperature, !(0...100).contains(temperature) {
      throw ValidationError("--temperature is \(temperature); it must be from 0 to 100")
    }
  }

  /// The submit that these options make.
  func submit(mode: JobMode, follow: Bool, isDurable: Bool = false) throws -> Submit {
    let text: String
    if let prompt, prompt != "-" {
      text = prompt
    } else {
      text = try Terminal.readAll()
    }
    guard !text.isEmpty else {
      throw CommandError(
        .usage, "the prompt is empty; give it as the last argument or on standard input")
    }
    let request = ChatRequest(
      model: model, system: system, prompt: text, maxTokens: maxTokens, temperature: temperature,
      seed: seed, stop: stop, serviceTier: jobClass.tier)
    let submit = Submit(
      requestKey: self.request.key, mode: mode, endpoint: .chatCompletions, model: model,
      body: request.body(), maxInputPrice: maxInputPrice, maxOutputPrice: maxOutputPrice,
      queueTimeoutMs: 0, follow: follow, retentionMs: retention?.milliseconds,
      durable: isDurable ? true : nil)
    do throws(BoundsError) { try submit.checkBounds() } catch {
      throw CommandError(
        .refused,
        "payload_too_large: \(error.field) has \(error.count) bytes; at most \(error.limit) are allowed"
      )
    }
    return submit
  }
}
