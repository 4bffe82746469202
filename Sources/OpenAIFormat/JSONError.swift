/// Why bytes are not the JSON that was expected, and where.
public struct JSONError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What is wrong.
  public enum Reason: Hashable, Sendable {
    /// The bytes stop inside a value.
    case unexpectedEnd
    /// A byte that the grammar does not allow here (RFC 8259 §2).
    case unexpectedByte(UInt8)
    /// A backslash followed by something other than RFC 8259 §7 lists.
    case invalidEscape
    /// A number outside RFC 8259 §6, or one that does not fit the type asked for.
    case invalidNumber
    /// Bytes that are not UTF-8 (RFC 8259 §8.1).
    case invalidUTF8
    /// More nesting than the limit.
    case tooDeep
    /// More bytes than the limit.
    case tooLarge
    /// A value of another type than the one asked for.
    case mismatch(expected: JSONKind)
  }

  /// What is wrong.
  public let reason: Reason
  /// The byte, counted from the start of the document, at which it was noticed.
  public let offset: Int

  /// Records a reason at a byte.
  public init(_ reason: Reason, at offset: Int) {
    self.reason = reason
    self.offset = offset
  }

  /// A sentence for people, with the offset.
  public var description: String {
    let what =
      switch reason {
      case .unexpectedEnd: "JSON ends inside a value"
      case .unexpectedByte(let byte): "unexpected \(Self.name(byte))"
      case .invalidEscape: "invalid escape in a string"
      case .invalidNumber: "invalid number"
      case .invalidUTF8: "invalid UTF-8"
      case .tooDeep: "nested too deeply"
      case .tooLarge: "too large"
      case .mismatch(let expected): "expected \(expected)"
      }
    return "\(what) at byte \(offset)"
  }

  private static func name(_ byte: UInt8) -> String {
    switch byte {
    case 0x21...0x7e: "'\(Character(UnicodeScalar(byte)))'"
    default: "byte \(byte)"
    }
  }
}

/// The type of a JSON value.
public enum JSONKind: Hashable, Sendable, CustomStringConvertible {
  /// `null`.
  case null
  /// `true` or `false`.
  case boolean
  /// A number.
  case number
  /// A string.
  case string
  /// An array.
  case array
  /// An object.
  case object

  /// The type with its article.
  public var description: String {
    switch self {
    case .null: "null"
    case .boolean: "a boolean"
    case .number: "a number"
    case .string: "a string"
    case .array: "an array"
    case .object: "an object"
    }
  }
}

/// How much a scanner accepts.
public struct JSONLimits: Hashable, Sendable {
  /// Arrays and objects inside each other, at most.
  public var depthMax: Int
  /// Bytes of the document, at most.
  public var bytesMax: Int

  /// Sets both limits; the defaults fit a chat request with a few images.
  public init(depthMax: Int = 64, bytesMax: Int = 32 << 20) {
    self.depthMax = depthMax
    self.bytesMax = bytesMax
  }
}
