internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import JobDispatch

/// A coordinator's keyring: on its disk, apart from the log, and its own.
///
/// A change takes a while; a process that dies before it is done has not made it. Sealing itself is the
/// run's one sealer's, which knows what was sealed twice by whomever.
final class SimulatedKeyring: JobSealing, WrappingKeyStore {
  /// The one key that a cluster is founded with.
  static let founding: UInt64 = 1

  private unowned let coordinator: SimulatedCoordinator
  private var keys: [UInt64: Secret]

  init(of coordinator: SimulatedCoordinator) {
    self.coordinator = coordinator
    keys = coordinator.joins ? [:] : [Self.founding: Secret([UInt8](repeating: 7, count: 32))]
  }

  private var sealer: SimulatedSealer { coordinator.simulation.sealer }

  // MARK: WrappingKeyStore

  var held: [UInt64] { keys.keys.sorted() }
  func secret(of key: UInt64) -> Secret? { keys[key] }

  func draw(_ key: UInt64, completion: @escaping (Bool) -> Void) {
    let secret = Secret((0..<4).flatMap { _ in sealer.word() })
    change(completion) { [self] in
      precondition(keys[key] == nil, "a number was given to two keys")
      keys[key] = secret
      coordinator.simulation.mark(.wrappingKeyMade)
      return true
    }
  }

  func keep(_ key: UInt64, _ secret: Secret, completion: @escaping (Bool) -> Void) {
    change(completion) { [self] in
      if let known = keys[key], known != secret {
        coordinator.simulation.fail("P5", "two keys have the number \(key)")
        return false
      }
      keys[key] = secret
      return true
    }
  }

  func destroy(_ gone: [UInt64], completion: @escaping (Bool) -> Void) {
    let needed = coordinator.replica?.exchange.wrappingKeysNeeded ?? []
    for key in gone where needed.contains(key) {
      coordinator.simulation.fail(
        "P1", "\(coordinator.name) destroys key \(key), which its state needs")
    }
    change(completion) { [self] in
      for key in gone { keys[key] = nil }
      coordinator.simulation.mark(.wrappingKeyDestroyed)
      return true
    }
  }

  private func change(_ completion: @escaping (Bool) -> Void, _ body: @escaping () -> Bool) {
    coordinator.after(coordinator.random.within(coordinator.disk.writeTime)) { [self] in
      if coordinator.disk.isFull { coordinator.disk.fullness?.bite() }
      completion(coordinator.disk.isFull ? false : body())
    }
  }

  // MARK: JobSealing

  func makeKey(under wrappingKey: UInt64) throws -> (key: JobKey, wrapped: [UInt8]) {
    guard let wrapping = keys[wrappingKey] else { throw SimulatedSealer.Refused() }
    let key = sealer.makeKey()
    var writer = CanonicalWriter(capacity: 40)
    writer.write(wrappingKey)
    writer.writeRaw(zip(key.secret.bytes, wrapping.bytes).map { $0 ^ $1 })
    return (key, writer.bytes)
  }

  func unwrap(_ wrapped: [UInt8]) throws -> JobKey {
    var reader = CanonicalReader(wrapped)
    guard let wrapping = keys[try reader.read(UInt64.self)] else { throw SimulatedSealer.Refused() }
    let sealed = try reader.readRaw(count: 32)
    return JobKey(secret: Secret(zip(sealed, wrapping.bytes).map { $0 ^ $1 }))
  }

  func streamKey(of key: JobKey) -> [UInt8] { sealer.streamKey(of: key) }
  func seal(_ plain: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8] {
    sealer.seal(plain, as: piece, under: key)
  }
  func open(_ sealed: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8] {
    try sealer.open(sealed, as: piece, under: key)
  }
}
