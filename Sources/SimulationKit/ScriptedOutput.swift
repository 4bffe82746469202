internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// What a simulated engine makes of an attempt: a function of job, attempt and place, so that whoever
/// sees a piece of a stream knows whether it stands where it belongs.
///
/// Places count from 1 in each attempt, where events count on through a job's attempts.
struct ScriptedOutput {
  let attempt: AttemptID

  /// Prompt tokens that every simulated engine counts.
  static let promptTokens: UInt32 = 5

  private func word(_ place: UInt64) -> UInt64 {
    let salt = SeededGenerator.mix(attempt.job.rawValue &* 64 &+ UInt64(attempt.epoch.rawValue))
    return SeededGenerator.mix(salt ^ (place &* 0x9E37_79B9_7F4A_7C15))
  }

  /// How many tokens the engine wants to make, before any bound of the request.
  func length(max tokensMax: UInt64) -> UInt64 {
    let word = word(0)
    // One in sixteen answers at once without a word.
    return word % 16 == 0 ? 0 : word / 16 % tokensMax + 1
  }

  /// The output at a place, from 1 on: 1 to 8 letters.
  func bytes(at place: UInt64) -> [UInt8] {
    let word = word(place)
    return (0...(word % 8)).map { 97 + UInt8((word >> (8 * $0)) % 26) }
  }

  private func ids(at place: UInt64) -> [UInt32] { [UInt32(truncatingIfNeeded: word(place) >> 32)] }

  func generated(at place: UInt64) -> GeneratedEvent {
    GeneratedEvent(
      choice: 0, kind: .text, tokenCount: 1, ids: ids(at: place), bytes: bytes(at: place))
  }

  /// The attempt's output at a place, as the record numbers it.
  func event(at place: UInt64, numbered seq: UInt64) -> Event {
    Event(
      seq: seq, choice: 0, kind: .text, tokenCount: 1, ids: ids(at: place), bytes: bytes(at: place))
  }

  /// What the engine claims to have counted; one in four lies by a lot.
  func usage(after tokens: UInt64, by basis: BillingBasis) -> Usage {
    guard basis == .usage else { return Usage(promptTokens: Self.promptTokens, outputTokens: nil) }
    let claimed = word(0) % 4 == 1 ? tokens * 100 + 7 : tokens
    return Usage(promptTokens: Self.promptTokens, outputTokens: UInt32(clamping: claimed))
  }

  /// What the engine claims was reasoning of its output, if it says so: one in four does, half of them more than they made.
  func reasoningTokens(after tokens: UInt64) -> UInt32? {
    switch word(0) % 8 {
    case 2: UInt32(clamping: tokens / 2 + 1)
    case 6: UInt32(clamping: tokens * 100 + 7)
    default: nil
    }
  }
}
