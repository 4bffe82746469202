internal import Crypto
public import ExchangeTypes

/// What a reader shows to prove how far a leader had sent a job's stream, before it was committed.
///
/// HMAC-SHA256, under a key that all coordinators hold and no reader does, over job ‖ epoch ‖
/// lastSeq ‖ durableThrough ‖ chain hash: integers big-endian, 60 bytes in all.
public struct StreamMAC: Sendable, Redacted {
  /// Has taken the key: what is told of each event takes a copy of it.
  private let keyed: HMAC<SHA256>

  /// Computes and checks under the job's MAC key, 32 bytes.
  ///
  /// - Precondition: `key` has 32 bytes.
  public init(key: [UInt8]) {
    precondition(key.count == 32)
    keyed = HMAC(key: SymmetricKey(data: key))
  }

  /// What the MAC vouches for: that a leader sent these events of this attempt.
  public struct Claim: Sendable, Hashable {
    /// The attempt whose events they are.
    public let attempt: AttemptID
    /// The last event sent.
    public let lastSeq: UInt64
    /// The last event that was committed when they were sent.
    public let durableThrough: UInt64
    /// The chain hash after `lastSeq`.
    public let hash: ChainHash

    /// Joins the parts.
    public init(attempt: AttemptID, lastSeq: UInt64, durableThrough: UInt64, hash: ChainHash) {
      self.attempt = attempt
      self.lastSeq = lastSeq
      self.durableThrough = durableThrough
      self.hash = hash
    }

    var encoded: [UInt8] {
      var writer = CanonicalWriter(capacity: 60)
      writer.write(attempt.job.rawValue)
      writer.write(attempt.epoch.rawValue)
      writer.write(lastSeq)
      writer.write(durableThrough)
      hash.write(to: &writer)
      return writer.bytes
    }
  }

  /// The 32 bytes that vouch for `claim`.
  public func code(for claim: Claim) -> [UInt8] {
    // In place, since each message to a reader has one: the code's iterator makes an array of it first.
    unsafe authentication(of: claim).withUnsafeBytes { unsafe Array($0) }
  }

  /// Whether `code` vouches for `claim`; takes the same time wherever they differ.
  public func isValid(_ code: [UInt8], for claim: Claim) -> Bool {
    authentication(of: claim) == code
  }

  private func authentication(of claim: Claim) -> HMAC<SHA256>.MAC {
    var code = keyed
    code.update(data: claim.encoded)
    return code.finalize()
  }
}
