import ExchangeTypes
import Testing

@Suite("Canonical bytes")
struct CanonicalTests {
  @Test("reads what was written")
  func roundTrip() throws {
    var writer = CanonicalWriter()
    writer.write(UInt8(1))
    writer.write(UInt16(0x0203))
    writer.write(UInt64(7))
    writer.write(true)
    writer.write("añ")
    writer.write([UInt8]([4, 5]))
    writer.write([1, 2, 3] as [UInt32]) { $0.write($1) }
    writer.write(UInt8?.none) { $0.write($1) }
    writer.write(UInt8?.some(9)) { $0.write($1) }
    #expect(Array(writer.bytes.prefix(3)) == [1, 2, 3])
    var reader = CanonicalReader(writer.bytes)
    #expect(try reader.read(UInt8.self) == 1)
    #expect(try reader.read(UInt16.self) == 0x0203)
    #expect(try reader.read(UInt64.self) == 7)
    #expect(try reader.readBool())
    #expect(try reader.readString(limit: 3) == "añ")
    #expect(try reader.readBytes(limit: 2) == [4, 5])
    let list = try reader.readList(limit: 3, elementBytesMin: 4) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try reader.read(UInt32.self)
    }
    #expect(list == [1, 2, 3])
    func byte(_ reader: inout CanonicalReader) throws(CanonicalError) -> UInt8 {
      try reader.read()
    }
    #expect(try reader.readOptional(byte) == nil)
    #expect(try reader.readOptional(byte) == 9)
    try reader.finish()
  }

  @Test("passes over bytes, and not beyond the end")
  func passingOver() throws {
    var reader = CanonicalReader([1, 2, 3, 4])
    try reader.skip(count: 2)
    let next: UInt8 = try reader.read()
    #expect(next == 3)
    func passTwo() throws(CanonicalError) { try reader.skip(count: 2) }
    #expect(throws: CanonicalError.truncated(offset: 3)) { try passTwo() }
    try reader.skip(count: 1)
    try reader.finish()
  }

  @Test("refuses what nobody writes")
  func refusals() {
    func refusal<Value>(
      _ bytes: [UInt8], _ body: (inout CanonicalReader) throws(CanonicalError) -> Value
    ) -> CanonicalError? {
      var reader = CanonicalReader(bytes)
      do {
        _ = try body(&reader)
        try reader.finish()
        return nil
      } catch { return error }
    }
    #expect(
      refusal([1]) { (r) throws(CanonicalError) in try r.read(UInt16.self) }
        == .truncated(offset: 0))
    #expect(
      refusal([2]) { (r) throws(CanonicalError) in try r.readBool() }
        == .notBoolean(offset: 0, value: 2))
    #expect(
      refusal([0, 0, 0, 9, 1]) { (r) throws(CanonicalError) in try r.readBytes(limit: 8) }
        == .tooLong(offset: 0, length: 9, limit: 8))
    #expect(
      refusal([0, 0, 0, 9, 1]) { (r) throws(CanonicalError) in try r.readBytes(limit: 9) }
        == .truncated(offset: 4))
    #expect(
      refusal([0, 0, 0, 1, 0xFF]) { (r) throws(CanonicalError) in try r.readString(limit: 1) }
        == .notUTF8(offset: 0))
    #expect(
      refusal([9]) { (r) throws(CanonicalError) in try r.readCase(JobMode.self) }
        == .unknownValue(offset: 0, value: 9))
    #expect(
      refusal([1, 0]) { (r) throws(CanonicalError) in try r.readCase(JobMode.self) }
        == .trailing(offset: 1, count: 1))
    #expect(
      refusal([0, 0, 0, 3, 1, 2]) { (r) throws(CanonicalError) in
        try r.readList(limit: 3, elementBytesMin: 1) {
          (r: inout CanonicalReader) throws(CanonicalError) in try r.read(UInt8.self)
        }
      } == .truncated(offset: 0))
  }
}

@Suite("Amounts")
struct AmountTests {
  @Test("credits print and parse as decimals")
  func decimals() throws {
    for (nano, text) in [
      (0, "0"), (1, "0.000000001"), (1_500_000_000, "1.5"), (.max, "18446744073.709551615"),
    ] as [(UInt64, String)] {
      #expect(Credits(nano: nano).description == text)
      #expect(try Credits(parsing: text) == Credits(nano: nano))
    }
    for text in ["", ".", "1.", ".5", "-1", "+1", "1.0000000001", "1e3", "0x1", "١", "1.5.0"] {
      #expect(throws: AmountFault.invalid, "\(text)") { try Credits(parsing: text) }
    }
    for text in ["18446744073.709551616", "18446744074", "99999999999999999999999.5"] {
      #expect(throws: AmountFault.overflow, "\(text)") { try Credits(parsing: text) }
    }
  }

  @Test("sums, differences and products that do not fit are nil")
  func overflow() {
    #expect(Credits(nano: .max).adding(Credits(nano: 1)) == nil)
    #expect(Credits(nano: 1).subtracting(Credits(nano: 2)) == nil)
    let highest = PricePair(
      input: Price(nanoPerMillion: .max), output: Price(nanoPerMillion: .max))
    func cost(_ tokens: UInt64) -> Credits? {
      highest.cost(
        inputTokens: TokenCount(tokens), outputTokens: TokenCount(tokens), rounding: .up)
    }
    #expect(cost(500_000) == Credits(nano: .max))
    #expect(cost(500_001) == nil && cost(.max) == nil)
  }
}

@Suite("State digest")
struct DigestTests {
  @Test("does not depend on order, and what is removed leaves no trace")
  func multiset() {
    let rows = (0..<20).map { StateDigest(table: 1, key: [UInt8($0)], value: [1, 2]) }
    var forward = StateDigest()
    var backward = StateDigest()
    for row in rows { forward.add(row) }
    for row in rows.reversed() { backward.add(row) }
    #expect(forward == backward)
    for row in rows { forward.remove(row) }
    #expect(forward == StateDigest())
    #expect(StateDigest(bytes: backward.bytes) == backward)
    #expect(StateDigest(bytes: [1]) == nil)
  }

  @Test("tells table, key and value apart")
  func boundaries() {
    let digest = StateDigest(table: 1, key: [2], value: [3])
    #expect(digest != StateDigest(table: 2, key: [2], value: [3]))
    #expect(digest != StateDigest(table: 1, key: [], value: [2, 3]))
    #expect(digest != StateDigest(table: 1, key: [2, 3], value: []))
  }
}

@Suite("Hexadecimal digits")
struct HexadecimalTests {
  @Test("are read as they are written, in either case, and nothing else is")
  func bothWays() {
    let all = [UInt8](0...255)
    #expect(bytes(ofHexadecimal: hexadecimal(all)) == all)
    #expect(
      bytes(ofHexadecimal: hexadecimal(all).uppercased()) == all && bytes(ofHexadecimal: "") == [])
    for text in ["0", "0g", "+1", " 1", "0x", "a1b", "\u{e9}"] {
      #expect(bytes(ofHexadecimal: text) == nil, "\(text)")
    }
  }
}
