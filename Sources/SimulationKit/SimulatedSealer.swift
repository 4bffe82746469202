internal import ExchangeTypes
internal import JobDispatch

/// Seals with a key stream and a tag out of a mixing function: as strict as the real one, and fast.
///
/// One for all coordinators of a run, so that it notices a piece that is sealed twice, by
/// whomever, which with a real cipher would give both texts away.
final class SimulatedSealer {
  struct Refused: Error {}

  private static let tagBytes = 8
  private unowned let simulation: Simulation
  private var random: SeededGenerator
  private var sealed: Set<UInt64> = []

  init(_ simulation: Simulation) {
    self.simulation = simulation
    random = SeededGenerator(seed: simulation.seed, part: 1_000_002)
  }

  /// Eight random bytes.
  func word() -> [UInt8] { bytes(of: random.next()) }

  func makeKey() -> JobKey { JobKey(secret: Secret((0..<4).flatMap { _ in word() })) }

  func streamKey(of key: JobKey) -> [UInt8] { key.secret.bytes.map { $0 ^ 0xA5 } }

  func seal(_ plain: [UInt8], as piece: SealedPiece, under key: JobKey) -> [UInt8] {
    let name = name(of: piece, under: key)
    if !sealed.insert(name).inserted { simulation.fail("P5", "\(piece) was sealed twice") }
    return mask(plain, name) + bytes(of: tag(plain, name))
  }

  func open(_ sealed: [UInt8], as piece: SealedPiece, under key: JobKey) throws -> [UInt8] {
    guard sealed.count >= Self.tagBytes else { throw Refused() }
    let name = name(of: piece, under: key)
    let plain = mask(Array(sealed.dropLast(Self.tagBytes)), name)
    guard bytes(of: tag(plain, name)) == Array(sealed.suffix(Self.tagBytes)) else {
      throw Refused()
    }
    return plain
  }

  private func name(of piece: SealedPiece, under key: JobKey) -> UInt64 {
    var name = key.secret.bytes.reduce(0) { SeededGenerator.mix($0 ^ UInt64($1)) }
    switch piece {
    case .payload(let part): name = SeededGenerator.mix(name ^ UInt64(part))
    case .record(let term, let epoch, let ordinal):
      for part in [1 << 40, term.rawValue, UInt64(epoch.rawValue), UInt64(ordinal)] {
        name = SeededGenerator.mix(name ^ part) &+ 1
      }
    }
    return name
  }

  private func tag(_ plain: [UInt8], _ name: UInt64) -> UInt64 {
    plain.reduce(name) { SeededGenerator.mix($0 ^ UInt64($1)) }
  }

  private func mask(_ plain: [UInt8], _ name: UInt64) -> [UInt8] {
    var stream = SeededGenerator(seed: name)
    var masked = plain
    masked.reserveCapacity(plain.count + Self.tagBytes)
    for start in stride(from: 0, to: masked.count, by: 8) {
      var word = stream.next()
      for place in start..<min(start + 8, masked.count) {
        masked[place] ^= UInt8(truncatingIfNeeded: word)
        word >>= 8
      }
    }
    return masked
  }

  private func bytes(of word: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: word >> UInt64($0 * 8)) }
  }
}
