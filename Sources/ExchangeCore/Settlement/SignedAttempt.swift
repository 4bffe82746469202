public import ExchangeTypes

/// What a worker has signed of the attempt that ended a job: the row of table 43.
///
/// The state machine believes none of it and checks no signature (decision 32): whoever makes a receipt of it does.
public struct SignedAttempt: Hashable, Sendable {
  /// The job.
  public let job: JobID
  /// What it signed, beside what the job's row says.
  public let signed: Command.AttemptSigned
  /// Prompt tokens that its engine had cached, as it says.
  public let cachedTokens: TokenCount
}

extension Exchange {
  /// Checks: `wrong_state` (an older state version), then as the settle, whose answer it gives.
  ///
  /// What is signed is kept if this is what ends the job, and the job's record is not the one that has to go for that.
  mutating func apply(_ command: Command.SettleSigned) throws(Rejection) -> Accepted {
    let outcome = try apply(command.settle)
    guard case .settled(let settled) = outcome, settled.first, jobs[settled.job.rawValue] != nil
    else { return outcome }
    signedAttempts.insert(
      SignedAttempt(
        job: settled.job, signed: command.signed, cachedTokens: command.settle.cachedTokens))
    return outcome
  }

  /// What the worker has signed that ended a job; nil if it signed nothing, or the record is gone.
  public func signedAttempt(of job: JobID) -> SignedAttempt? { signedAttempts[job.rawValue] }

  /// The transfer that has taken one back; nil if it stands, or the journal keeps them no more.
  public func reversal(of transfer: TransferID) -> TransferID? { indexes.reversals[transfer] }
}

extension SignedAttempt: StoredRow {
  static var table: Table { .signedAttempts }
  var rowKey: UInt64 { job.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(signed.firstSeq)
    writer.write(signed.modelDigest) { $0.write($1) }
    writer.write(signed.publicKey)
    writer.write(signed.signature)
    writer.write(cachedTokens.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      job: JobID(key), signed: try Command.AttemptSigned(from: &reader),
      cachedTokens: try reader.readTokens())
  }
}
