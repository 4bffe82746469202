extension InferenceRequest {
  /// Fields that are for the exchange, and for no engine.
  static let exchangeFields: Set<String> = ["provider", "models", "dry_run"]

  /// The body without the fields that are for the exchange; as it came where it has none.
  public var bodyForEngines: [UInt8] {
    guard fields.contains(where: { Self.exchangeFields.contains($0.name) }) else { return body }
    var result: [UInt8] = []
    result.reserveCapacity(body.count)
    var end = 0
    var hasMember = false
    for field in fields {
      // From the key's quotation mark: what is before it is the opening brace, or a comma, and spaces.
      let start =
        body[end..<field.value.lowerBound].firstIndex(of: UInt8(ascii: "\""))
        ?? field.value.lowerBound
      if end == 0 { result += body[..<start] }
      end = field.value.upperBound
      guard !Self.exchangeFields.contains(field.name) else { continue }
      if hasMember { result.append(UInt8(ascii: ",")) }
      hasMember = true
      result += body[start..<end]
    }
    return result + body[insertionPoint...]
  }
}
