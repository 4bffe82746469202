internal import ArgumentParser
internal import ExchangeTypes

/// The name of a request: shared by the commands that must not be done twice.
struct RequestOptions: ParsableArguments {
  @Option(
    name: .customLong("request-key"),
    help: ArgumentHelp(
      "32 hexadecimal digits that name the request: the same again is done once.",
      valueName: "hex"),
    transform: Self.key)
  private var given: RequestKey?

  /// What a run of the command is known by, whatever it asks for.
  private static let drawn = RequestKey.drawn()

  /// The key of the request: the same however often it is asked for.
  var key: RequestKey { given ?? Self.drawn }

  /// Whether whoever runs the command chose the key, and may come back with it.
  var isGiven: Bool { given != nil }

  /// Does what must not be done twice.
  ///
  /// - Throws: where nobody answered, how to ask again: it may have been done.
  func once<Value>(_ body: () async throws -> Value) async throws -> Value {
    do { return try await body() } catch let error as CommandError
      where error.code == .unavailable
    {
      throw CommandError(
        .unavailable,
        "\(error.message); it may have been done: the same command with --request-key \(key) does it once"
      )
    }
  }

  private static func key(_ text: String) throws -> RequestKey {
    guard text.utf8.count == 32, text.allSatisfy(\.isHexDigit),
      let value = UInt128(text, radix: 16)
    else { throw ValidationError("a request key has 32 hexadecimal digits") }
    return RequestKey(
      high: UInt64(truncatingIfNeeded: value >> 64), low: UInt64(truncatingIfNeeded: value))
  }
}
