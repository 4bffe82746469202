internal import ExchangeTypes
internal import Glibc

/// The sign that a directory has been the disk of a replica: a file beside it, named for the replica.
///
/// A replica that lost its disk has forgotten its votes and what it acknowledged. Made anew under its old id it
/// could elect a leader that lacks what was committed, so it is made once. Data that are gone cannot tell; the
/// mark can, since it lies outside the directory that holds them.
struct FoundingMark {
  /// Where it is: `DIRECTORY.founded-ID`.
  let path: String
  private let parent: String
  private let text: String

  init(_ identity: StoreIdentity, beside directory: String) {
    var name = directory[...]
    while name.count > 1, name.hasSuffix("/") { name.removeLast() }
    path = "\(name).founded-\(identity.replicaID)"
    parent = name.lastIndex(of: "/").map { String(name[...$0]) } ?? "."
    text = """
      \(name) has been the disk of replica \(identity.replicaID) of cluster \(identity.clusterID).
      Keep this file: without it a replica that lost its disk would begin anew and forget what it acknowledged.

      """
  }

  /// Whether the replica has been made here.
  func exists() throws(StoreError) -> Bool {
    var status = stat()
    if stat(path, &status) == 0 { return true }
    guard errno == ENOENT else { throw StoreError(errno: errno, "look at", path) }
    return false
  }

  /// Makes the mark, durably: its content does not matter, so a crash within leaves a good one or none.
  func make() throws(StoreError) {
    let descriptor = Glibc.open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw StoreError(errno: errno, "create", path) }
    defer { close(descriptor) }
    let bytes = Array(text.utf8)
    guard write(descriptor, bytes, bytes.count) == bytes.count, fsync(descriptor) == 0 else {
      throw StoreError(errno: errno, "write", path)
    }
    try StoreDirectory.synchronize(path: parent)
  }
}
