import ExchangeTypes
import WireProtocol

/// Damaged frames through the decoder: nothing crashes, what is accepted has one encoding, and what is
/// held stays within its bound, which the kernel holds.
///
/// Starts from a valid frame of every kind and damages it in the ways that find faults in decoders:
/// flipped bits, lengths and counts that lie, cuts, splices, insertions, extreme integers.
enum FuzzFrames {
  /// Memory that the run may take beyond what it starts with: three of the largest payloads.
  ///
  /// No frame here is a tenth as long, so whoever reserves what a damaged length or count claims, and not
  /// what has arrived, meets this ceiling.
  static let headroomBytes = 3 * (MessageKind.allCases.map { Int($0.payloadMax) }.max() ?? 0)

  /// Makes `count` damaged frames from `seed`; prints one line and answers whether all went well.
  static func run(count: Int, seed: UInt64) throws -> Bool {
    var run = FuzzRun(seed: seed)
    try MemoryCeiling.set(headroom: headroomBytes)
    let clock = ContinuousClock()
    let elapsed = clock.measure {
      for _ in 0..<count { run.step() }
    }
    print(
      "fuzz-frames seed \(seed): \(count) frames, \(run.accepted) accepted, \(run.refused) refused,",
      "\(run.kindsSeen) kinds read, \(run.faults.count) faults, within \(headroomBytes >> 20) MiB, \(elapsed)"
    )
    for fault in run.faults.prefix(10) { print("  \(fault)") }
    // A fuzzer that reads almost nothing, or refuses almost nothing, tests nothing.
    let isFair = count < 10_000 || (run.accepted > count / 50 && run.refused > count / 50)
    if !isFair { print("  the damage is too heavy or too light") }
    return run.faults.isEmpty && isFair
  }
}

private struct FuzzRun {
  private var random: SplitMix64
  private let corpus: [[UInt8]]
  private(set) var accepted = 0
  private(set) var refused = 0
  private(set) var faults: [String] = []
  private var seen: Set<MessageKind> = []

  var kindsSeen: Int { seen.count }

  init(seed: UInt64) {
    random = SplitMix64(state: seed)
    corpus = FrameCorpus.frames
    precondition(corpus.count == MessageKind.allCases.count)
  }

  mutating func step() {
    var frame = random.pick(corpus)
    for _ in 0..<(1 + random.below(3)) { damage(&frame) }
    // Half of the frames get an honest header again, or only headers would be tested.
    if frame.count >= Frame.headerBytes, random.below(2) == 0 { mend(&frame) }
    feed(frame)
  }

  private mutating func damage(_ frame: inout [UInt8]) {
    guard !frame.isEmpty else { return }
    let place = random.below(frame.count)
    switch random.below(9) {
    case 0: frame[place] ^= 1 << UInt8(random.below(8))
    case 1: frame[place] = UInt8(truncatingIfNeeded: random.next())
    case 2: frame.removeSubrange(place...)
    case 3: frame.insert(contentsOf: random.bytes(1 + random.below(9)), at: place)
    case 4: frame.removeSubrange(place..<min(place + 1 + random.below(9), frame.count))
    case 5: overwrite(&frame, at: place, with: random.pick(Self.extremes))
    case 6: overwrite(&frame, at: place, with: bytes(UInt32(random.below(frame.count + 8))))
    case 7: frame = Array(frame[..<place] + random.pick(corpus).dropFirst(place))
    default: frame += random.bytes(1 + random.below(16))
    }
  }

  /// Lengths and counts as they are in a frame.
  private static let extremes: [[UInt8]] = [
    [0, 0, 0, 0], [0, 0, 0, 1], [0, 0, 1, 0], [0, 0, 1, 1], [0, 0, 4, 0], [0, 16, 0, 0],
    [0x7F, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0xFF, 0xFF, 0xFF, 0xFF], [0xFF], [2],
  ]

  private func overwrite(_ frame: inout [UInt8], at place: Int, with bytes: [UInt8]) {
    for (offset, byte) in bytes.enumerated() where place + offset < frame.count {
      frame[place + offset] = byte
    }
  }

  private func bytes(_ value: UInt32) -> [UInt8] {
    var writer = CanonicalWriter(capacity: 4)
    writer.write(value)
    return writer.bytes
  }

  private func mend(_ frame: inout [UInt8]) {
    overwrite(&frame, at: 0, with: bytes(UInt32(frame.count - Frame.headerBytes)))
    frame[6] = 0
    frame[7] = 0
  }

  /// Feeds the frame in random pieces, as a socket would.
  private mutating func feed(_ frame: [UInt8]) {
    var decoder = FrameDecoder(allowed: .all)
    var place = 0
    do throws(WireError) {
      while place < frame.count {
        let end = min(place + 1 + random.below(frame.count), frame.count)
        decoder.append(Array(frame[place..<end]))
        place = end
        while let next = try decoder.next() { try judge(next) }
        if decoder.bytesHeld > frame.count { fault("holds more than arrived", frame) }
      }
      try decoder.finish()
    } catch {
      refused += 1
      if error.code != .frameMalformed && error.code != .frameTooLarge {
        fault("refused with \(error)", frame)
      }
      if case .malformed(_, let inner) = error, offset(of: inner) > frame.count {
        fault("an offset outside the frame: \(inner)", frame)
      }
    }
  }

  /// Whether a payload ends before fields that were appended since: absent, for which we write a zero each.
  private func isOlder(_ received: some Collection<UInt8>, than ours: some Collection<UInt8>)
    -> Bool
  {
    ours.starts(with: received) && ours.dropFirst(received.count).allSatisfy { $0 == 0 }
  }

  /// Reads an accepted frame and demands that it encodes to the same bytes, but for what a session message may
  /// have more or, from an older peer, fewer at its end.
  private mutating func judge(_ frame: Frame) throws(WireError) {
    if frame.payload.count > frame.kind.payloadMax { fault("beyond its limit", frame.payload) }
    let message = try Message(frame)
    accepted += 1
    seen.insert(frame.kind)
    do throws(WireError) {
      let again = try FrameEncoder.encode(message.content)
      let payload = again[Frame.headerBytes...]
      let matches =
        frame.kind.isStrict
        ? payload.elementsEqual(frame.payload)
        : frame.payload.starts(with: payload) || isOlder(frame.payload, than: payload)
      if !matches { fault("\(frame.kind) has two encodings", frame.payload) }
    } catch {
      fault("\(frame.kind) was read but cannot be written: \(error)", frame.payload)
    }
  }

  private func offset(of error: CanonicalError) -> Int {
    switch error {
    case .truncated(let offset), .notUTF8(let offset), .tooLong(let offset, _, _),
      .notBoolean(let offset, _), .unknownValue(let offset, _), .trailing(let offset, _):
      offset
    }
  }

  private mutating func fault(_ text: String, _ bytes: [UInt8]) {
    faults.append("\(text): \(bytes.prefix(64))")
  }
}

extension FrameCorpus {
  /// The frames of `text`.
  fileprivate static var frames: [[UInt8]] {
    var frames: [[UInt8]] = []
    var digits: [UInt8] = []
    for line in (text + "\n").split(separator: "\n", omittingEmptySubsequences: false) {
      if line.isEmpty {
        frames.append(
          stride(from: 0, to: digits.count - 1, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
        digits = []
      }
      digits += line.utf8.map { $0 > 57 ? $0 - 87 : $0 - 48 }
    }
    return frames
  }
}
