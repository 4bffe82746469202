/// A 64-bit number with a meaning of its own.
///
/// Every identifier of the exchange is given by `Exchange.apply`, starts at 1 and is never reused, so
/// rows keyed by it are appended in order. Zero means "none" where a format has no optional.
public protocol Identifier: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
where RawValue == UInt64 {
  /// Wraps a number that some replica's `apply` gave.
  init(rawValue: UInt64)
}

extension Identifier {
  /// Wraps `value`.
  public init(_ value: UInt64) { self.init(rawValue: value) }

  /// Orders by number, which is the order of creation.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }

  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// One client request for inference.
public struct JobID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An owner of debits and credits.
public struct AccountID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An API key's public half; the secret is never stored.
public struct KeyID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A worker, stable for one name under one supplier account.
public struct WorkerID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A posted movement between accounts.
public struct TransferID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A coordinator's id in the consensus group; a coordinator that lost its disk gets a new one.
public struct ReplicaID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A secret, shown once, by which one node may join the cluster.
public struct InvitationID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A certificate that the cluster has issued.
public struct CertificateNumber: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// A place in a tree of budgets.
public struct BudgetID: Identifier {
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// Which try at a job: the first is 1.
///
/// A message of an older epoch is stale and is fenced.
public struct Epoch: RawRepresentable, Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The number.
  public let rawValue: UInt32
  /// Wraps a number.
  public init(rawValue: UInt32) { self.rawValue = rawValue }
  /// Wraps a number.
  public init(_ value: UInt32) { self.rawValue = value }
  /// Later epochs are greater.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// One worker's try at a job.
public struct AttemptID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The job tried.
  public let job: JobID
  /// Which try it is.
  public let epoch: Epoch
  /// The attempt of `job` numbered `epoch`.
  public init(job: JobID, epoch: Epoch) {
    self.job = job
    self.epoch = epoch
  }
  /// Orders by job, then by epoch.
  public static func < (left: Self, right: Self) -> Bool {
    (left.job, left.epoch) < (right.job, right.epoch)
  }
  /// `job/epoch`.
  public var description: String { "\(job)/\(epoch)" }
}

/// A client's 128-bit name for one request; a retry under the same key is the same request.
public struct RequestKey: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64
  /// Joins two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  /// Orders as a 128-bit number.
  public static func < (left: Self, right: Self) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
  /// 32 hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}

/// A delegation's 128-bit name, drawn by whoever signs it; it is the parent key's own.
public struct DelegationID: Hashable, Comparable, Sendable, CustomStringConvertible {
  /// The upper 64 bits.
  public let high: UInt64
  /// The lower 64 bits.
  public let low: UInt64
  /// Joins two halves.
  public init(high: UInt64, low: UInt64) {
    self.high = high
    self.low = low
  }
  /// Reads 32 hexadecimal digits; nil if they are not.
  public init?(parsing text: String) {
    guard text.utf8.count == 32, !text.contains("+"), !text.contains("-"),
      let high = UInt64(text.prefix(16), radix: 16), let low = UInt64(text.suffix(16), radix: 16)
    else { return nil }
    self.init(high: high, low: low)
  }
  /// Orders as a 128-bit number.
  public static func < (left: Self, right: Self) -> Bool {
    (left.high, left.low) < (right.high, right.low)
  }
  /// 32 hexadecimal digits.
  public var description: String { hexadecimal(high) + hexadecimal(low) }
}

private func hexadecimal(_ value: UInt64) -> String {
  let digits = String(value, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}
