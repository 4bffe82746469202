import Foundation
import Testing
import WireProtocol

@testable import HostFacts

/// A folder of one test's own that programs can be started from, which is gone with its owner.
private final class ToolFolder: Sendable {
  let path: String

  init() throws {
    // Not in memory: such a file system often has no executables.
    let url = FileManager.default.temporaryDirectory.appendingPathComponent("yard-\(UUID())")
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    path = url.path
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }
}

@Suite("A GPU tool is asked", .serialized, .timeLimit(.minutes(5)))
struct ProbeTests {
  /// A program in the place of a tool, in a folder of its own.
  private func tool(_ name: String, _ script: String) throws -> (ToolFolder, GPUProbe) {
    let folder = try ToolFolder()
    let path = folder.file(name)
    try ("#!/bin/sh\n" + script).write(toFile: path, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
    return (folder, try #require(GPUProbe.find(in: folder.path)))
  }

  @Test("a host without a tool has none")
  func none() throws {
    let folder = try ToolFolder()
    #expect(GPUProbe.find(in: folder.path + ":relative:") == nil)
  }

  @Test("nvidia-smi is asked again without a field that it does not know")
  func olderDriver() async throws {
    let (folder, probe) = try tool(
      "nvidia-smi",
      """
      case "$1" in
        --query-gpu=*power.limit*) echo 'Field "power.limit" is not a valid field to query.'; exit 2 ;;
        --query-gpu=*) cat <<'END'
      \(Composed.h100.split(separator: "\n").map { $0.split(separator: ",").enumerated().filter { $0.offset != 7 }.map { String($0.element) }.joined(separator: ",") }.joined(separator: "\n"))
      END
        ;;
        -L) cat <<'END'
      \(Composed.h100List)END
        ;;
        *) cat <<'END'
      \(Composed.h100Processes)END
        ;;
      esac
      """)
    for _ in 1...2 {
      let gpus = try await probe.read(engine: .elsewhere)
      #expect(gpus.map(\.index) == [0, 1])
      #expect(gpus.map(\.powerLimit) == [nil, nil] && gpus[0].power == 541_270)
      #expect(gpus[0].foreignProcesses == nil)
    }
    let builtin = try await probe.read(engine: .thisProcess)
    #expect(builtin.map(\.foreignProcesses) == [2, 0])
    #expect(builtin.map(\.foreignMemory) == [61_180, 0])
    withExtendedLifetime(folder) {}
  }

  @Test(
    "amd-smi is asked for its lists once for many readings, and again when a GPU was divided anew")
  func divided() async throws {
    let (folder, probe) = try tool(
      "amd-smi",
      """
      here=$(dirname "$0"); echo "$1" >>"$here/asked"
      parts=$(cat "$here/parts" 2>/dev/null || echo 1)
      rows=""; for n in $(seq 0 $((parts - 1))); do
        case "$1" in
          list) row="{\\"gpu\\":$n,\\"uuid\\":\\"u$parts-$n\\"}" ;;
          static) row="{\\"gpu\\":$n,\\"asic\\":{\\"market_name\\":\\"MI300X\\"}}" ;;
          *) row="{\\"gpu\\":$n,\\"process_list\\":[]}" ;;
        esac
        rows="$rows${rows:+,}$row"
      done
      echo "[$rows]"
      """)
    func asked() throws -> [String] {
      let text = try String(contentsOfFile: folder.file("asked"), encoding: .utf8)
      return text.split(separator: "\n").map(String.init).filter { $0 == "list" || $0 == "static" }
    }
    for _ in 1...3 { #expect(try await probe.read(engine: .elsewhere).map(\.uuid) == ["u1-0"]) }
    #expect(try asked() == ["list", "static"])
    try "2".write(toFile: folder.file("parts"), atomically: true, encoding: .utf8)
    let gpus = try await probe.read(engine: .elsewhere)
    #expect(gpus.map(\.uuid) == ["u2-0", "u2-1"] && gpus.map(\.name) == ["MI300X", "MI300X"])
    _ = try await probe.read(engine: .elsewhere)
    #expect(try asked() == ["list", "static", "list", "static"])
  }

  @Test("a tool that fails, hangs or says too much is named, and asked again later")
  func failures() async throws {
    let (broken, failing) = try tool("nvidia-smi", "echo 'No devices were found'; exit 6\n")
    await #expect(
      throws: GPUProbeError.unreadable(broken.file("nvidia-smi"), "No devices were found")
    ) {
      try await failing.read(engine: .elsewhere)
    }
    let (loud, flooding) = try tool(
      "amd-smi", "exec yes 0123456789012345678901234567890123456789\n")
    for _ in 1...2 {
      await #expect(throws: GPUProbeError.tooMuch(loud.file("amd-smi"))) {
        try await flooding.read(engine: .elsewhere)
      }
    }
  }

  @Test("a tool that does not end is killed with what it started")
  func hanging() async throws {
    let (folder, probe) = try tool(
      "nvidia-smi", "sleep 1000 & echo $! >\"$(dirname \"$0\")/child\"; wait\n")
    await #expect(throws: GPUProbeError.tooSlow(folder.file("nvidia-smi"))) {
      try await probe.read(engine: .elsewhere)
    }
    let text = try String(contentsOfFile: folder.file("child"), encoding: .utf8)
    let child = try #require(Int32(text.trimmingCharacters(in: .whitespacesAndNewlines)))
    // A killed process ends when it is its turn, and until somebody has reaped it is no more than a name.
    func isGone() -> Bool {
      let state = try? String(contentsOfFile: "/proc/\(child)/stat", encoding: .utf8)
      return kill(child, 0) != 0 || state?.contains(") Z ") ?? true
    }
    while !isGone() { await Task.yield() }
  }

  @Test("the engine is who listens at its port, and whoever descends from it")
  func engine() throws {
    let table = """
        sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
         0: 0100007F:1F40 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 81234 1 0000000000000000 100 0 0 10 0
         1: 0100007F:1F40 0100007F:A1B2 01 00000000:00000000 00:00000000 00000000  1000        0 81300 1 0000000000000000 20 4 30 10 -1
         2: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 77 1 0000000000000000 100 0 0 10 0
      """
    #expect(ProcessTable.inodesListening(at: 8_000, in: table) == ["81234"])
    #expect(ProcessTable.inodesListening(at: 80, in: table) == ["77"])
    #expect(ProcessTable.parent("4711 (a ) b) S 42 4711 4711 0 -1") == 42)
    #expect(ProcessTable.descendants(of: [2], parents: [3: 2, 4: 3, 5: 1, 2: 1]) == [2, 3, 4])
    #expect(GPUProbe.Engine(url: "http://127.0.0.1:8000/prefix") == .listening(port: 8_000))
    #expect(GPUProbe.Engine(url: "http://[::1]:9") == .listening(port: 9))
    #expect(GPUProbe.Engine(url: "http://10.0.0.7:8000") == .elsewhere)
  }

  @Test("a port of this process is found to be its own")
  func ownPort() throws {
    let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(listener) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    try withUnsafeMutablePointer(to: &address) { pointer in
      try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try #require(bind(listener, $0, size) == 0 && listen(listener, 1) == 0)
        try #require(getsockname(listener, $0, &size) == 0)
      }
    }
    let found = ProcessTable.listening(at: UInt16(bigEndian: address.sin_port))
    #expect(found?.contains(Int(getpid())) == true)
  }
}
