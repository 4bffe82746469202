internal import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import Logging
internal import NIOCore
internal import NIOPosix

/// The keyring of this process: seals jobs with it, and has every change of it in its file before anybody is told.
///
/// ```
/// idle ──change──► writing(all that waited) ──file replaced──► idle | writing(what came meanwhile)
/// ```
///
/// Confined to `eventLoop`; files are written on a thread of the pool, one at a time, whole.
final class NodeKeyring: JobSealing, WrappingKeyStore {
  private struct Change {
    let body: (inout Keyring) -> Bool
    let completion: (Bool) -> Void
  }

  /// As in the file.
  private var ring: Keyring
  private let path: String
  private let eventLoop: any EventLoop
  private let log: Logger
  private var waiting: [Change] = []
  private var isWriting = false
  private var generator = SystemRandomBlocks()

  init(_ ring: Keyring, path: String, eventLoop: any EventLoop, log: Logger) {
    self.ring = ring
    self.path = path
    self.eventLoop = eventLoop
    self.log = log
  }

  // MARK: WrappingKeyStore

  var held: [UInt64] { ring.keys.map(\.id) }

  func secret(of key: UInt64) -> Secret? { ring[key]?.secret }

  func draw(_ key: UInt64, completion: @escaping (Bool) -> Void) {
    let drawn = WrappingKey.generate(id: key, using: &generator)
    log.notice("a wrapping key is made", metadata: ["key": "\(key)"])
    change({ $0.insert(drawn) }, completion)
  }

  func keep(_ key: UInt64, _ secret: Secret, completion: @escaping (Bool) -> Void) {
    guard secret.count == 32 else { return completion(false) }
    change({ $0.insert(WrappingKey(id: key, secret: secret)) }, completion)
  }

  func destroy(_ keys: [UInt64], completion: @escaping (Bool) -> Void) {
    let numbers = keys.map(String.init).joined(separator: ",")
    change({ ring in
      keys.forEach { ring.remove($0) }; return true
    }) { [log] isDone in
      if isDone { log.notice("wrapping keys are destroyed", metadata: ["keys": "\(numbers)"]) }
      completion(isDone)
    }
  }

  private func change(
    _ body: @escaping (inout Keyring) -> Bool, _ completion: @escaping (Bool) -> Void
  ) {
    waiting.append(Change(body: body, completion: completion))
    writeIfIdle()
  }

  private func writeIfIdle() {
    while !isWriting, !waiting.isEmpty {
      let taken = waiting
      waiting = []
      var next = ring
      let verdicts = taken.map { $0.body(&next) }
      let ends = zip(taken, verdicts).map { (completion: $0.completion, verdict: $1) }
      guard next != ring else {
        for end in ends { end.completion(end.verdict) }
        continue
      }
      write(next) { isWritten in
        for end in ends { end.completion(isWritten && end.verdict) }
      }
    }
  }

  private func write(_ next: Keyring, _ completion: @escaping (Bool) -> Void) {
    isWriting = true
    let path = path
    let bound = NIOLoopBound((self, completion), eventLoop: eventLoop)
    NIOThreadPool.singleton.runIfActive(eventLoop: eventLoop) { try next.save(path: path) }
      .whenComplete { result in
        let (keyring, completion) = bound.value
        keyring.isWriting = false
        switch result {
        case .success:
          keyring.ring = next
          completion(true)
        case .failure(let error):
          keyring.log.error("the keyring cannot be written", metadata: ["error": "\(error)"])
          completion(false)
        }
        keyring.writeIfIdle()
      }
  }

  // MARK: JobSealing

  /// The key to seal under is not in the keyring: its custody has said that it is.
  struct MissingKey: Error, CustomStringConvertible {
    let key: UInt64
    var description: String { "wrapping key \(key) is not in the keyring" }
  }

  func makeKey(under wrappingKey: UInt64) throws -> (key: JobDispatch.JobKey, wrapped: [UInt8]) {
    guard let wrapping = ring[wrappingKey] else { throw MissingKey(key: wrappingKey) }
    let key = Identity.JobKey.generate(using: &generator)
    return (
      JobDispatch.JobKey(secret: key.secret),
      wrapping.wrap(key, cluster: ring.cluster, using: &generator).encoded
    )
  }

  func unwrap(_ wrapped: [UInt8]) throws -> JobDispatch.JobKey {
    let key = try ring.unwrap(try WrappedJobKey(decoding: wrapped))
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
    JobSealer(key: Identity.JobKey(key.secret), cluster: ring.cluster)
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
