import Foundation

/// The Python programs of `proto-spec/reference`, and the vectors beside them.
enum Reference {
  /// `proto-spec`, found from this file's place in the repository.
  static let spec = URL(filePath: #filePath).resolvingSymlinksInPath()
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "proto-spec")

  /// Runs a program with `input` on its standard input.
  static func run(
    _ program: String, _ arguments: [String] = [], input: String = ""
  ) throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments =
      ["python3", "-B", spec.appending(path: "reference/\(program)").path()] + arguments
    let output = Pipe()
    process.standardOutput = output
    // A file, not a pipe: a pipe that is full while nobody reads the output would stop both.
    let file = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString)
    try Data(input.utf8).write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    process.standardInput = try FileHandle(forReadingFrom: file)
    try process.run()
    let data = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }

  /// The lines that a program answers to lines.
  static func lines(_ program: String, _ argument: String, _ lines: [String]) throws -> [String] {
    let (status, output) = try run(program, [argument], input: lines.joined(separator: "\n") + "\n")
    guard status == 0 else { throw Failed(status: status, output: output) }
    return output.split(separator: "\n", omittingEmptySubsequences: false).dropLast().map(
      String.init)
  }

  struct Failed: Error {
    let status: Int32
    let output: String
  }

  /// A frame that must be accepted.
  struct Valid: Decodable {
    let `case`: String
    let frame: String
    let canonical: String?
  }

  /// A frame that must be refused.
  struct Invalid: Decodable {
    let `case`: String
    let frame: String
    let error: String
    let offset: Int
    let stream: String?
  }

  /// Chain hashes and a MAC.
  struct Hashes: Decodable {
    let cluster: String
    let job: UInt64
    let events: [String]
    let hashes: [String]
    let key: String
    let epoch: UInt32
    let lastSeq: UInt64
    let durableThrough: UInt64
    let mac: String
  }

  static func vectors<Vector: Decodable>(
    _ folder: String, of type: Vector.Type = Vector.self
  ) throws -> [Vector] {
    let url = spec.appending(path: "vectors/\(folder)")
    let names = try FileManager.default.contentsOfDirectory(atPath: url.path()).sorted()
    return try names.flatMap { name in
      try JSONDecoder().decode([Vector].self, from: Data(contentsOf: url.appending(path: name)))
    }
  }

  static func hashes() throws -> Hashes {
    let url = spec.appending(path: "vectors/hashes.json")
    return try JSONDecoder().decode(Hashes.self, from: Data(contentsOf: url))
  }
}
