import Engines
import Logging
import Synchronization
import Testing

#if canImport(Glibc)
  import Glibc
#endif

/// A real llama.cpp server: the one that `SWITCHYARD_ENGINE` names, or one started from `.venv`.
///
/// The child ends with this process: its standard input is a pipe that only this process holds.
enum LlamaServer {
  /// Where it answers, or nil with a line that says why not.
  static let address: String? = {
    if let given = getenv("SWITCHYARD_ENGINE") { return String(cString: given) }
    return started()
  }()

  /// Where one answers that gives embeddings, of the model `switchyard-vectors`; nil as `address`.
  static let embeddingAddress: String? = started([
    "--embeddings", "--alias", "switchyard-vectors",
  ])

  /// Lends an engine at one of the addresses, and closes it also where `body` throws: a client that is dropped open ends
  /// the process, and the failure with it.
  static func withEngine(
    at address: String?, _ body: (OpenAICompatibleEngine) async throws -> Void
  ) async throws {
    let engine = OpenAICompatibleEngine(
      spec: try EngineSpec.parse(#require(address)), logger: Logger(label: "test"))
    do {
      try await body(engine)
    } catch {
      try await engine.shutdown()
      throw error
    }
    try await engine.shutdown()
  }

  private static func started(_ options: [String] = []) -> String? {
    guard let root = repositoryRoot() else {
      print("skipped: real-engine tests need the repository around them")
      return nil
    }
    guard access(root + "/.venv/switchyard-engine.txt", R_OK) == 0 else {
      print("skipped: real-engine tests need the engine (run deploy/engine/setup)")
      return nil
    }
    return start(root + "/deploy/engine/serve", options)
  }

  private static func repositoryRoot() -> String? {
    // The tests may be built from elsewhere through links: this file's own place tells.
    guard let real = realpath(#filePath, nil) else { return nil }
    defer { free(real) }
    let parts = String(cString: real).split(separator: "/")
    return "/" + parts.dropLast(3).joined(separator: "/")
  }

  private static func start(_ program: String, _ options: [String]) -> String? {
    var input: [Int32] = [0, 0]
    var output: [Int32] = [0, 0]
    guard pipe(&input) == 0, pipe(&output) == 0 else { return nil }
    for descriptor in input + output { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, input[0], 0)
    posix_spawn_file_actions_adddup2(&actions, output[1], 1)
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0)
    var arguments = ([program] + options).map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var child: pid_t = 0
    guard posix_spawn(&child, program, &actions, nil, &arguments, environ) == 0 else {
      print("skipped: could not start \(program)")
      return nil
    }
    close(input[0])
    close(output[1])
    // input[1] stays open for the life of this process, and ends the child with it.
    var line: [UInt8] = []
    var byte: UInt8 = 0
    while read(output[0], &byte, 1) == 1, byte != 0x0a { line.append(byte) }
    close(output[0])
    let text = String(decoding: line, as: UTF8.self)
    guard let key = text.firstRange(of: "\"address\":\"") else {
      print("skipped: \(program) did not start")
      return nil
    }
    return String(text[key.upperBound...].prefix { $0 != "\"" })
  }
}
