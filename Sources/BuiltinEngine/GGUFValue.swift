/// A value of a GGUF's metadata; strings and arrays are places in the file.
enum GGUFValue {
  case unsigned(UInt64)
  case signed(Int64)
  case float(Double)
  case boolean(Bool)
  case string(Range<Int>)
  case array(GGUFArray)
}

/// An array in a GGUF's metadata, known to lie within the file.
struct GGUFArray {
  /// What its elements are: not arrays again, which are not read.
  ///
  /// Raw values are the format's.
  enum Kind: UInt32 {
    case uint8 = 0
    case int8, uint16, int16, uint32, int32, float32, boolean, string
    case uint64 = 10
    case int64, float64

    /// Bytes of an element, or the least of one.
    var bytesMin: Int {
      switch self {
      case .uint8, .int8, .boolean: 1
      case .uint16, .int16: 2
      case .uint32, .int32, .float32: 4
      case .string, .uint64, .int64, .float64: 8
      }
    }
  }

  let kind: Kind
  let count: Int
  let range: Range<Int>
}

/// A tensor of a GGUF, known to lie within the file.
struct GGUFTensor {
  /// How its values rest; raw values are ggml's.
  enum Kind: UInt32 {
    case f32 = 0
    case f16 = 1
    case q8Block = 8

    var name: String {
      switch self {
      case .f32: "F32"
      case .f16: "F16"
      case .q8Block: "Q8_0"
      }
    }

    /// Bytes of a tensor of this shape; nil if rows are not whole blocks or the size overflows.
    func bytes(_ dimensions: [Int]) -> Int? {
      var row: Int
      switch self {
      case .f32: row = dimensions[0] * 4
      case .f16: row = dimensions[0] * 2
      case .q8Block:
        guard dimensions[0] % 32 == 0 else { return nil }
        row = dimensions[0] / 32 * 34
      }
      for size in dimensions.dropFirst() {
        let (product, overflows) = row.multipliedReportingOverflow(by: size)
        guard !overflows else { return nil }
        row = product
      }
      return row
    }
  }

  let name: String
  let type: Kind
  let dimensions: [Int]
  let range: Range<Int>
}

extension GGUFFile {
  /// A whole number in a range, or nil where the key is absent.
  func integer(_ key: String, _ range: ClosedRange<Int>) throws(GGUFError) -> Int? {
    guard let value = metadata[key] else { return nil }
    let number: Int? =
      switch value {
      case .unsigned(let value): Int(exactly: value)
      case .signed(let value): Int(exactly: value)
      case .array: throw .metadata(key: key, what: "one for each block, which is not supported")
      default: nil
      }
    guard let number, range.contains(number) else {
      throw .metadata(
        key: key, what: "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A whole number in a range that must be there.
  func required(_ key: String, _ range: ClosedRange<Int>) throws(GGUFError) -> Int {
    guard let value = try integer(key, range) else { throw .metadata(key: key, what: "missing") }
    return value
  }

  /// A positive, finite number, or nil where the key is absent.
  func positive(_ key: String) throws(GGUFError) -> Double? {
    guard let value = metadata[key] else { return nil }
    guard case .float(let number) = value, number > 0, number.isFinite else {
      throw .metadata(key: key, what: "must be a positive number")
    }
    return number
  }

  /// A boolean, or nil where the key is absent.
  func boolean(_ key: String) throws(GGUFError) -> Bool? {
    guard let value = metadata[key] else { return nil }
    guard case .boolean(let flag) = value else {
      throw .metadata(key: key, what: "must be a boolean")
    }
    return flag
  }

  /// A string of at most `most` bytes, or nil where the key is absent.
  func string(_ key: String, most: Int) throws(GGUFError) -> String? {
    guard let value = metadata[key] else { return nil }
    guard case .string(let range) = value, range.count <= most else {
      throw .metadata(key: key, what: "must be a string of at most \(most) bytes")
    }
    return String(decoding: source.bytes[range], as: UTF8.self)
  }

  /// The places of an array's strings, or nil where the key is absent.
  func strings(_ key: String) throws(GGUFError) -> [Range<Int>]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let array) = value, array.kind == .string else {
      throw .metadata(key: key, what: "must be an array of strings")
    }
    var result: [Range<Int>] = []
    result.reserveCapacity(array.count)
    var place = array.range.lowerBound
    for _ in 0..<array.count {
      // The header's reader has walked this array: lengths are within the file.
      let length = Int(source.bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      result.append((place + 8)..<(place + 8 + length))
      place += 8 + length
    }
    return result
  }

  /// An array of numbers of one kind, or nil where the key is absent.
  func numbers<Number: BitwiseCopyable>(
    _ key: String, _ kind: GGUFArray.Kind, as _: Number.Type
  ) throws(GGUFError) -> [Number]? {
    guard let value = metadata[key] else { return nil }
    guard case .array(let array) = value, array.kind == kind else {
      throw .metadata(key: key, what: "must be an array of \(kind)")
    }
    return (0..<array.count).map { index in
      source.bytes.loadUnaligned(
        fromByteOffset: array.range.lowerBound + index * MemoryLayout<Number>.size, as: Number.self)
    }
  }
}
