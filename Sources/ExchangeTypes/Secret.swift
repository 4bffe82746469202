/// A value that must not be seen: whatever prints it, dumps it or looks into it gets its type's name alone.
///
/// That holds for everything that has it as a part, since descriptions and mirrors of the whole are made of those
/// of the parts. A type that has something to show besides may have a `description` of its own.
public protocol Redacted: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
}

extension Redacted {
  /// The type's name, with an ellipsis for what is not shown.
  public var description: String { "\(Self.self)(…)" }
  /// The same as `description`.
  public var debugDescription: String { description }
  /// A mirror without children: for `dump`, and for whoever walks a value.
  public var customMirror: Mirror { Mirror(self, children: [(label: String?, value: Any)]()) }
}

/// The bytes of a key.
public struct Secret: Sendable, Hashable, Redacted {
  /// The bytes themselves.
  public let bytes: [UInt8]

  /// Wraps them.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// How many bytes.
  public var count: Int { bytes.count }

  /// Compares in a time that does not depend on where two secrets differ.
  public static func == (left: Self, right: Self) -> Bool {
    left.count == right.count && zip(left.bytes, right.bytes).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}
