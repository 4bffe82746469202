import Foundation
import Testing

/// The house's rows, bottom to top, and the imports from outside that each room may use.
///
/// The compiler's own check accepts whatever a dependency depends on; this one does not.
enum House {
  static let rows: [[String]] = [
    ["ExchangeTypes"],
    ["CRaft", "CLMDB", "CNGHTTP2", "CHeap", "CKernels", "CModelBytes"],
    ["TokenLedger", "JobMarket"],
    ["ExchangeCore", "WireProtocol", "OpenAIFormat"],
    ["LMDB", "RaftEngine", "HTTP2Session"],
    ["Consensus"],
    ["JobDispatch"],
    ["SimulationKit"],
    ["Storage", "Identity", "Engines", "HostFacts"],
    ["Transport", "BuiltinEngine"],
    ["Links"],
    ["ExchangeClient"],
    ["Coordinator", "WorkerAgent", "Gateway"],
    ["yard", "yard-bench", "yard-sim"],
  ]

  /// Rooms without I/O: the standard library, hashes and collections only.
  static let pure: Set<String> = [
    "ExchangeTypes", "TokenLedger", "JobMarket", "ExchangeCore", "WireProtocol", "OpenAIFormat",
  ]
  /// Machines and drivers: no clock, thread or socket either.
  static let withoutIO: Set<String> = pure.union([
    "RaftEngine", "HTTP2Session", "Consensus", "JobDispatch", "SimulationKit",
  ])
  static let pureImports: Set<String> = ["Crypto", "DequeModule", "HeapModule"]
  /// What a wrapper of a C library may use besides: its memory functions, and a counter for them.
  static let wrapperImports: Set<String> = ["Glibc", "Synchronization"]
  static let wrappers: Set<String> = ["RaftEngine", "HTTP2Session"]
  static let ownerOfC = [
    "CRaft": "RaftEngine", "CLMDB": "LMDB", "CNGHTTP2": "HTTP2Session", "CKernels": "BuiltinEngine",
    "CModelBytes": "BuiltinEngine", "CHeap": "yard",
  ]

  static func row(_ room: String) -> Int? { rows.firstIndex { $0.contains(room) } }
  static let rooms = Set(rows.flatMap(\.self))
}

struct SourceFile: CustomStringConvertible, Sendable {
  let room: String
  let path: String
  let lines: [String]
  var description: String { path }

  /// The modules that the file imports.
  var imports: [String] {
    lines.compactMap { line in
      // The expression is slow in debug builds, and few lines can match it.
      guard line.contains("import ") else { return nil }
      guard
        let match = line.firstMatch(
          of:
            #/^\s*(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:public|package|internal|fileprivate|private)\s+)?import\s+(?:(?:struct|class|enum|protocol|func|let|var|typealias)\s+)?(\w+)/#
        )
      else { return nil }
      return String(match.1)
    }
  }
}

enum Repository {
  static let root = URL(fileURLWithPath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  static func files(under folder: String, extension ending: String) throws -> [URL] {
    let base = root.appendingPathComponent(folder)
    guard let walk = FileManager.default.enumerator(at: base, includingPropertiesForKeys: nil)
    else { return [] }
    return walk.compactMap { $0 as? URL }.filter { $0.pathExtension == ending }
      .sorted { $0.path < $1.path }
  }

  static func sources() throws -> [SourceFile] {
    try files(under: "Sources", extension: "swift").map { url in
      let path = String(url.path.dropFirst(root.path.count + 1))
      let room = path.split(separator: "/")[1]
      let text = try String(contentsOf: url, encoding: .utf8)
      return SourceFile(
        room: String(room), path: path,
        lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }
  }
}

@Suite("The house")
struct ImportTests {
  @Test("every room has a row, and every row's room exists")
  func rows() throws {
    let present = try Set(
      FileManager.default.contentsOfDirectory(
        at: Repository.root.appendingPathComponent("Sources"),
        includingPropertiesForKeys: [.isDirectoryKey]
      )
      .filter { try $0.resourceValues(forKeys: [.isDirectoryKey]).isDirectory == true }
      .map(\.lastPathComponent)
    ).subtracting(["decisions"])
    #expect(present == House.rooms)
  }

  @Test("a room imports only rooms of lower rows, and a C module only its one owner does")
  func direction() throws {
    let sources = try Repository.sources()
    #expect(sources.count > 50)
    for file in sources {
      guard let row = House.row(file.room) else { continue }
      for name in file.imports {
        if let owner = House.ownerOfC[name] {
          #expect(file.room == owner, "\(file) imports \(name), which only \(owner) may")
        } else if let target = House.row(name) {
          #expect(
            target < row, "\(file) (\(file.room)) imports \(name) of the same or a higher row")
        }
      }
    }
  }

  @Test("a room without I/O imports the standard library, hashes and collections only")
  func purity() throws {
    for file in try Repository.sources() where House.withoutIO.contains(file.room) {
      for name in file.imports where !House.rooms.contains(name) {
        let isAllowed =
          House.pureImports.contains(name)
          || (House.wrappers.contains(file.room) && House.wrapperImports.contains(name))
        #expect(isAllowed, "\(file) imports \(name)")
      }
    }
  }

  @Test("SimulationKit and the machines never see an edge")
  func edges() throws {
    let edges: Set = [
      "Storage", "Transport", "Identity", "Engines", "BuiltinEngine", "HostFacts", "Links",
    ]
    for file in try Repository.sources()
    where ["Consensus", "JobDispatch", "SimulationKit"].contains(file.room) {
      for name in file.imports { #expect(!edges.contains(name), "\(file) imports \(name)") }
    }
  }

  @Test(
    "no room or file is called after nothing",
    arguments: ["Utils", "Util", "Common", "Helpers", "Helper", "Manager", "Misc"])
  func names(word: String) throws {
    for file in try Repository.sources() {
      let name = file.path.split(separator: "/").last.map { $0.dropLast(6) } ?? ""
      #expect(!file.room.hasSuffix(word) && !name.hasSuffix(word), "\(file)")
    }
  }
}
