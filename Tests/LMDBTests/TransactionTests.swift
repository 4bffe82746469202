import LMDB
import TemporaryDirectory
import Testing

@Suite struct TransactionTests {
  let directory: TemporaryDirectory
  let environment: Environment

  init() throws {
    directory = try TemporaryDirectory()
    environment = try Environment(directory: directory.path)
  }

  @Test("a value is found under its key only")
  func getting() throws {
    let database = try environment.fill("a", ["b"])
    try environment.read { transaction in
      for (key, isThere) in [("a", false), ("b", true), ("bb", false)] {
        let found = try transaction.withValue(forKey: bytes(key).span.bytes, in: database) {
          $0 != nil
        }
        #expect(found == isThere)
      }
    }
  }

  @Test("rows come in the order of keys, from a start, until enough")
  func iterating() throws {
    let database = try environment.fill("a", ["d", "a", "c", "b"])
    try environment.read { transaction in
      var seen: [String] = []
      try transaction.forEach(in: database, from: bytes("aa").span.bytes) { key, _ in
        seen.append(text(key))
        return seen.count < 2
      }
      #expect(seen == ["b", "c"])
      #expect(try transaction.withRow(at: .first, in: database) { key, _ in text(key) } == "a")
      #expect(try transaction.withRow(at: .last, in: database) { key, _ in text(key) } == "d")
    }
  }

  @Test("an empty table has no first row")
  func emptyTable() throws {
    let database = try environment.fill("a", [])
    #expect(
      try environment.read { try $0.withRow(at: .first, in: database) { key, _ in text(key) } }
        == nil)
  }

  @Test("an appended key must sort last")
  func appending() throws {
    let database = try environment.fill("a", ["m"])
    try environment.write { transaction in
      try transaction.put(key: bytes("n").span.bytes, byteCount: 0, in: database, append: true) {
        _ in
      }
      let error = #expect(throws: LMDBError.self) {
        try transaction.put(key: bytes("b").span.bytes, byteCount: 0, in: database, append: true) {
          _ in
        }
      }
      #expect(error?.reason == .keyExists)
    }
  }

  @Test(
    "a range is deleted from its start up to but without its end",
    arguments: [
      ("b", "d", ["a=", "d=", "e="]), ("aa", "cc", ["a=", "d=", "e="]), ("c", nil, ["a=", "b="]),
      ("x", nil, ["a=", "b=", "c=", "d=", "e="]), ("c", "c", ["a=", "b=", "c=", "d=", "e="]),
    ] as [(String, String?, [String])])
  func deletingRanges(start: String, end: String?, left: [String]) throws {
    let database = try environment.fill("a", ["a", "b", "c", "d", "e"])
    try environment.write { transaction in
      let deleted =
        if let end {
          try transaction.deleteRange(
            from: bytes(start).span.bytes, to: bytes(end).span.bytes, in: database)
        } else {
          try transaction.deleteRange(from: bytes(start).span.bytes, in: database)
        }
      #expect(deleted == 5 - left.count)
      try transaction.commit()
    }
    #expect(try environment.rows(of: "a") == left)
  }

  @Test("deleting what is not there is no error")
  func deletingNothing() throws {
    let database = try environment.fill("a", ["b"])
    try environment.write { transaction in
      #expect(try !transaction.delete(key: bytes("a").span.bytes, in: database))
      #expect(try transaction.delete(key: bytes("b").span.bytes, in: database))
      try transaction.commit()
    }
    #expect(try environment.rows(of: "a") == [])
  }

  @Test("the audit agrees with random histories of changes, and nothing is lost", arguments: 1...12)
  func auditAcceptsHealthyFiles(seed: UInt64) throws {
    var random = SplitMix(state: seed)
    for _ in 0..<12 {
      try environment.write { transaction in
        for _ in 0..<Int.random(in: 1...150, using: &random) {
          let database = try transaction.database(
            named: "t\(Int.random(in: 0...2, using: &random))")
          let key =
            String(repeating: "k", count: Int.random(in: 0...60, using: &random))
            + "\(Int.random(in: 0...400, using: &random))"
          switch Int.random(in: 0...9, using: &random) {
          case 0:
            try transaction.deleteRange(
              from: bytes(key).span.bytes, to: bytes(key + "5").span.bytes, in: database)
          case 1...3: try transaction.delete(key: bytes(key).span.bytes, in: database)
          default:
            let count = Int.random(in: 0...9, using: &random) == 0 ? 9000 : 300
            let value = String(repeating: "v", count: Int.random(in: 0...count, using: &random))
            try transaction.put(
              key: bytes(key).span.bytes, value: bytes(value).span.bytes, in: database)
          }
        }
        if Bool.random(using: &random) { try transaction.commit() }
      }
      // No transaction is open and nothing else writes, so the file can be read beside LMDB.
      let audit = try #require(try PageAudit.check(file: directory.path + "/data.mdb"))
      let statistics = try environment.statistics()
      #expect(audit.transactionID == statistics.lastTransactionID)
      #expect(audit.pagesFree == statistics.pagesFree)
      #expect(audit.pagesLost == 0)
    }
  }

  @Test("there is nothing to audit before the first open")
  func auditOfNothing() throws {
    #expect(try PageAudit.check(file: directory.path + "/none") == nil)
  }
}

/// A small generator with a seed, so that a failure can be repeated.
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }
}
