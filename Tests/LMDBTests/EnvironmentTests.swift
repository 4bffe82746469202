import Foundation
import LMDB
import TemporaryDirectory
import Testing

@Suite struct EnvironmentTests {
  let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test("a committed row is there after the environment was closed and opened again")
  func committedRowsSurvive() throws {
    do {
      let environment = try Environment(directory: directory.path)
      try environment.write { transaction in
        let database = try transaction.database(named: "a")
        try transaction.put(
          key: bytes("key").span.bytes, value: bytes("value").span.bytes, in: database)
        try transaction.commit()
      }
    }
    let environment = try Environment(directory: directory.path)
    #expect(try environment.rows(of: "a") == ["key=value"])
  }

  @Test("a transaction that is not committed leaves nothing behind")
  func abandonedTransactionAborts() throws {
    let environment = try Environment(directory: directory.path)
    try environment.fill("a", ["kept"])
    struct Abandoned: Error {}
    #expect(throws: Abandoned.self) {
      try environment.write { transaction in
        let database = try transaction.database(named: "a")
        try transaction.put(
          key: bytes("dropped").span.bytes, value: bytes("").span.bytes, in: database)
        throw Abandoned()
      }
    }
    #expect(try environment.rows(of: "a") == ["kept="])
  }

  @Test("a reader keeps seeing the state that it began with")
  func readersAreSnapshots() throws {
    let environment = try Environment(directory: directory.path)
    let database = try environment.fill("a", ["1"])
    try environment.read { before in
      try environment.fill("a", ["2"])
      #expect(try before.count(in: database) == 1)
      let after = try environment.read { (try $0.count(in: database), $0.id) }
      #expect(after == (2, before.id + 1))
    }
  }

  @Test("a second environment on the same directory is refused, by whatever path")
  func doubleOpen() throws {
    let link = directory.path + "-link"
    try FileManager.default.createSymbolicLink(
      atPath: link, withDestinationPath: directory.path)
    defer { try? FileManager.default.removeItem(atPath: link) }
    try withExtendedLifetime(Environment(directory: directory.path)) {
      for path in [directory.path, link] {
        let error = #expect(throws: LMDBError.self) { _ = try Environment(directory: path) }
        #expect(error?.reason == .alreadyOpen)
      }
    }
    _ = try Environment(directory: link)
  }

  @Test("the files belong to their owner alone")
  func mode() throws {
    try withExtendedLifetime(Environment(directory: directory.path)) {
      for name in ["data.mdb", "lock.mdb"] {
        var status = stat()
        #expect(stat(directory.path + "/" + name, &status) == 0)
        #expect(status.st_mode & 0o777 == 0o600)
      }
    }
  }

  @Test("a full map is its own error, and the environment stays usable")
  func mapFull() throws {
    var options = Environment.Options()
    options.mapBytes = 64 << 10
    let environment = try Environment(directory: directory.path, options: options)
    try environment.fill("a", ["kept"])
    let error = #expect(throws: LMDBError.self) {
      try environment.fill("a", (0..<1000).map { "\($0)" + String(repeating: "x", count: 400) })
    }
    #expect(error?.reason == .mapFull)
    #expect(try environment.rows(of: "a") == ["kept="])
    try environment.fill("a", ["another"])
  }

  @Test("more readers than slots is its own error")
  func readersFull() throws {
    var options = Environment.Options()
    options.readersMax = 2
    let environment = try Environment(directory: directory.path, options: options)
    try environment.read { _ in
      try environment.read { _ in
        let error = #expect(throws: LMDBError.self) { try environment.read { _ in } }
        #expect(error?.reason == .readersFull)
      }
    }
    #expect(try environment.clearStaleReaders() == 0)
    try environment.read { _ in }
  }

  @Test("a reader that was killed keeps its slot until somebody clears it")
  func staleReader() async throws {
    let path = directory.path
    let environment = try Environment(directory: path)
    await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String] in
      try Environment(directory: path).read { _ in _ = kill(getpid(), SIGKILL) }
    }
    #expect(try environment.clearStaleReaders() == 1)
    #expect(try environment.clearStaleReaders() == 0)
  }

  @Test("a file that is not LMDB's, and one of another version, are told apart")
  func foreignFiles() throws {
    let file = directory.path + "/data.mdb"
    try Data(repeating: 0x41, count: 8192).write(to: URL(filePath: file))
    let invalid = #expect(throws: LMDBError.self) { _ = try Environment(directory: directory.path) }
    #expect(invalid?.reason == .invalid)

    try FileManager.default.removeItem(atPath: file)
    do { _ = try Environment(directory: directory.path) }
    var bytes = try Data(contentsOf: URL(filePath: file))
    for page in 0...1 { bytes[page * 4096 + 20] = 9 }
    try bytes.write(to: URL(filePath: file))
    let version = #expect(throws: LMDBError.self) { _ = try Environment(directory: directory.path) }
    #expect(version?.reason == .versionMismatch)
    #expect(version?.operation == "open \(directory.path)")
    #expect(throws: LMDBError.self) { try PageAudit.check(file: file) }
  }

  @Test("statistics count the pages that deleted rows give back")
  func statistics() throws {
    let environment = try Environment(directory: directory.path)
    let database = try environment.fill("a", (0..<2000).map { "\($0)" })
    let full = try environment.statistics()
    #expect(full.mapBytes == 64 << 30)
    #expect(try environment.highWaterBytes() == full.pagesAllocated * full.pageBytes)
    try environment.write { transaction in
      #expect(try transaction.deleteRange(from: bytes("0").span.bytes, in: database) == 2000)
      try transaction.commit()
    }
    let empty = try environment.statistics()
    #expect(empty.pagesFree > full.pagesFree)
    #expect(empty.bytesUsed < full.bytesUsed)
    #expect(empty.lastTransactionID == full.lastTransactionID + 1)
  }
}
