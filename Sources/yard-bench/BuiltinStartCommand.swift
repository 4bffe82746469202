internal import ArgumentParser
internal import BuiltinEngine
internal import Engines
internal import Foundation
internal import OpenAIFormat

/// How soon a fresh process gives a token, and what it keeps in memory with several streams.
struct BuiltinStartCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "builtin-start",
    abstract: "Start of the process to the first token, and resident memory with streams running.")

  @Option(help: "A GGUF file; default: the model inside the program.")
  var model: String?
  @Option(help: "Streams at once.")
  var streams = 4
  @Option(help: "Tokens of each stream.")
  var tokens = 200

  func run() async throws {
    let engine = try BuiltinEngine(
      spec: EngineSpec(place: .builtin(file: model), model: "m", slots: streams), file: model)
    try await generate(engine, tokens: 1, seed: 0)
    let firstToken = try sinceStart()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for seed in 1...streams {
        group.addTask { try await generate(engine, tokens: tokens, seed: seed) }
      }
      try await group.waitForAll()
    }
    let peak = try status("VmHWM")
    try await engine.shutdown()
    print(
      """
      {"first_token_ms":\(String(format: "%.1f", firstToken)),"streams":\(streams),\
      "peak_resident_kib":\(peak)}
      """)
  }

  private func generate(_ engine: BuiltinEngine, tokens: Int, seed: Int) async throws {
    let body =
      #"{"model":"m","messages":[{"role":"user","content":"Tell me a story."}],"#
      + #""max_tokens":\#(tokens),"seed":\#(seed)}"#
    _ = try await engine.run(
      EngineRequest(endpoint: .chatCompletions, body: Array(body.utf8))
    ) { _ in }
  }

  /// Milliseconds since the kernel started this process (`/proc/self/stat`, field 22), in steps of a tick.
  private func sinceStart() throws -> Double {
    let stat = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
    let uptime = try String(contentsOfFile: "/proc/uptime", encoding: .utf8)
    // The fields behind the name, which may hold spaces, begin with the third.
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 19, let start = Double(fields[19]),
      let now = uptime.split(separator: " ").first.flatMap({ Double($0) })
    else { throw ValidationError("/proc is not as proc(5) says") }
    return (now - start / Double(sysconf(Int32(_SC_CLK_TCK)))) * 1_000
  }

  private func status(_ key: String) throws -> Int {
    let text = try String(contentsOfFile: "/proc/self/status", encoding: .utf8)
    let line = text.split(separator: "\n").first { $0.hasPrefix(key) }
    guard let value = line?.split(whereSeparator: { !$0.isNumber }).first.flatMap({ Int($0) })
    else { throw ValidationError("/proc/self/status has no \(key)") }
    return value
  }
}
