/// A GGUF's header: its metadata and where its tensors lie, all within the file.
///
/// Format: github.com/ggml-org/ggml, docs/gguf.md, versions 2 and 3, little-endian. Values and tensor data
/// stay where they are; what is allocated is bounded by what the file holds, never by what it claims.
struct GGUFFile {
  let source: ModelBytes
  let metadata: [String: GGUFValue]
  let tensors: [String: GGUFTensor]

  /// More than any model has; a header of the largest counts is still read within a second.
  private static let keysMax = 1 << 14
  private static let tensorsMax = 1 << 14
  private static let elementsMax = 1 << 22

  /// Reads a header.
  init(_ source: ModelBytes) throws(GGUFError) {
    self.source = source
    var cursor = GGUFCursor(source.bytes)
    let magic = try cursor.number(UInt32.self, "the magic")
    guard magic == 0x4655_4747 else {
      throw .malformed(offset: 0, what: "the magic is \(hexadecimal(magic)), not 'GGUF'")
    }
    let version = try cursor.number(UInt32.self, "the version")
    guard version == 2 || version == 3 else {
      throw .malformed(offset: 4, what: "version \(version); 2 and 3 are read")
    }
    // The least of a tensor: name, dimensions, type, offset; of a key: name, type, one byte.
    let tensorCount = try cursor.count("the number of tensors", bytesMin: 33, most: Self.tensorsMax)
    let keyCount = try cursor.count("the number of keys", bytesMin: 14, most: Self.keysMax)
    metadata = try Self.readMetadata(&cursor, keyCount)
    var alignment = 32
    if let value = metadata["general.alignment"] {
      guard case .unsigned(let given) = value, given >= 8, given <= 1 << 16,
        given.nonzeroBitCount == 1
      else { throw .metadata(key: "general.alignment", what: "not a power of two from 8 to 65536") }
      alignment = Int(given)
    }
    tensors = try Self.readTensors(&cursor, tensorCount, alignment)
  }

  private static func readMetadata(
    _ cursor: inout GGUFCursor, _ count: Int
  ) throws(GGUFError) -> [String: GGUFValue] {
    var metadata: [String: GGUFValue] = [:]
    for _ in 0..<count {
      let start = cursor.offset
      let key = try cursor.name("a metadata key", most: 65_535)
      guard metadata[key] == nil else {
        throw .malformed(offset: start, what: "key '\(GGUFError.plain(key))' comes twice")
      }
      let code = try cursor.number(UInt32.self, "the type of '\(GGUFError.plain(key))'")
      metadata[key] = try value(&cursor, code, key)
    }
    return metadata
  }

  private static func value(
    _ cursor: inout GGUFCursor, _ code: UInt32, _ key: String
  ) throws(GGUFError) -> GGUFValue {
    let what = "the value of '\(GGUFError.plain(key))'"
    switch code {
    case 0: return .unsigned(UInt64(try cursor.number(UInt8.self, what)))
    case 1: return .signed(Int64(try cursor.number(Int8.self, what)))
    case 2: return .unsigned(UInt64(try cursor.number(UInt16.self, what)))
    case 3: return .signed(Int64(try cursor.number(Int16.self, what)))
    case 4: return .unsigned(UInt64(try cursor.number(UInt32.self, what)))
    case 5: return .signed(Int64(try cursor.number(Int32.self, what)))
    case 6: return .float(Double(Float(bitPattern: try cursor.number(UInt32.self, what))))
    case 7:
      let byte = try cursor.number(UInt8.self, what)
      guard byte <= 1 else {
        throw .malformed(offset: cursor.offset - 1, what: "\(what) is a boolean of \(byte)")
      }
      return .boolean(byte == 1)
    case 8: return .string(try cursor.string(what))
    case 9: return .array(try array(&cursor, what))
    case 10: return .unsigned(try cursor.number(UInt64.self, what))
    case 11: return .signed(try cursor.number(Int64.self, what))
    case 12: return .float(Double(bitPattern: try cursor.number(UInt64.self, what)))
    default:
      throw .malformed(offset: cursor.offset - 4, what: "\(what) has the unknown type \(code)")
    }
  }

  private static func array(
    _ cursor: inout GGUFCursor, _ what: String
  ) throws(GGUFError) -> GGUFArray {
    let code = try cursor.number(UInt32.self, what)
    guard let kind = GGUFArray.Kind(rawValue: code) else {
      throw .malformed(
        offset: cursor.offset - 4, what: "\(what) is an array of type \(code), which is not read")
    }
    let count = try cursor.count(
      "the length of \(what)", bytesMin: kind.bytesMin, most: elementsMax)
    let start = cursor.offset
    if kind == .string {
      for _ in 0..<count { _ = try cursor.string("an element of \(what)") }
    } else {
      try cursor.skip(count * kind.bytesMin, what)
    }
    return GGUFArray(kind: kind, count: count, range: start..<cursor.offset)
  }

  private static func readTensors(
    _ cursor: inout GGUFCursor, _ count: Int, _ alignment: Int
  ) throws(GGUFError) -> [String: GGUFTensor] {
    var infos: [(name: String, dimensions: [Int], type: GGUFTensor.Kind, offset: UInt64, at: Int)] =
      []
    for _ in 0..<count {
      let start = cursor.offset
      let name = try cursor.name("a tensor's name", most: 127)
      let dimensionCount = try cursor.number(UInt32.self, "the dimensions of a tensor")
      guard (1...4).contains(dimensionCount) else {
        throw .tensor(name: name, what: "\(dimensionCount) dimensions; 1 to 4 are known")
      }
      var dimensions: [Int] = []
      for _ in 0..<dimensionCount {
        let size = try cursor.number(UInt64.self, "a dimension of a tensor")
        guard size >= 1, size <= UInt64(Int32.max) else {
          throw .tensor(name: name, what: "a dimension of \(size)")
        }
        dimensions.append(Int(size))
      }
      let code = try cursor.number(UInt32.self, "the type of a tensor")
      guard let type = GGUFTensor.Kind(rawValue: code) else {
        throw .tensor(name: name, what: "type \(code) is not read; F32, F16 and Q8_0 are")
      }
      let offset = try cursor.number(UInt64.self, "the offset of a tensor")
      infos.append((name, dimensions, type, offset, start))
    }
    // Data begins at the next multiple of the alignment.
    let data = (cursor.offset + alignment - 1) / alignment * alignment
    var tensors: [String: GGUFTensor] = [:]
    for info in infos {
      guard tensors[info.name] == nil else {
        throw .malformed(
          offset: info.at, what: "tensor '\(GGUFError.plain(info.name))' comes twice")
      }
      guard info.offset % UInt64(alignment) == 0 else {
        throw .tensor(
          name: info.name, what: "offset \(info.offset) is no multiple of \(alignment)")
      }
      guard let size = info.type.bytes(info.dimensions) else {
        throw .tensor(
          name: info.name, what: "the shape \(info.dimensions) cannot be \(info.type.name)")
      }
      let available = cursor.bytes.count - data
      guard available >= 0, info.offset <= UInt64(available),
        size <= available - Int(info.offset)
      else {
        throw .tensor(
          name: info.name,
          what: "\(size) bytes at offset \(info.offset) of the data, which has "
            + "\(max(0, available)) bytes")
      }
      let start = data + Int(info.offset)
      tensors[info.name] = GGUFTensor(
        name: info.name, type: info.type, dimensions: info.dimensions, range: start..<(start + size)
      )
    }
    let placed = tensors.values.sorted {
      ($0.range.lowerBound, $0.name) < ($1.range.lowerBound, $1.name)
    }
    for (before, next) in zip(placed, placed.dropFirst())
    where next.range.lowerBound < before.range.upperBound {
      throw .tensor(name: next.name, what: "overlaps '\(GGUFError.plain(before.name))'")
    }
    return tensors
  }
}

private func hexadecimal(_ value: UInt32) -> String {
  "0x" + String(value, radix: 16)
}
