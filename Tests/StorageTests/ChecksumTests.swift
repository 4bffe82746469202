@testable import Storage
import Testing

@Suite struct ChecksumTests {
  @Test("the catalogue's check value")
  func checkValue() {
    var checksum = Checksum()
    let digits = Array("123456789".utf8)
    checksum.update(digits.span.bytes)
    #expect(checksum.value == 0x995D_C9BB_DF19_39FA)
  }

  @Test("eight bytes a step give what one bit a step gives, however the bytes are cut")
  func agreesWithBitwise() {
    var random = SplitMix(state: 5)
    for count in 0...70 {
      let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
      let cut = Int.random(in: 0...count, using: &random)
      let (head, tail) = (Array(bytes[..<cut]), Array(bytes[cut...]))
      var checksum = Checksum()
      checksum.update(head.span.bytes)
      checksum.update(tail.span.bytes)
      #expect(checksum.value == crc64(bytes))
    }
  }

  @Test("numbers count as their big-endian bytes")
  func numbers() {
    var checksum = Checksum()
    checksum.update(UInt8(1))
    checksum.update(UInt64(0x0203_0405_0607_0809))
    #expect(checksum.value == crc64([1, 2, 3, 4, 5, 6, 7, 8, 9]))
  }
}
