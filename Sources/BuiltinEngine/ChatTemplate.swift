/// How the messages of a chat become a prompt: one of a few known forms, told by the words that mark them.
///
/// A GGUF's template is a program in Jinja. This engine runs no such program: it knows the forms below by
/// their control tokens, and refuses a chat where the template is another one, rather than prompt a model in a
/// form that it was not trained for. Default system messages, tools and dates that some templates of these
/// forms add are not added. A model without a template gets the contents of the messages, one per line.
enum ChatTemplate: Hashable, Sendable {
  /// `<|im_start|>role\ncontent<|im_end|>\n`: ChatML, the shipped model's.
  case chatML(start: UInt32, end: UInt32)
  /// `<|start_header_id|>role<|end_header_id|>\n\ncontent<|eot_id|>`: Llama 3.
  case llama3(header: UInt32, headerEnd: UInt32, end: UInt32)
  /// `[INST] <<SYS>>\nsystem\n<</SYS>>\n\nuser [/INST] answer </s>`: Llama 2.
  case llama2(start: UInt32, end: UInt32)
  /// No template: contents, one per line.
  case plain
  /// A template of another form.
  case unknown

  /// Tells the form.
  init(_ file: GGUFFile, _ tokenizer: SentencePieceTokenizer) throws(GGUFError) {
    guard let text = try file.string("tokenizer.chat_template", most: 1 << 20) else {
      self = .plain
      return
    }
    if text.contains("<|im_start|>"), let start = tokenizer.control("<|im_start|>"),
      let end = tokenizer.control("<|im_end|>")
    {
      self = .chatML(start: start, end: end)
    } else if text.contains("<|start_header_id|>"),
      let header = tokenizer.control("<|start_header_id|>"),
      let headerEnd = tokenizer.control("<|end_header_id|>"),
      let end = tokenizer.control("<|eot_id|>")
    {
      self = .llama3(header: header, headerEnd: headerEnd, end: end)
    } else if text.contains("[INST]"), text.contains("<<SYS>>"),
      let start = tokenizer.control("<s>"), let end = tokenizer.control("</s>")
    {
      self = .llama2(start: start, end: end)
    } else {
      self = .unknown
    }
  }

  /// A piece of a prompt.
  enum Piece: Hashable {
    case token(UInt32)
    case text(String)
  }

  /// A message: who speaks, and what.
  typealias Message = (role: String, text: String)

  /// The pieces of a prompt that asks for the assistant's answer; nil if the form is unknown.
  func pieces(of messages: [Message]) -> [Piece]? {
    switch self {
    case .chatML(let start, let end):
      return messages.flatMap { message -> [Piece] in
        [
          .token(start), .text("\(message.role)\n\(message.text)"), .token(end), .text("\n"),
        ]
      } + [.token(start), .text("assistant\n")]
    case .llama3(let header, let headerEnd, let end):
      return messages.flatMap { message -> [Piece] in
        [
          .token(header), .text(message.role), .token(headerEnd),
          .text("\n\n" + Self.trimmed(message.text)), .token(end),
        ]
      } + [.token(header), .text("assistant"), .token(headerEnd), .text("\n\n")]
    case .llama2(let start, let end): return Self.llama2(messages, start, end)
    case .plain: return [.text(messages.map(\.text).joined(separator: "\n"))]
    case .unknown: return nil
    }
  }

  private static func llama2(_ messages: [Message], _ start: UInt32, _ end: UInt32) -> [Piece] {
    var pieces: [Piece] = []
    var system = ""
    for message in messages {
      switch message.role {
      case "system": system = "<<SYS>>\n\(trimmed(message.text))\n<</SYS>>\n\n"
      case "assistant": pieces += [.text(" \(trimmed(message.text)) "), .token(end)]
      default:
        // The tokenizer gives the first start.
        if !pieces.isEmpty { pieces.append(.token(start)) }
        pieces.append(.text("[INST] \(system)\(trimmed(message.text)) [/INST]"))
        system = ""
      }
    }
    return pieces
  }

  private static func trimmed(_ text: String) -> String {
    let front = text.drop { $0.isWhitespace }
    return String(front.reversed().drop { $0.isWhitespace }.reversed())
  }
}

extension LlamaModel {
  /// The tokens of a prompt.
  func tokens(of pieces: [ChatTemplate.Piece]) -> [UInt32] {
    var result = tokenizer.start.map { [$0] } ?? []
    // Neighbouring texts are one text: pieces may merge across them.
    var text = ""
    var isFirst = true
    func flush() {
      result += tokenizer.tokens(of: Array(text.utf8), isFirst: isFirst)
      if !text.isEmpty { isFirst = false }
      text = ""
    }
    for piece in pieces {
      switch piece {
      case .text(let more): text += more
      case .token(let token):
        flush()
        result.append(token)
        // llama.cpp puts its space after a control token too.
        isFirst = true
      }
    }
    flush()
    return result
  }
}
