internal import ExchangeTypes
internal import OpenAIFormat

/// How a prompt begins, as numbers that say nothing outside this process: one for each whole block of it, each made of all
/// that is before.
///
/// Two prompts begin alike, block by block, as far as their numbers are equal. The account is hashed with them, so equal
/// prompts of two accounts have nothing in common, and the hash is keyed by the process (`Hasher`): what
/// is in memory is of no use elsewhere, and another leader begins anew.
struct PromptPrefix: Hashable, Sendable {
  /// Bytes of a block: about 64 tokens of plain text.
  static let blockBytes = 256
  /// The blocks that are looked at, from the beginning.
  static let blocksMax = 128

  /// A number for each block.
  let blocks: [UInt64]

  /// Begins like nothing else.
  static let empty = PromptPrefix(blocks: [])

  private init(blocks: [UInt64]) { self.blocks = blocks }

  /// The beginning of a request's prompt, with the tools that templates put before it.
  init(of request: InferenceRequest, for model: String, of account: AccountID) {
    let field = request.endpoint == .chatCompletions ? "messages" : "prompt"
    guard let prompt = request.value(of: field), prompt.count >= Self.blockBytes else {
      self = .empty
      return
    }
    var hasher = Hasher()
    hasher.combine(account)
    hasher.combine(model)
    hasher.combine(request.endpoint)
    for name in ["tools", "functions", "chat_template_kwargs"] {
      guard let value = request.value(of: name) else { continue }
      hasher.combine(name)
      Self.combine(value, into: &hasher)
    }
    var blocks: [UInt64] = []
    var rest = prompt
    while rest.count >= Self.blockBytes, blocks.count < Self.blocksMax {
      Self.combine(rest.prefix(Self.blockBytes), into: &hasher)
      // A copy is finished; the hasher goes on with all that it has.
      blocks.append(UInt64(bitPattern: Int64(hasher.finalized)))
      rest = rest.dropFirst(Self.blockBytes)
    }
    self.blocks = blocks
  }

  private static func combine(_ bytes: ArraySlice<UInt8>, into hasher: inout Hasher) {
    bytes.withUnsafeBytes { hasher.combine(bytes: $0) }
  }
}

extension Hasher {
  /// What has been put in so far comes to this; it can go on.
  fileprivate var finalized: Int {
    let copy = self
    return copy.finalize()
  }
}

/// The beginnings of prompts that a worker's engine has probably not forgotten yet, of one model.
///
/// Two generations of blocks: one that is used enters the younger, and when that is full the older is forgotten. So what is
/// kept is bounded, and what was used last stays longest. It is a guess: what an engine really keeps it does not say
/// before it has read the prompt.
struct PrefixMemory: Hashable, Sendable {
  /// Blocks of a generation: with two of them at most 512 KiB of prompts, and about 40 KiB of memory.
  static let generationMax = 1_024

  private var young: Set<UInt64> = []
  private var old: Set<UInt64> = []

  /// How many blocks are kept.
  var count: Int { young.count + old.count }

  /// The engine reads a prompt that begins so.
  mutating func note(_ prefix: PromptPrefix) {
    for block in prefix.blocks {
      if young.count >= Self.generationMax, !young.contains(block) {
        old = young
        young = []
      }
      young.insert(block)
    }
  }

  /// Bytes of a prompt, from its beginning, that the engine has read before.
  func known(of prefix: PromptPrefix) -> UInt64 {
    guard !young.isEmpty else { return 0 }
    let blocks = prefix.blocks.prefix { young.contains($0) || old.contains($0) }
    return UInt64(blocks.count * PromptPrefix.blockBytes)
  }
}
