public import ExchangeTypes

/// A job's secret, from which everything that is sealed for it is derived.
///
/// Lives in memory only.
public struct JobKey: Sendable {
  /// 32 bytes.
  public let secret: Secret
  /// Wraps 32 bytes.
  public init(secret: Secret) {
    precondition(secret.count == 32)
    self.secret = secret
  }
}

/// What a sealed piece is, so that no two pieces of one job are sealed under the same subkey.
public enum SealedPiece: Sendable, Hashable {
  /// The request's body; `part` counts from 0.
  case payload(part: UInt32)
  /// Events, sealed by the leader of `term` as its `ordinal`-th piece of the attempt numbered `epoch`.
  case record(term: Term, epoch: Epoch, ordinal: UInt32)
}

/// The port to the room that seals prompts and outputs before they enter the log.
public protocol JobSealing: AnyObject {
  /// A fresh key and its wrapped form, which only a holder of the wrapping key can open.
  ///
  /// The wrapped form begins with the wrapping key's number, eight bytes, big-endian: the state machine counts by
  /// it what is sealed under which.
  func makeKey(under wrappingKey: UInt64) throws -> (key: JobKey, wrapped: [UInt8])
  /// Opens a wrapped key; throws if its wrapping key is not here.
  func unwrap(_ wrapped: [UInt8]) throws -> JobKey
  /// The 32-byte key under which a job's stream is authenticated, derived from the job's secret.
  func streamKey(of key: JobKey) -> [UInt8]
  /// Seals one piece; a piece must be sealed at most once.
  func seal(_ plain: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8]
  /// Opens one piece; throws if any byte was changed.
  func open(_ sealed: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8]
}
