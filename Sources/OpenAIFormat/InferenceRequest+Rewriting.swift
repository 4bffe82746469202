extension InferenceRequest {
  /// What a worker changes in a request for its engine.
  public struct Rewriting: Hashable, Sendable {
    /// The engine's name for the model.
    public var model: String
    /// The most tokens for one sequence, at least 1; nil leaves the request's own limit, or none.
    public var maxTokens: Int?
    /// Whether the engine shall stream.
    public var stream: Bool
    /// Whether the engine shall report usage on the stream.
    public var includeUsage: Bool
    /// Further members to set in `stream_options`, each with its value as JSON.
    public var streamOptions: [Addition]
    /// Further top-level fields to set, each with its value as JSON.
    public var additions: [Addition]

    /// A member and its value as JSON.
    public struct Addition: Hashable, Sendable {
      /// The member's name.
      public let name: String
      /// The value, which must be JSON.
      public let value: [UInt8]

      /// Names a member and gives its value as JSON text.
      public init(_ name: String, _ value: String) {
        self.name = name
        self.value = Array(value.utf8)
      }
    }

    /// Sets the changes.
    public init(
      model: String, maxTokens: Int?, stream: Bool = true, includeUsage: Bool = true,
      streamOptions: [Addition] = [], additions: [Addition] = []
    ) {
      self.model = model
      self.maxTokens = maxTokens
      self.stream = stream
      self.includeUsage = includeUsage
      self.streamOptions = streamOptions
      self.additions = additions
    }
  }

  /// The body with some values changed and every other byte as it came.
  ///
  /// A field that is present is replaced where it stands; others are added at the end. Every field that
  /// limits the output and is present gets the same limit (an engine may know any of them), and
  /// `max_tokens` is always there, since some engines know only that.
  ///
  /// - Precondition: the limit is at least 1.
  public func rewriting(_ changes: Rewriting) -> [UInt8] {
    var edits: [(name: String, value: [UInt8])] = [
      ("model", JSONWriter.string(changes.model)),
      ("stream", Array((changes.stream ? "true" : "false").utf8)),
    ]
    if let limit = changes.maxTokens ?? maxTokens {
      precondition(limit >= 1, "an output limit is at least one token")
      for name in outputLimitFields where name == "max_tokens" || value(of: name) != nil {
        edits.append((name, Array(String(limit).utf8)))
      }
    }
    if changes.stream {
      edits.append(("stream_options", streamOptionsJSON(changes)))
    } else if value(of: "stream_options") != nil {
      edits.append(("stream_options", Array("null".utf8)))  // engines refuse it without a stream
    }
    edits += changes.additions.map { ($0.name, $0.value) }
    return replacing(edits)
  }

  /// The request without the fields that only matter to the exchange, and with `edits` made.
  func replacing(_ edits: [(name: String, value: [UInt8])]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(
      body.count + edits.reduce(0) { $0 + $1.name.utf8.count + $1.value.count + 4 })
    var copied = 0
    for field in fields {
      guard let edit = edits.last(where: { $0.name == field.name }) else { continue }
      result += body[copied..<field.value.lowerBound]
      result += edit.value
      copied = field.value.upperBound
    }
    result += body[copied..<insertionPoint]
    var needsComma = !fields.isEmpty
    for (index, edit) in edits.enumerated()
    where value(of: edit.name) == nil
      && !edits[(index + 1)...].contains(where: { $0.name == edit.name })
    {
      if needsComma { result.append(UInt8(ascii: ",")) }
      needsComma = true
      result += JSONWriter.string(edit.name)
      result.append(UInt8(ascii: ":"))
      result += edit.value
    }
    result += body[insertionPoint...]
    return result
  }

  private func streamOptionsJSON(_ changes: Rewriting) -> [UInt8] {
    let ours =
      [Rewriting.Addition("include_usage", changes.includeUsage ? "true" : "false")]
      + changes.streamOptions
    var writer = JSONWriter()
    writer.beginObject()
    for option in streamOptions where !ours.contains(where: { $0.name == option.name }) {
      writer.key(option.name)
      writer.verbatim(body[option.value])
    }
    for option in ours {
      writer.key(option.name)
      writer.verbatim(option.value)
    }
    writer.endObject()
    return writer.bytes
  }
}
