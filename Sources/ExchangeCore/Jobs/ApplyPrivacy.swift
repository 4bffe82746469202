public import ExchangeTypes

// Wrapping keys and retention; since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version, or a key that is not newer than the current one).
  ///
  /// The current key again is no error.
  mutating func apply(_ command: Command.WrappingKeyAnnounce) throws(Rejection) -> Accepted {
    if let current = wrappingKey {
      guard command.key >= current else {
        throw Rejection(.wrongState, ["key": "\(command.key)", "current": "\(current)"])
      }
      if command.key == current { return .wrappingKey(current) }
    }
    let now = meta.logTime
    changePrivacy {
      $0.wrappingKey = command.key
      $0.wrappingKeySince = now
    }
    pending.effects.append(.wrappingKeysChanged)
    return .wrappingKey(command.key)
  }

  /// Checks: `wrong_state` (an older state version), caller, the time.
  ///
  /// Jobs that have been submitted keep what they were granted.
  mutating func apply(_ command: Command.RetentionSet) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    try checkSpan(command.retention.kept, "kept")
    changePrivacy { $0.retention = command.retention }
    return .retention(command.retention)
  }

  private mutating func changePrivacy(_ body: (inout Privacy) -> Void) {
    if privacy[0] == nil { privacy.insert(Privacy()) }
    privacy.update(0, body)
  }

  /// The key that a job must be sealed under which is submitted now; nil while any will do.
  public var wrappingKey: UInt64? { privacy[0]?.wrappingKey }
  /// When that key was announced; the beginning of time if none was.
  public var wrappingKeySince: LogTime {
    privacy[0]?.wrappingKeySince ?? LogTime(milliseconds: 0)
  }
  /// The wrapping keys without which something that is still kept could not be read, ascending.
  ///
  /// The current one, and every one that a job is sealed under whose record has not been purged.
  public var wrappingKeysNeeded: [UInt64] {
    var keys = Set(indexes.sealedUnder.keys)
    if let current = wrappingKey { keys.insert(current) }
    return keys.sorted()
  }
  /// How long a job's record is kept that asks for nothing else.
  public var retention: Retention { privacy[0]?.retention ?? .standard }

  /// Refuses what is sealed under another key than the current one: that key may be about to go, everywhere.
  ///
  /// No leader proposes such a submit: it seals under a new key only behind the entry that announces it.
  func checkSeal(_ wrappedKey: [UInt8]) throws(Rejection) {
    guard let current = wrappingKey, WrappedKey.number(in: wrappedKey) != current else { return }
    throw Rejection(.wrappingKeyRetired, ["current": "\(current)"])
  }
}

/// What the state machine knows of a wrapped job key: the number of the wrapping key that it begins with.
enum WrappedKey {
  /// The first eight bytes, big-endian; nil if there are fewer.
  static func number(in bytes: [UInt8]) -> UInt64? {
    guard bytes.count >= 8 else { return nil }
    return bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
  }
}
