/// Two lower-case digits for each byte.
public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
  bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
}

/// The bytes of such digits, upper-case ones too; nil where there is anything else, or half a byte.
public func bytes(ofHexadecimal text: some StringProtocol) -> [UInt8]? {
  var bytes: [UInt8] = []
  var digits = text.utf8.makeIterator()
  while let first = digits.next() {
    guard let high = hexadecimalDigit(first), let low = digits.next().flatMap(hexadecimalDigit)
    else { return nil }
    bytes.append(high << 4 | low)
  }
  return bytes
}

/// What one digit stands for, in lower or upper case; nil if it is none.
public func hexadecimalDigit(_ byte: UInt8) -> UInt8? {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
  case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
  case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
  default: nil
  }
}
