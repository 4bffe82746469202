internal import ExchangeTypes
internal import Identity
internal import JobDispatch

/// Seals jobs with the keyring of this coordinator: fills the dispatcher's port with `Identity`.
final class KeyringSealer: JobSealing {
  private let keyring: Keyring
  private var generator = SystemRandomBlocks()

  init(keyring: Keyring) { self.keyring = keyring }

  /// There is no key to wrap with; `yard init` makes the first one.
  struct EmptyKeyring: Error, CustomStringConvertible {
    var description: String { "the keyring is empty: it was not made by `yard init`" }
  }

  func makeKey() throws -> (key: JobDispatch.JobKey, wrapped: [UInt8]) {
    guard let current = keyring.current else { throw EmptyKeyring() }
    let key = Identity.JobKey.generate(using: &generator)
    return (
      JobDispatch.JobKey(secret: key.secret),
      current.wrap(key, cluster: keyring.cluster, using: &generator).encoded
    )
  }

  func unwrap(_ wrapped: [UInt8]) throws -> JobDispatch.JobKey {
    let key = try keyring.unwrap(try WrappedJobKey(decoding: wrapped))
    return JobDispatch.JobKey(secret: key.secret)
  }

  func streamKey(of key: JobDispatch.JobKey) -> [UInt8] {
    sealer(key).authenticate(Array("switchyard stream key 1".utf8))
  }

  func seal(_ plain: [UInt8], as piece: SealedPiece, under key: JobDispatch.JobKey) throws
    -> [UInt8]
  {
    sealer(key).seal(plain, at: SealPlace(piece))
  }

  func open(_ sealed: [UInt8], as piece: SealedPiece, under key: JobDispatch.JobKey) throws
    -> [UInt8]
  {
    try sealer(key).open(sealed, at: SealPlace(piece))
  }

  private func sealer(_ key: JobDispatch.JobKey) -> JobSealer {
    JobSealer(key: Identity.JobKey(key.secret), cluster: keyring.cluster)
  }
}

extension SealPlace {
  fileprivate init(_ piece: SealedPiece) {
    switch piece {
    case .payload(let part):
      self = .payload(part: part)
    case .record(let term, let epoch, let ordinal):
      self = .checkpoint(term: term.rawValue, epoch: epoch, checkpoint: UInt64(ordinal))
    }
  }
}
