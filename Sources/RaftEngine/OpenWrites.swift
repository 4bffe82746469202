internal import ExchangeTypes

/// The log writes that are not durable yet, in order.
///
/// Writes become durable in the order in which they were handed out. When a later write truncates the
/// log, the completion of an earlier one no longer vouches for what was cut off, even if the same
/// entries come back: a crash between the two completions would lose them.
struct OpenWrites {
  private struct Write {
    let number: WriteNumber
    /// The last index written.
    let written: LogIndex
    /// The last index that its completion proves durable: lowered by later truncations.
    var proven: LogIndex
  }

  private var open: [Write] = []
  private var issued: UInt64 = 0

  /// Adds a write whose entries are `first` to `last`, and gives its number.
  mutating func issue(first: LogIndex, last: LogIndex) -> WriteNumber {
    for place in open.indices where open[place].proven >= first {
      open[place].proven = LogIndex(first.rawValue - 1)
    }
    issued += 1
    let number = WriteNumber(rawValue: issued)
    open.append(Write(number: number, written: last, proven: last))
    return number
  }

  /// A snapshot takes the log's place: earlier writes prove nothing.
  mutating func voidAll() {
    for place in open.indices { open[place].proven = LogIndex(0) }
  }

  /// What the completion of every write up to `number` proves durable, and what it wrote; nil if that
  /// was known.
  ///
  /// - Throws: if `number` was never issued.
  mutating func complete(
    through number: WriteNumber
  ) throws(RaftFailure) -> (proven: LogIndex, written: LogIndex)? {
    guard number.rawValue <= issued else {
      throw RaftFailure(code: 0, reason: "a write completed that was never issued")
    }
    var last: Write?
    while let first = open.first, first.number <= number { last = open.removeFirst() }
    return last.map { ($0.proven, $0.written) }
  }
}
