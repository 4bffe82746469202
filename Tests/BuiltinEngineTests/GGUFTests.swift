import Testing

@testable import BuiltinEngine

@Suite("A GGUF that is not to be trusted")
struct GGUFTests {
  static let sample = SampleLlama().gguf()

  /// Where `text` first stands in the sample's header, and the byte behind it.
  static func end(of text: String) throws -> Int {
    let header = sample.bytes.prefix(sample.headerBytes)
    return try #require(header.firstRange(of: Array(text.utf8))?.upperBound)
  }

  /// The sample with bytes put over others.
  static func patched(_ place: Int, _ bytes: [UInt8]) -> [UInt8] {
    var file = sample.bytes
    file.replaceSubrange(place..<(place + bytes.count), with: bytes)
    return file
  }

  /// The sample with a tensor's data set to ones: no numbers, as floats.
  static func damaged(_ tensor: String) throws -> [UInt8] {
    let file = try GGUFFile(ModelBytes(copying: sample.bytes))
    let range = try #require(file.tensors[tensor]?.range)
    return patched(range.lowerBound, [UInt8](repeating: 0xff, count: range.count))
  }

  static func refusal(_ bytes: [UInt8]) -> GGUFError? {
    do throws(GGUFError) {
      _ = try LlamaModel(ModelBytes(copying: bytes))
      return nil
    } catch {
      return error
    }
  }

  @Test("the sample is read, in every kind of weights", arguments: SampleLlama.Weights.allCases)
  func sound(weights: SampleLlama.Weights) throws {
    let model = try Samples.model {
      $0.weights = weights
      $0.isUntied = true
    }
    #expect(model.name == "sample" && model.contextMax == 128)
  }

  @Test("cut at any byte of the header, and at some of the data, it is refused with a place")
  func truncated() {
    let file = Self.sample.bytes
    let cuts =
      Array(0..<Self.sample.headerBytes)
      + Array(stride(from: Self.sample.headerBytes, to: file.count, by: 997))
      + [file.count - 1]
    for cut in cuts {
      switch Self.refusal(Array(file[..<cut])) {
      case .malformed(let offset, _): #expect(offset <= cut, "cut at \(cut)")
      // Where the header is whole, a tensor ends beyond the file.
      case .tensor: #expect(cut + 32 > Self.sample.headerBytes)
      case let other: Issue.record("cut at \(cut): \(String(describing: other))")
      }
    }
  }

  @Test("every lie in the header is refused by name")
  func lies() throws {
    let huge: [UInt8] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f]
    let embedding = try Self.end(of: "token_embd.weight")
    let tokens = try Self.end(of: "tokenizer.ggml.tokens")
    let table: [(String, [UInt8], String)] = [
      ("another magic", Self.patched(0, [0x58]), "at byte 0"),
      ("version 1", Self.patched(4, [1]), "version 1"),
      ("more tensors than fit", Self.patched(8, huge), "number of tensors"),
      ("more keys than fit", Self.patched(16, huge), "number of keys"),
      ("a key's length beyond the file", Self.patched(24, huge), "length of a metadata key"),
      ("an unknown type", Self.patched(try Self.end(of: "general.name"), [77]), "unknown type 77"),
      (
        "a string's length beyond the file",
        Self.patched(try Self.end(of: "general.name") + 4, huge), "length of the value"
      ),
      ("an array's count beyond the file", Self.patched(tokens + 8, huge), "length of the value"),
      ("an array of arrays", Self.patched(tokens + 4, [9]), "array of type 9"),
      (
        "another architecture", Self.patched(try Self.end(of: "general.architecture") + 12, [0x78]),
        "architecture"
      ),
      (
        "no blocks", Self.patched(try Self.end(of: "llama.block_count") + 4, [0]),
        "llama.block_count"
      ),
      ("a missing block", Self.patched(try Self.end(of: "llama.block_count") + 4, [3]), "blk.2."),
      ("a block too many", Self.patched(try Self.end(of: "llama.block_count") + 4, [1]), "blk.1."),
      (
        "heads that do not divide",
        Self.patched(try Self.end(of: "llama.attention.head_count_kv") + 4, [3]), "head_count_kv"
      ),
      (
        "an odd rotation", Self.patched(try Self.end(of: "llama.rope.dimension_count") + 4, [7]),
        "dimension_count"
      ),
      (
        "a width of another shape",
        Self.patched(try Self.end(of: "llama.embedding_length") + 4, [64]), "tensor"
      ),
      (
        "an epsilon that is no number",
        Self.patched(try Self.end(of: "layer_norm_rms_epsilon") + 4, [0, 0, 0xc0, 0x7f]), "epsilon"
      ),
      ("five dimensions", Self.patched(embedding, [5]), "5 dimensions"),
      ("a dimension of zero", Self.patched(embedding + 4, [0]), "dimension of 0"),
      ("a dimension that overflows", Self.patched(embedding + 4, huge), "a dimension"),
      ("a type that is not read", Self.patched(embedding + 20, [12]), "type 12"),
      (
        "blocks that do not fit a row",
        Self.patched(embedding + 4, [33, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 8]),
        "dimension"
      ),
      ("data beyond the file", Self.patched(embedding + 24, huge), "offset"),
      ("an offset between the lines", Self.patched(embedding + 24, [1]), "multiple of 32"),
      (
        "a tensor in another's place",
        Self.patched(
          try Self.end(of: "blk.0.attn_q.weight") + 24, [UInt8](repeating: 0, count: 8)),
        "overlaps"
      ),
      (
        "a norm that is no number", try Self.damaged("output_norm.weight"), "no number"
      ),
      (
        "another tokenizer", Self.patched(try Self.end(of: "tokenizer.ggml.model") + 12, [0x78]),
        "tokenizer.ggml.model"
      ),
      (
        "an end that is no token",
        Self.patched(try Self.end(of: "tokenizer.ggml.eos_token_id") + 4, [0xff, 0xff]),
        "eos_token_id"
      ),
    ]
    for (what, file, word) in table {
      let refusal = Self.refusal(file)
      #expect(
        refusal?.description.contains(word) == true, "\(what): \(String(describing: refusal))")
    }
  }

  @Test("metadata is refused where its arrays do not agree, or a key or tensor comes twice")
  func disagreements() throws {
    #expect(
      Self.refusal(Self.patched(try Self.end(of: "tokenizer.ggml.scores") + 8, [1, 0])) != nil)
    let twice = Self.sample.bytes.firstRange(of: Array("blk.1.attn_q.weight".utf8))
    let place = try #require(twice?.lowerBound)
    #expect(Self.refusal(Self.patched(place + 4, [0x30]))?.description.contains("twice") == true)
  }

  @Test("what a file says of itself cannot steer a terminal")
  func plain() {
    #expect(GGUFError.plain("a\u{9b}31m\u{202e}b\n\u{7f}é") == "a?31m?b??é")
  }

  @Test("a file that is missing, empty or no file is unreadable, and names its path")
  func unreadable() throws {
    for path in ["/nonexistent.gguf", "/dev/null", "/"] {
      do throws(GGUFError) {
        _ = try ModelBytes.map(path)
        Issue.record("\(path) was mapped")
      } catch {
        #expect(error.description.hasPrefix(path))
      }
    }
  }

  @Test("the model inside the program is sound")
  func embedded() throws {
    let model = try LlamaModel(.embedded)
    guard case .chatML = model.template else {
      Issue.record("its template is \(model.template)")
      return
    }
    #expect(model.source.bytes.count <= 6_000_000)
    #expect(model.name?.isEmpty == false)
  }
}
