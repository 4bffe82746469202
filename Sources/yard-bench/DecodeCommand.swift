internal import ArgumentParser
internal import BuiltinEngine
internal import Engines
internal import Foundation
internal import OpenAIFormat

/// The speed of decoding on one thread, in turn with llama.cpp on the same file.
///
/// What the machine does to one it does to the other: each round asks both, and the ratio is of the medians.
/// llama.cpp runs in a child (`deploy/engine/complete`) and reports its own time, without HTTP.
struct DecodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode",
    abstract: "Decoding on one thread, the built-in engine and llama.cpp in turn.")

  @Option(help: "A GGUF file; may be given more than once.")
  var model: [String]
  @Option(help: "The program that runs llama.cpp.")
  var peer = "deploy/engine/complete"
  @Option(help: "How many rounds.")
  var rounds = 15
  @Option(help: "Tokens of output a round.")
  var tokens = 200

  func run() async throws {
    for path in model { try await compare(path) }
  }

  private func compare(_ path: String) async throws {
    let model = try LlamaModel(try ModelBytes.map(path))
    let engine = try BuiltinEngine(model, name: "m", slots: 1, threads: 1)
    let peer = try Peer(program: peer, model: path)
    let prompt = model.tokens(of: "Once upon a time")
    var ours: [Double] = []
    var theirs: [Double] = []
    for round in 0..<(rounds + 2) {
      let mine = try await time(engine, prompt)
      let other = try peer.tokensPerSecond(prompt, tokens)
      // The first rounds warm caches.
      if round >= 2 {
        ours.append(mine)
        theirs.append(other)
      }
    }
    try await engine.shutdown()
    ours.sort()
    theirs.sort()
    let (mine, other) = (ours[ours.count / 2], theirs[theirs.count / 2])
    print(
      """
      {"model":"\(path)","rounds":\(rounds),"builtin_tokens_per_s":\(text(mine)),\
      "builtin_spread":[\(text(ours[0])),\(text(ours[ours.count - 1]))],\
      "llama_cpp_tokens_per_s":\(text(other)),\
      "llama_cpp_spread":[\(text(theirs[0])),\(text(theirs[theirs.count - 1]))],\
      "ratio":\(String(format: "%.2f", mine / other))}
      """)
  }

  private func text(_ value: Double) -> String { String(format: "%.0f", value) }

  private func time(_ engine: BuiltinEngine, _ prompt: [UInt32]) async throws -> Double {
    let ids = prompt.map(String.init).joined(separator: ",")
    let body = #"{"model":"m","prompt":[\#(ids)],"max_tokens":\#(tokens),"temperature":0}"#
    let end = try await engine.run(
      EngineRequest(endpoint: .completions, body: Array(body.utf8))
    ) { _ in }
    guard let first = end.timing.firstEvent, end.tokenCount > 10 else {
      throw ValidationError("the model ended after \(end.tokenCount) tokens")
    }
    // The first token is the prompt's; its event may hold back a character, which the count evens out.
    let decoding = (end.timing.total - first).components
    return Double(end.tokenCount - 1)
      / (Double(decoding.seconds) + Double(decoding.attoseconds) / 1e18)
  }
}

/// llama.cpp in a child process: one line in, one line out.
private final class Peer {
  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()

  init(program: String, model: String) throws {
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = ["--model", model]
    process.standardInput = input
    process.standardOutput = output
    process.standardError = FileHandle.nullDevice
    try process.run()
  }

  deinit {
    try? input.fileHandleForWriting.close()  // its end; there is nobody left to tell of a failure
    process.waitUntilExit()
  }

  func tokensPerSecond(_ prompt: [UInt32], _ tokens: Int) throws -> Double {
    let ids = prompt.map(String.init).joined(separator: ",")
    let request =
      #"{"prompt":[\#(ids)],"max_tokens":\#(tokens),"temperature":0,"cache_prompt":false}"#
    try input.fileHandleForWriting.write(contentsOf: Array((request + "\n").utf8))
    var line: [UInt8] = []
    while line.last != 0x0a {
      guard let more = try output.fileHandleForReading.read(upToCount: 1), !more.isEmpty else {
        throw ValidationError("the peer ended; does deploy/engine/setup --check pass?")
      }
      line += more
    }
    let answer = try JSONValue.parse(line)
    guard case .number(let text)? = answer["timings"]?["predicted_per_second"],
      let speed = Double(text)
    else { throw ValidationError("the peer said: \(String(decoding: line, as: UTF8.self))") }
    return speed
  }
}
