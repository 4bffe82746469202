internal import ArgumentParser
internal import BuiltinEngine
internal import OpenAIFormat

/// What the built-in engine would say after each prefix of given tokens.
struct BuiltinLogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "builtin-logits",
    abstract: "For each line of ids, the most likely token after each prefix, and its lead.",
    discussion: """
      Reads lines such as [1,15,7] from standard input; answers each with {"top":[[ID,LEAD],…]}: the most likely
      token after each prefix of the line, and by how much its logit exceeds the next.
      """)

  @Option(help: "A GGUF file; default: the model inside the program.")
  var model: String?

  func run() throws {
    let model = try LlamaModel(try model.map { try ModelBytes.map($0) } ?? .embedded)
    while let line = readLine() {
      let ids = try JSONValue.parse(Array(line.utf8)).elements?.compactMap(\.integer) ?? []
      guard !ids.isEmpty, ids.count <= model.contextMax else {
        throw ValidationError("a line is a list of 1 to \(model.contextMax) ids")
      }
      guard ids.allSatisfy({ (0..<model.vocabularyCount).contains($0) }) else {
        throw ValidationError("an id is not in the vocabulary of \(model.vocabularyCount)")
      }
      let tops = model.topTwo(afterEachOf: ids.map(UInt32.init))
      let text = tops.map { "[\($0.first),\($0.firstLogit - $0.secondLogit)]" }
      print("{\"top\":[\(text.joined(separator: ","))]}")
    }
  }
}
