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
    public var payload: [UInt8] { bytes }
    /// How many commands it has.
    public private(set) var count: UInt32 = 0
    private var bytes: [UInt8]

    /// An empty batch.
    public init(time: LogTime) {
      var head = CanonicalWriter(capacity: 1_024)
      head.write(CommandBatch.version)
      head.write(time.rawValue)
      head.write(UInt32(0))
      bytes = head.bytes
    }

    /// Takes the command if it fits.
    public mutating func append(_ command: Command) -> Verdict {
      var writer = FieldWriter(capacity: 256)
      command.encode(into: &writer)
      let encoded = writer.out.bytes
      guard writer.isWithinLimits,
        CommandBatch.headBytes + encoded.count <= LogEntry.payloadBytesMax
      else { return .invalid }
      guard bytes.count + encoded.count <= LogEntry.payloadBytesMax else { return .full }
      bytes += encoded
      count += 1
      for place in 0..<4 {
        bytes[9 + place] = UInt8(truncatingIfNeeded: count >> (24 - 8 * UInt32(place)))
      }
      return .taken
    }
  }
}
