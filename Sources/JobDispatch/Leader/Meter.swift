internal import WireProtocol

/// Counts what a stream delivers, in the three ways that a bill can be made of.
struct Meter {
  /// Tokens as the engine claimed them, chunk by chunk.
  private(set) var tokens: UInt32 = 0
  /// Token ids.
  private(set) var idTokens: UInt32 = 0
  /// Bytes of output.
  private(set) var bytes: UInt32 = 0

  mutating func count(_ event: Event) {
    tokens = saturatingSum(tokens, event.tokenCount)
    idTokens = saturatingSum(idTokens, UInt32(clamping: event.ids.count))
    bytes = saturatingSum(bytes, UInt32(clamping: event.bytes.count))
  }
}

private func saturatingSum(_ left: UInt32, _ right: UInt32) -> UInt32 {
  let (sum, overflow) = left.addingReportingOverflow(right)
  return overflow ? .max : sum
}
