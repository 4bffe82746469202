/// A value that prints itself as the reference decoder prints it: compact JSON, fields in order.
protocol JSONDumpable {
  var json: String { get }
}

/// Compact JSON, spelled as Python's `json.dumps(…, ensure_ascii=False)` spells it.
enum JSON {
  static func object(_ fields: [(String, String)]) -> String {
    "{" + fields.map { "\"\($0.0)\":\($0.1)" }.joined(separator: ",") + "}"
  }

  static func typed(_ type: String, _ fields: String) -> String {
    object([("type", "\"\(type)\""), ("fields", fields)])
  }

  static func number(_ value: some FixedWidthInteger & UnsignedInteger) -> String { String(value) }

  static func boolean(_ value: Bool) -> String { value ? "true" : "false" }

  /// An enum's case, or an id of 128 bits in hexadecimal: whatever its description says.
  static func name(_ value: some Any) -> String { "\"\(value)\"" }

  static func hexadecimal(_ bytes: [UInt8]) -> String { "\"\(hex(bytes))\"" }

  static func optional<Value>(_ value: Value?, _ dump: (Value) -> String) -> String {
    value.map(dump) ?? "null"
  }

  static func list<Value>(_ values: [Value], _ dump: (Value) -> String) -> String {
    "[" + values.map(dump).joined(separator: ",") + "]"
  }

  /// A string with quotes, its control characters escaped.
  static func text(_ value: String) -> String {
    var out = "\""
    for scalar in value.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case "\r": out += "\\r"
      case "\t": out += "\\t"
      case "\u{8}": out += "\\b"
      case "\u{c}": out += "\\f"
      case _ where scalar.value < 0x20:
        let digits = String(scalar.value, radix: 16)
        out += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}

func hex(_ bytes: [UInt8]) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var out: [UInt8] = []
  out.reserveCapacity(bytes.count * 2)
  for byte in bytes {
    out.append(digits[Int(byte >> 4)])
    out.append(digits[Int(byte & 15)])
  }
  return String(decoding: out, as: UTF8.self)
}

func bytes(hex text: String) -> [UInt8] {
  let digits = text.utf8.map { $0 > 57 ? $0 - 87 : $0 - 48 }
  precondition(digits.count % 2 == 0 && digits.allSatisfy { $0 < 16 })
  return stride(from: 0, to: digits.count, by: 2).map { digits[$0] << 4 | digits[$0 + 1] }
}
