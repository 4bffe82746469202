public import ExchangeTypes

/// What is left of a purged job: enough to answer a retry with the receipt, and never to run it again.
public struct Tombstone: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// Who paid.
  public let account: AccountID
  /// The client's name for the request.
  public let requestKey: RequestKey
  /// What the request was.
  public let bodyHash: [UInt8]
  /// How it ended.
  public let state: JobState
  /// What was charged.
  public let charge: Credits
  /// When the request is forgotten.
  public let expiry: LogTime
  /// The key that submitted it, where that is a delegation's: it reaches no other's.
  public internal(set) var delegatedKey: KeyID?
}

/// An upload that no submit has taken yet.
struct Upload: Hashable, Sendable {
  let number: UInt64
  let account: AccountID
  let requestKey: RequestKey
  let of: UInt16
  var stored: UInt16
  var bytes: UInt64
  var expiry: LogTime
}
