import Foundation
import Testing
import Transport

/// Other implementations of HTTP/2, as far as they are installed.
enum Tool: String, CaseIterable {
  case curl, nghttp, h2load

  var path: String? {
    ["/usr/bin", "/usr/local/bin"].map { "\($0)/\(rawValue)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  /// Runs the tool and gives its exit status and output.
  func run(_ arguments: [String]) async throws -> (status: Int32, output: String) {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path ?? rawValue)
    process.arguments = arguments
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(
      "tool-\(UUID().uuidString)")
    guard FileManager.default.createFile(atPath: file.path, contents: nil) else {
      throw CocoaError(.fileWriteUnknown)
    }
    defer { try? FileManager.default.removeItem(at: file) }
    let handle = try FileHandle(forWritingTo: file)
    process.standardOutput = handle
    process.standardError = handle
    let status = try await withCheckedThrowingContinuation {
      (continuation: CheckedContinuation<Int32, any Error>) in
      process.terminationHandler = { continuation.resume(returning: $0.terminationStatus) }
      do { try process.run() } catch { continuation.resume(throwing: error) }
    }
    return (status, try String(contentsOf: file, encoding: .utf8))
  }
}

@Suite("Another implementation", .timeLimit(.minutes(5)))
struct InteropTests {
  let net = TestNet()

  @Test(
    "curl gets back what it posts", .enabled(if: Tool.curl.path != nil, "curl is not installed"))
  func curl() async throws {
    let listener = try await net.listen()
    let body = String(repeating: "0123456789", count: 5_000)
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try body.write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let (status, output) = try await Tool.curl.run([
      "-sS", "--http2-prior-knowledge", "--data-binary", "@\(file.path)",
      "http://127.0.0.1:\(listener.port)/echo",
    ])
    #expect(status == 0)
    #expect(output == body)
    await listener.close()
  }

  @Test(
    "nghttp finishes a request", .enabled(if: Tool.nghttp.path != nil, "nghttp is not installed"))
  func nghttp() async throws {
    let listener = try await net.listen()
    let (status, output) = try await Tool.nghttp.run([
      "-nv", "http://127.0.0.1:\(listener.port)/echo",
    ])
    #expect(status == 0)
    #expect(output.contains(":status: 200"))
    await listener.close()
  }

  @Test(
    "h2load finishes every request, many streams at once",
    .enabled(if: Tool.h2load.path != nil, "h2load is not installed"))
  func h2load() async throws {
    let listener = try await net.listen()
    let file = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try "hello".write(to: file, atomically: true, encoding: .utf8)
    defer { try? FileManager.default.removeItem(at: file) }
    let (status, output) = try await Tool.h2load.run([
      "-n", "2000", "-c", "4", "-m", "32", "-d", file.path,
      "http://127.0.0.1:\(listener.port)/echo",
    ])
    #expect(status == 0)
    #expect(
      output.contains("2000 total, 2000 started, 2000 done, 2000 succeeded, 0 failed"), "\(output)")
    await listener.close()
  }
}
