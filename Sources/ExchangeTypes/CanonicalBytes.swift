/// Writes values in the one canonical encoding: big-endian, lengths first, no padding.
///
/// `CanonicalReader` reads exactly what this writes; frames, commands, rows and receipts all use it. Both
/// are inlinable: specialised in the rooms that use them they are ten times as fast.
public struct CanonicalWriter: Sendable {
  /// What has been written.
  public var bytes: [UInt8] {
    @inlinable get { buffer }
  }
  @usableFromInline var buffer: [UInt8]

  /// An empty writer with room for `capacity` bytes.
  @inlinable
  public init(capacity: Int = 64) {
    buffer = []
    buffer.reserveCapacity(capacity)
  }

  /// Writes an integer in big-endian order.
  @inlinable
  public mutating func write<Value: FixedWidthInteger & UnsignedInteger>(_ value: Value) {
    // At once, since it is most of what encoding does: byte by byte, room is made sure of as often, and raw bytes are taken one by one.
    unsafe withUnsafeBytes(of: value.bigEndian) { raw in
      unsafe raw.withMemoryRebound(to: UInt8.self) { unsafe buffer.append(contentsOf: $0) }
    }
  }

  /// Writes `1` or `0` as one byte.
  @inlinable
  public mutating func write(_ value: Bool) { buffer.append(value ? 1 : 0) }

  /// Writes bytes as they are, without a length: for fields of a fixed size.
  @inlinable
  public mutating func writeRaw(_ value: some Collection<UInt8>) {
    buffer.append(contentsOf: value)
  }

  /// Writes a 32-bit length, then the bytes.
  @inlinable
  public mutating func write(_ value: [UInt8]) {
    write(UInt32(value.count))
    if value.count > 4_096 { makeRoom(beside: value.count) }
    buffer.append(contentsOf: value)
  }

  /// Room for a large value and what mostly follows it, so that it is not moved again for a few bytes.
  @usableFromInline
  mutating func makeRoom(beside count: Int) {
    let due = buffer.count + count + 256
    if buffer.capacity < due { buffer.reserveCapacity(max(due, 2 * buffer.capacity)) }
  }

  /// Writes a 32-bit length, then the UTF-8 bytes.
  @inlinable
  public mutating func write(_ value: String) {
    write(UInt32(value.utf8.count))
    buffer.append(contentsOf: value.utf8)
  }

  /// Writes `0`, or `1` and the value.
  @inlinable
  public mutating func write<Value>(
    _ value: Value?, _ body: (inout CanonicalWriter, Value) -> Void
  ) {
    write(value != nil)
    if let value { body(&self, value) }
  }

  /// Writes a 32-bit count, then the elements.
  @inlinable
  public mutating func write<Element>(
    _ values: [Element], _ body: (inout CanonicalWriter, Element) -> Void
  ) {
    write(UInt32(values.count))
    for value in values { body(&self, value) }
  }

  /// Takes away what was written from `offset` on.
  @inlinable
  public mutating func cut(at offset: Int) { buffer.removeSubrange(offset...) }

  /// Overwrites the four bytes at `offset` with `value`: for a length known only afterwards.
  @inlinable
  public mutating func patch(_ value: UInt32, at offset: Int) {
    for place in 0..<4 {
      buffer[offset + place] = UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32(place)))
    }
  }
}

/// Why bytes are not the canonical encoding of a value; `offset` counts from the first byte read.
public enum CanonicalError: Error, Hashable, Sendable {
  /// The bytes end inside a value.
  case truncated(offset: Int)
  /// A length or count is beyond its bound.
  case tooLong(offset: Int, length: UInt64, limit: UInt64)
  /// A byte that must be 0 or 1 is neither.
  case notBoolean(offset: Int, value: UInt8)
  /// Text that is not UTF-8.
  case notUTF8(offset: Int)
  /// A number outside the values that it may have.
  case unknownValue(offset: Int, value: UInt64)
  /// Bytes after the last value.
  case trailing(offset: Int, count: Int)
}

/// Reads what `CanonicalWriter` wrote and refuses everything else.
///
/// Nothing is allocated for a length before the bytes it claims are known to be there.
public struct CanonicalReader: Sendable {
  @usableFromInline let bytes: [UInt8]
  @usableFromInline let end: Int
  @usableFromInline var place: Int
  /// Where the next value starts.
  public var offset: Int {
    @inlinable get { place }
  }

  /// Reads `bytes` from its start.
  @inlinable
  public init(_ bytes: [UInt8]) {
    self.bytes = bytes
    place = 0
    end = bytes.count
  }

  /// Reads the part of `bytes` inside `range`.
  ///
  /// - Precondition: `range` lies inside `bytes`.
  @inlinable
  public init(_ bytes: [UInt8], in range: Range<Int>) {
    precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count)
    self.bytes = bytes
    place = range.lowerBound
    end = range.upperBound
  }

  /// Bytes not read yet.
  @inlinable public var remaining: Int { end - offset }

  /// Reads a big-endian integer.
  @inlinable
  public mutating func read<Value: FixedWidthInteger & UnsignedInteger>(
    _ type: Value.Type = Value.self
  ) throws(CanonicalError) -> Value {
    let size = Value.bitWidth / 8
    guard remaining >= size else { throw .truncated(offset: offset) }
    // At once, since it is most of what decoding does; that the bytes are there was looked at above.
    let start = place
    let value = unsafe bytes.withUnsafeBytes {
      unsafe $0.loadUnaligned(fromByteOffset: start, as: Value.self)
    }
    place += size
    return Value(bigEndian: value)
  }

  /// Reads one byte that must be 0 or 1.
  @inlinable
  public mutating func readBool() throws(CanonicalError) -> Bool {
    let at = offset
    let value = try read(UInt8.self)
    guard value <= 1 else { throw .notBoolean(offset: at, value: value) }
    return value == 1
  }

  /// Reads exactly `count` bytes.
  @inlinable
  public mutating func readRaw(count: Int) throws(CanonicalError) -> [UInt8] {
    guard remaining >= count else { throw .truncated(offset: offset) }
    defer { place += count }
    return Array(bytes[offset..<(offset + count)])
  }

  /// Passes over exactly `count` bytes.
  @inlinable
  public mutating func skip(count: Int) throws(CanonicalError) {
    precondition(count >= 0, "bytes are passed over backwards")
    guard remaining >= count else { throw .truncated(offset: offset) }
    place += count
  }

  /// Reads a 32-bit length of at most `limit`, then that many bytes.
  @inlinable
  public mutating func readBytes(limit: Int) throws(CanonicalError) -> [UInt8] {
    let at = offset
    let count = try read(UInt32.self)
    guard count <= limit else {
      throw .tooLong(offset: at, length: UInt64(count), limit: UInt64(limit))
    }
    return try readRaw(count: Int(count))
  }

  /// Reads a 32-bit length of at most `limit`, then that many bytes of UTF-8.
  @inlinable
  public mutating func readString(limit: Int) throws(CanonicalError) -> String {
    let at = offset
    let raw = try readBytes(limit: limit)
    guard let text = String(validating: raw, as: UTF8.self) else { throw .notUTF8(offset: at) }
    return text
  }

  /// Reads `0`, or `1` and a value.
  @inlinable
  public mutating func readOptional<Value>(
    _ body: (inout CanonicalReader) throws(CanonicalError) -> Value
  ) throws(CanonicalError) -> Value? {
    try readBool() ? try body(&self) : nil
  }

  /// Reads a 32-bit count of at most `limit`, then the elements.
  ///
  /// - Parameters:
  ///   - limit: the most elements allowed.
  ///   - elementBytesMin: the fewest bytes an element takes (at least 1): a count that the remaining
  ///     bytes cannot hold is refused before anything is allocated.
  ///   - body: reads one element.
  /// - Returns: the elements.
  /// - Throws: `CanonicalError` where the bytes are no such list.
  @inlinable
  public mutating func readList<Element>(
    limit: Int, elementBytesMin: Int,
    _ body: (inout CanonicalReader) throws(CanonicalError) -> Element
  ) throws(CanonicalError) -> [Element] {
    precondition(elementBytesMin >= 1)
    let at = offset
    let count = try read(UInt32.self)
    guard count <= limit else {
      throw .tooLong(offset: at, length: UInt64(count), limit: UInt64(limit))
    }
    guard Int(count) <= remaining / elementBytesMin else { throw .truncated(offset: at) }
    var elements: [Element] = []
    elements.reserveCapacity(Int(count))
    for _ in 0..<count { elements.append(try body(&self)) }
    return elements
  }

  /// Reads a number and turns it into one of the values it may have.
  @inlinable
  public mutating func readCase<Value: RawRepresentable>(
    _ type: Value.Type = Value.self
  ) throws(CanonicalError) -> Value
  where Value.RawValue: FixedWidthInteger & UnsignedInteger {
    let at = offset
    let raw = try read(Value.RawValue.self)
    guard let value = Value(rawValue: raw) else {
      throw .unknownValue(offset: at, value: UInt64(raw))
    }
    return value
  }

  /// Demands that everything has been read.
  @inlinable
  public func finish() throws(CanonicalError) {
    guard remaining == 0 else { throw .trailing(offset: offset, count: remaining) }
  }
}
