/// Why a file is not a model that this engine runs, and where.
public enum GGUFError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file cannot be opened or mapped.
  case unreadable(path: String, reason: String)
  /// What stands at a byte offset is wrong.
  case malformed(offset: Int, what: String)
  /// A metadata key is missing, or its value is of no use.
  case metadata(key: String, what: String)
  /// A tensor is missing, or its type, shape or place is of no use.
  case tensor(name: String, what: String)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason): "\(path): \(reason)"
    case .malformed(let offset, let what):
      "not a GGUF this engine reads: at byte \(offset), \(what)"
    case .metadata(let key, let what): "metadata '\(Self.plain(key))': \(what)"
    case .tensor(let name, let what): "tensor '\(Self.plain(name))': \(what)"
    }
  }

  /// Text from a file, cut, without characters that steer: it goes to terminals and logs.
  static func plain(_ text: String) -> String {
    String(
      text.unicodeScalars.prefix(64).map {
        switch $0.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator: "?"
        default: Character($0)
        }
      })
  }
}
