import Foundation
import Testing

@Suite("The sources")
struct SourceTests {
  @Test("nothing is left to be done later")
  func marks() throws {
    let marks: Set = ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"]
    for file in try Repository.sources() {
      for (number, line) in file.lines.enumerated() {
        guard marks.contains(where: { line.contains($0) }) else { continue }
        for word in line.split(whereSeparator: { !$0.isLetter }) where marks.contains(String(word))
        {
          Issue.record("\(file):\(number + 1) says \(word)")
        }
      }
    }
  }

  @Test("a level can be given for every module that logs, and for no other")
  func logModules() throws {
    var labels: Set<String> = []
    var named: Set<String> = []
    for file in try Repository.sources() where file.room != "yard-bench" {
      let isList = file.path.hasSuffix("/LogLevels.swift")
      for line in file.lines {
        if isList, line.hasPrefix("    \""), line.hasSuffix("\",") {
          named.formUnion(line.split { !$0.isLetter }.map(String.init))
        }
        // The expression is slow in debug builds, and few lines can match it.
        guard line.contains("(label: ") else { continue }
        for match in line.matches(of: /(?:Logger|RefusalLog)\(label: "([^"]+)"\)/) {
          labels.insert(String(match.1))
        }
      }
    }
    #expect(labels.count > 5)
    #expect(labels == named)
  }

  @Test("no sleep stands for a condition")
  func sleeps() throws {
    let calls = ["usleep(", "Thread.sleep", "nanosleep(", " sleep("]
    // Where the passing of time is what is waited for: an interval, a time limit.
    let timers: Set = [
      "CertificateRenewal.swift", "ChildProcess.swift", "Patience.swift", "WorkerShell.swift",
    ]
    for file in try Repository.sources() {
      let isTimer = timers.contains(String(file.path.split(separator: "/").last ?? ""))
      for (number, line) in file.lines.enumerated() where !line.contains("///") {
        for call in calls + (isTimer ? [] : [".sleep("]) where line.contains(call) {
          Issue.record("\(file):\(number + 1) calls \(call)")
        }
      }
    }
  }

  @Test("a secret that is kept is a Secret, whose descriptions show nothing")
  func secrets() throws {
    let plain =
      #/\b(?:let|var) +(?:\w*Secret|secret|privateKey|joinToken): *(?:\[UInt8\]|String|Data)\b/#
    for file in try Repository.sources() {
      for (number, line) in file.lines.enumerated()
      where line.contains("ecret") || line.contains("Key") || line.contains("Token") {
        if line.firstMatch(of: plain) != nil {
          Issue.record("\(file):\(number + 1) keeps a secret in the open: \(line)")
        }
      }
    }
  }

  @Test("apply knows no clock, no randomness and no floating point")
  func determinism() throws {
    let banned = [
      "Date(", "ContinuousClock", "SystemRandomNumberGenerator", ".random(", "Double", "Float",
    ]
    let rooms: Set = ["ExchangeTypes", "TokenLedger", "JobMarket", "ExchangeCore"]
    for file in try Repository.sources() where rooms.contains(file.room) {
      for (number, line) in file.lines.enumerated() {
        guard !line.drop(while: { $0 == " " }).hasPrefix("//") else { continue }
        for word in banned where line.contains(word) {
          Issue.record("\(file):\(number + 1) uses \(word)")
        }
      }
    }
  }

  @Test("a source file holds one idea: at most 800 lines, generated ones apart")
  func length() throws {
    for file in try Repository.sources() where file.lines.first?.contains("Generated") != true {
      #expect(file.lines.count <= 800, "\(file) has \(file.lines.count) lines")
    }
  }

  @Test("every room has a front door")
  func readmes() throws {
    for room in House.rooms where !["CRaft", "CLMDB", "CNGHTTP2", "CHeap"].contains(room) {
      let door = Repository.root.appendingPathComponent("Sources/\(room)/README.md")
      #expect(
        FileManager.default.fileExists(atPath: door.path), "Sources/\(room)/README.md is missing")
    }
  }
}
