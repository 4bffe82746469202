import ExchangeTypes
import Foundation
import Identity
import TemporaryDirectory
import Testing

@Suite("An identity directory")
struct FileTests {
  let scratch: TemporaryDirectory
  let cluster: TestCluster
  let directory: IdentityDirectory

  init() throws {
    scratch = try TemporaryDirectory()
    cluster = try TestCluster()
    directory = IdentityDirectory(path: scratch.file("id"))
    try directory.save(
      cluster.authority, authorityPEM: cluster.authority.certificatePEM)
    try directory.save(
      try cluster.node(.coordinator, "c1"), authorityPEM: cluster.authority.certificatePEM)
  }

  func mode(_ name: String) throws -> Int {
    let values = try FileManager.default.attributesOfItem(atPath: scratch.file("id/\(name)"))
    return try #require(values[.posixPermissions] as? Int)
  }

  @Test("gives back what was saved, keys being the owner's alone")
  func roundTrip() throws {
    let node = try directory.load(cluster: cluster.id, now: TestCluster.now)
    #expect(node.identity.description == "coordinator c1")
    #expect(try directory.loadAuthority().cluster == cluster.id)
    #expect(try mode("node.key") == 0o600 && mode("ca.key") == 0o600)
    #expect(try directory.loadAnchor().cluster == cluster.id)
  }

  @Test("says which file is missing", arguments: ["ca.pem", "node.pem", "node.key"])
  func missing(name: String) throws {
    let path = scratch.file("id/\(name)")
    try FileManager.default.removeItem(atPath: path)
    #expect(throws: IdentityError.missing(path: path)) {
      try directory.load(now: TestCluster.now)
    }
  }

  @Test("refuses a key that others can read")
  func exposed() throws {
    let path = scratch.file("id/node.key")
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: path)
    #expect(throws: IdentityError.exposed(path: path, mode: 0o640)) {
      try directory.load(now: TestCluster.now)
    }
    #expect(IdentityError.exposed(path: "k", mode: 0o640).description.contains("chmod 600 k"))
  }

  @Test("a call that failed says what to do where somebody can do something")
  func advice() {
    func said(_ errno: Int32) -> String {
      IdentityError.io(path: "k", operation: "write", errno: errno).description
    }
    #expect(said(EACCES).hasSuffix("; a node's directory belongs to the user that it runs as"))
    #expect(said(ENOSPC).hasSuffix("; free some room on its volume, and begin again"))
  }

  @Test("says that the certificate has expired, and of which file")
  func expired() throws {
    let end = TestCluster.now + TestCluster.day
    #expect(
      throws: IdentityError.refused(path: scratch.file("id/node.pem"), .expired(at: end))
    ) { try directory.load(now: end + 60) }
  }

  @Test("says that it is another cluster's")
  func wrongCluster() throws {
    let error = IdentityError.wrongCluster(
      path: scratch.file("id/ca.pem"), expected: ClusterID(9), found: cluster.id)
    #expect(throws: error) { try directory.load(cluster: ClusterID(9), now: TestCluster.now) }
  }

  @Test(
    "names the file that is not what it should be", arguments: ["ca.pem", "node.pem", "node.key"])
  func malformed(name: String) throws {
    let path = scratch.file("id/\(name)")
    let handle = try #require(FileHandle(forWritingAtPath: path))
    try handle.truncate(atOffset: 40)
    try handle.close()
    let error = #expect(throws: IdentityError.self) { try directory.load(now: TestCluster.now) }
    guard case .malformed(path, _)? = error else {
      Issue.record("\(String(describing: error))")
      return
    }
  }

  @Test("refuses a key of another certificate")
  func mismatch() throws {
    let other = try cluster.node(.coordinator, "c2")
    let path = scratch.file("id/node.key")
    try other.key.pem.write(toFile: path, atomically: false, encoding: .utf8)
    #expect(throws: IdentityError.keyMismatch(path: path)) {
      try directory.load(now: TestCluster.now)
    }
  }

  @Test("never shows a secret in a description")
  func redaction() throws {
    let node = try cluster.node(.worker, "w")
    let secret = try #require(node.key.pem.split(separator: "\n").dropFirst().first)
    for text in ["\(node)", "\(node.key)", String(reflecting: node.key)] {
      #expect(!text.contains(secret))
    }
  }
}
