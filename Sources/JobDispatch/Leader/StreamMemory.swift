/// The memory that a leader gives to the events of all its streams together.
///
/// ```
///  0 ──────────── half ─────────────── bytesMax
///    each its window   one read a checkpoint   who sends beyond his window loses his attempt
/// ```
/// Each stream has a window of its own; a thousand streams of one supplier have a thousand of them, and what flow control
/// has let on its way comes all the same. So there is a bound for all, in three steps: from half of it on nothing is kept that
/// the record has, and nobody is read on before what he sent is recorded; at the end of it an attempt whose worker goes on
/// sending is lost.
final class StreamMemory {
  private let bytesMax: Int
  private(set) var bytes = 0

  /// A bound for the streams that share it; none if nothing is said.
  init(bytesMax: Int = .max) { self.bytesMax = bytesMax }

  /// Whether streams must wait for the record.
  var isScarce: Bool { bytes >= bytesMax / 2 }
  /// Whether there is none.
  var isExhausted: Bool { bytes >= bytesMax }

  func take(_ count: Int) { bytes += count }
  func give(back count: Int) { bytes -= count }
}
