/// Why a request body is refused, with the field at fault.
public enum RequestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The body is not JSON, or not within the limits.
  case malformed(JSONError)
  /// A field that must be present is not.
  case missing(field: String)
  /// A field has a value of the wrong type or shape.
  case invalid(field: String, expected: String)
  /// A field comes twice; parsers disagree on which one counts, so neither does.
  case duplicate(field: String)
  /// There are more fields than any request needs.
  case tooManyFields
  /// A field has no meaning here, and must not be passed over.
  case unsupported(field: String)

  /// The field at fault, for the `param` of an error.
  public var field: String? {
    switch self {
    case .malformed, .tooManyFields: nil
    case .missing(let field), .duplicate(let field), .invalid(let field, _),
      .unsupported(let field):
      field
    }
  }

  /// A sentence for people.
  public var description: String {
    switch self {
    case .malformed(let error): error.description
    case .missing(let field): "'\(field)' is required"
    case .invalid(let field, let expected): "'\(field)' must be \(expected)"
    case .duplicate(let field): "'\(field)' is given twice"
    case .tooManyFields: "a request has at most \(InferenceRequest.fieldsMax) fields"
    case .unsupported(let field): "'\(field)' is not supported"
    }
  }
}
