internal import CKernels

/// How a token is chosen from logits.
public struct Sampling: Hashable, Sendable {
  /// 0 takes the most likely token.
  public var temperature: Double
  /// Only the most likely tokens are drawn from that hold this much probability together.
  public var topP: Double
  /// Only this many of the most likely tokens are drawn from; 0 for all.
  public var topK: Int
  /// Where the draws start.
  public var seed: UInt64

  /// What a request gets that names none: llama.cpp's defaults; without a seed, the seed 0.
  public static let standard = Sampling(temperature: 0.8, topP: 0.95, topK: 40, seed: 0)

  /// Sets the parts.
  public init(temperature: Double, topP: Double, topK: Int, seed: UInt64) {
    self.temperature = temperature
    self.topP = topP
    self.topK = topK
    self.seed = seed
  }

  /// The token at a place of the output.
  ///
  /// What is drawn depends on the seed and the place alone, so an output that is cut goes on as it would
  /// have gone. `scratch` has room for one candidate for each logit.
  func token(
    from logits: UnsafeBufferPointer<Float>, at index: Int,
    scratch: UnsafeMutablePointer<ck_candidate>
  ) -> UInt32 {
    guard temperature > 0 else {
      return UInt32(ck_largest(logits.baseAddress, logits.count))
    }
    return UInt32(
      ck_sample(
        ck_level_best(), logits.baseAddress, logits.count, Float(temperature), topK, Float(topP),
        draw(index), scratch))
  }

  /// A number from 0 up to but without 1: SplitMix64's output function (Steele, Lea and Flood, OOPSLA
  /// 2014) of the seed, and of that and the place.
  func draw(_ index: Int) -> Double {
    let start = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15)
    let mixed = Self.mix(start &+ (UInt64(index) &+ 1) &* 0x9E37_79B9_7F4A_7C15)
    return Double(mixed >> 11) * 0x1p-53
  }

  private static func mix(_ value: UInt64) -> UInt64 {
    var mixed = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
