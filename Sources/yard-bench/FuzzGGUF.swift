internal import ArgumentParser
internal import BuiltinEngine
internal import Foundation

/// Damaged GGUF headers through the reader: nothing crashes, and what is refused is refused at once.
///
/// Starts from small models of every kind of weights, and damages header and length in the ways that find
/// faults in readers. A model that is still accepted is run for a token: what was believed is used.
struct FuzzGGUFCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "fuzz-gguf",
    abstract: "Reads mutated GGUFs; fails on a crash, a slow refusal or a growing process.")

  @Option(help: "How many files.")
  var count = 100_000

  @Option(help: "The seed; the same seed makes the same files.")
  var seed: UInt64 = 1

  /// The slowest that a file may be refused.
  private static let slowest = Duration.seconds(1)
  /// How much the process may grow after the first hundredth of the files.
  private static let growthMax = 64 << 20

  func run() throws {
    var random = SplitMix64(state: seed)
    let samples = SampleLlama.Weights.allCases.map { weights in
      var sample = SampleLlama()
      sample.weights = weights
      sample.isUntied = weights == .f16
      return sample.gguf()
    }
    let clock = ContinuousClock()
    var accepted = 0
    var reasons: Set<String> = []
    var worst = Duration.zero
    var before = 0
    let began = clock.now
    for index in 0..<count {
      if index == count / 100 { before = try resident() }
      let sample = random.pick(samples)
      var file = sample.bytes
      for _ in 0..<(1 + random.below(2)) { damage(&file, sample.headerBytes, &random) }
      let start = clock.now
      do throws(GGUFError) {
        let model = try LlamaModel(ModelBytes(copying: file))
        accepted += 1
        if model.cacheBytes(context: 2) < 1 << 24 { _ = model.topTwo(afterEachOf: [1, 0]) }
      } catch {
        reasons.insert(kind(error))
      }
      worst = max(worst, clock.now - start)
    }
    let growth = try resident() - before
    print(
      "fuzz-gguf seed \(seed): \(count) files, \(accepted) accepted, \(count - accepted) refused for",
      "\(reasons.count) reasons, slowest \(worst), grew by \(growth >> 10) KiB, \(clock.now - began)"
    )
    // A fuzzer that refuses nothing, or accepts nothing, tests nothing.
    let isFair = count < 10_000 || (accepted > count / 50 && accepted < count - count / 50)
    if !isFair { print("  the damage is too heavy or too light") }
    if worst > Self.slowest { print("  a file took longer than \(Self.slowest)") }
    if growth > Self.growthMax { print("  the process grows") }
    guard isFair, worst <= Self.slowest, growth <= Self.growthMax else { throw ExitCode.failure }
  }

  private func damage(
    _ file: inout [UInt8], _ headerBytes: Int, _ random: inout SplitMix64
  ) {
    let header = min(headerBytes, file.count)
    guard header > 8 else { return }
    let place = random.below(header)
    switch random.below(10) {
    case 0: file[place] ^= 1 << UInt8(random.below(8))
    case 1: file[place] = UInt8(truncatingIfNeeded: random.next())
    case 2: file.removeSubrange(place...)
    case 3: file.insert(contentsOf: random.bytes(1 + random.below(9)), at: place)
    case 4: file.removeSubrange(place..<min(place + 1 + random.below(9), file.count))
    case 5, 6: overwrite(&file, at: place, with: random.pick(Self.extremes))
    case 7: overwrite(&file, at: place, with: bytes(UInt64(random.below(4 * file.count))))
    case 8: file.removeSubrange(random.below(file.count)...)
    default: swap(&file, place, random.below(header), 1 + random.below(64))
    }
  }

  /// Counts, lengths, sizes, offsets and types as they are in a header.
  private static let extremes: [[UInt8]] = [
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF],
    [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
    [0, 0, 0, 0, 0, 0, 0, 0x80], [0, 0, 0, 0, 1, 0, 0, 0], [0, 0, 0, 0x80],
    [0xFF, 0xFF, 0xFF, 0x7F],
    [0, 0, 0, 0], [0, 0, 0, 0, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0x80, 0x7F],
    [0, 0, 0xC0, 0x7F], [8], [9], [31], [0x20, 0, 0, 0],
  ]

  private func overwrite(_ file: inout [UInt8], at place: Int, with bytes: [UInt8]) {
    for (offset, byte) in bytes.enumerated() where place + offset < file.count {
      file[place + offset] = byte
    }
  }

  private func bytes(_ value: UInt64) -> [UInt8] {
    (0..<8).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func swap(_ file: inout [UInt8], _ a: Int, _ b: Int, _ count: Int) {
    for offset in 0..<count where max(a, b) + offset < file.count {
      file.swapAt(a + offset, b + offset)
    }
  }

  /// A refusal without its numbers and names.
  private func kind(_ error: GGUFError) -> String {
    let text =
      switch error {
      case .unreadable: "unreadable"
      case .malformed(_, let what): what
      case .metadata(let key, let what): key + what
      case .tensor(_, let what): what
      }
    return String(text.filter { $0.isLetter || $0 == " " }.prefix(40))
  }

  private func resident() throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
    let pages = text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
    return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
  }
}
