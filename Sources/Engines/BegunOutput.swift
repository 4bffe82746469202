public import OpenAIFormat

/// An output that another engine has made of a request: its text, and the ids of its tokens as far as they are known.
///
/// An engine may go on from the ids if it finds that they stand for the text: then they are a way to cut that text into its own
/// tokens, and the way that it was cut before. Whose ids they are need not be known.
public struct BegunOutput: Hashable, Sendable {
  /// A piece of it, of whole characters.
  public struct Part: Hashable, Sendable {
    /// What it says.
    public let text: [UInt8]
    /// How many tokens the engine said that it is.
    public let tokens: Int
    /// Their ids; empty if not all are known.
    public let ids: [UInt32]

    /// Sets the parts.
    public init(text: [UInt8], tokens: Int, ids: [UInt32]) {
      self.text = text
      self.tokens = tokens
      self.ids = ids
    }
  }

  /// The request, without it.
  public let request: InferenceRequest
  /// Its pieces, in their order.
  public let parts: [Part]

  /// What it says.
  public var text: [UInt8] { parts.flatMap(\.text) }

  /// Takes a request apart that ends with an output; nil if it does not end in one of so many bytes, or if no ids are known.
  ///
  /// - Parameters:
  ///   - request: the request with the output at its end.
  ///   - parts: bytes, tokens and ids of each piece of that output.
  public init?(
    endOf request: InferenceRequest, in parts: [(bytes: Int, tokens: Int, ids: [UInt32])]
  ) {
    let count = parts.reduce(0) { $0 + $1.bytes }
    guard parts.contains(where: { !$0.ids.isEmpty }),
      let (body, output) = request.separated(outputBytes: count),
      let beginning = try? InferenceRequest.parse(body: body, endpoint: request.endpoint)
    else { return nil }
    var pieces: [Part] = []
    var start = 0
    for part in parts {
      let text = Array(output[start..<start + part.bytes])
      pieces.append(Part(text: text, tokens: part.tokens, ids: part.ids))
      start += part.bytes
    }
    self.request = beginning
    self.parts = pieces
  }
}
