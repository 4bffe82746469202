public import ExchangeTypes

/// The commands of one log entry, with the time at which the leader stamped them.
///
/// Encoding: version `u8` = 1 ‖ time `u64` ‖ count `u32` ‖ commands, each code `u8` ‖ fields. Strict: a
/// byte that this program does not understand is an error, since a replica that skipped it would
/// come to another state than the others.
public struct CommandBatch: Hashable, Sendable {
  /// The encoding's version.
  static let version: UInt8 = 1
  /// Version, time and count.
  static let headBytes = 13
  /// The most commands in a batch: the smallest command takes a byte.
  static let commandsMax = LogEntry.payloadBytesMax - headBytes

  /// When the leader made the batch.
  ///
  /// `apply` takes the later of this and the state's time: an earlier one comes from a batch that
  /// an older leader stamped.
  public let time: LogTime
  /// The commands, in the order in which they are applied.
  public let commands: [Command]

  /// Joins the parts.
  public init(time: LogTime, commands: [Command]) {
    self.time = time
    self.commands = commands
  }

  /// Reads an entry's payload.
  public init(payload: [UInt8]) throws(CanonicalError) {
    guard payload.count <= LogEntry.payloadBytesMax else {
      throw .tooLong(
        offset: 0, length: UInt64(payload.count), limit: UInt64(LogEntry.payloadBytesMax))
    }
    var reader = CanonicalReader(payload)
    let version = try reader.read(UInt8.self)
    guard version == Self.version else {
      throw .unknownValue(offset: 0, value: UInt64(version))
    }
    time = try reader.readTime()
    commands = try reader.readList(limit: Self.commandsMax, elementBytesMin: 1) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try Command(from: &reader)
    }
    try reader.finish()
  }

  /// The entry's payload, or nil if it would not fit in an entry or a field is beyond its bound.
  public func payload() -> [UInt8]? {
    var builder = Builder(time: time)
    for command in commands where builder.append(command) != .taken { return nil }
    return builder.payload
  }
}

extension CommandBatch {
  /// Packs commands into the payload of one entry until it is full.
  public struct Builder: Sendable {
    /// What became of a command.
    public enum Verdict: Hashable, Sendable {
      /// It is in the batch.
      case taken
      /// It does not fit any more; it goes into the next batch.
      case full
      /// A field is beyond its bound: it fits in no batch and must not be proposed.
      case invalid
    }

    /// The payload with the commands taken so far.
    public var payload: [UInt8] { fields.out.bytes }
    /// How many commands it has.
    public private(set) var count: UInt32 = 0
    private var fields: FieldWriter

    /// An empty batch.
    public init(time: LogTime) {
      fields = FieldWriter(capacity: 1_024)
      fields.write(CommandBatch.version)
      fields.write(time.rawValue)
      fields.write(UInt32(0))
    }

    /// Takes the command if it fits.
    ///
    /// It is written behind the others, and taken away again if it does not: so most commands are written once, where they stay.
    public mutating func append(_ command: Command) -> Verdict {
      let start = fields.out.bytes.count
      command.encode(into: &fields)
      let end = fields.out.bytes.count
      guard fields.isWithinLimits, CommandBatch.headBytes + end - start <= LogEntry.payloadBytesMax
      else {
        fields.cut(at: start)
        return .invalid
      }
      guard end <= LogEntry.payloadBytesMax else {
        fields.cut(at: start)
        return .full
      }
      count += 1
      fields.out.patch(count, at: 9)
      return .taken
    }
  }
}
