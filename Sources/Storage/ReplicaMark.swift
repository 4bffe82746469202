internal import ExchangeTypes
internal import Glibc

/// A sign beside a directory, for what its data cannot say of themselves: a file named for the replica.
///
/// It lies outside the directory that holds the data, so it stays where they are lost or put back.
struct ReplicaMark {
  /// Where it is: `DIRECTORY.founded-ID` or `DIRECTORY.diverged-ID`.
  let path: String
  private let parent: String
  private let text: String

  private init(
    _ kind: String, _ replica: ReplicaID, beside directory: String, text: (String) -> String
  ) {
    var name = directory[...]
    while name.count > 1, name.hasSuffix("/") { name.removeLast() }
    path = "\(name).\(kind)-\(replica)"
    parent = name.lastIndex(of: "/").map { String(name[...$0]) } ?? "."
    self.text = text(String(name))
  }

  /// The sign that a directory has been the disk of a replica.
  ///
  /// A replica that lost its disk has forgotten its votes and what it acknowledged. Made anew under its old id it
  /// could elect a leader that lacks what was committed, so it is made once.
  static func founded(_ identity: StoreIdentity, beside directory: String) -> ReplicaMark {
    ReplicaMark("founded", identity.replicaID, beside: directory) { name in
      """
      \(name) has been the disk of replica \(identity.replicaID) of cluster \(identity.clusterID).
      Keep this file: without it a replica that lost its disk would begin anew and forget what it acknowledged.

      """
    }
  }

  /// The sign that a replica's state was found not to be the majority's.
  ///
  /// What is wrong is in its state, not in how its bytes lie on the disk: the data are whole, and would be served again.
  static func diverged(_ replica: ReplicaID, beside directory: String) -> ReplicaMark {
    ReplicaMark("diverged", replica, beside: directory) { name in
      """
      The state of replica \(replica) in \(name) is not the majority's: it must not be served.
      Keep the directory for inspection and let the node rejoin under a new replica id (yard cluster --help says how).

      """
    }
  }

  /// Whether it is there.
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
