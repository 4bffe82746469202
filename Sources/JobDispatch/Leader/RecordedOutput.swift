internal import WireProtocol

/// The text of a job's output, gathered from its events, with the token ids that they have.
///
/// Invariant: the parts' bytes add up to the text's; a part is of whole events, all of which have ids or none.
struct RecordedOutput {
  /// The longest output that another worker continues, in bytes: the loop reads it in one go.
  static let bytesMax = 256 << 10
  /// Ids of one part, and parts of one output (`proto-spec/messages.md`, OutputPart, Assign).
  private static let partIDsMax = 4_096
  private static let partsMax = 1_024

  /// What it says.
  private(set) var text: [UInt8] = []
  private var parts: [(bytes: Int, tokens: UInt64, ids: [UInt32])] = []

  /// Adds events; false if one is anything else than the text of the first answer, or if it gets too long.
  mutating func append(_ events: [Event]) -> Bool {
    for event in events {
      guard event.kind == .text, event.choice == 0, text.count + event.bytes.count <= Self.bytesMax
      else { return false }
      text += event.bytes
      if let last = parts.last, last.ids.isEmpty == event.ids.isEmpty,
        last.ids.count + event.ids.count <= Self.partIDsMax
      {
        let place = parts.count - 1
        parts[place].bytes += event.bytes.count
        parts[place].tokens += UInt64(event.tokenCount)
        parts[place].ids += event.ids
      } else {
        parts.append((event.bytes.count, UInt64(event.tokenCount), event.ids))
      }
    }
    return true
  }

  /// The parts as an assignment carries them; nil if none has ids, or if they take more than so many bytes.
  func parts(within bytesMax: Int) -> [OutputPart]? {
    let size = parts.reduce(8) { $0 + 12 + 4 * $1.ids.count }
    guard parts.contains(where: { !$0.ids.isEmpty }), parts.count <= Self.partsMax, size <= bytesMax
    else { return nil }
    return parts.map {
      OutputPart(bytes: UInt32($0.bytes), tokens: UInt32(clamping: $0.tokens), ids: $0.ids)
    }
  }
}
