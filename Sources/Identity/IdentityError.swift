public import ExchangeTypes
internal import Glibc

/// Why an identity, a key or a keyring cannot be made or loaded.
public enum IdentityError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file is not there.
  case missing(path: String)
  /// The file is there, and would be overwritten.
  case present(path: String)
  /// Others than the owner may read or write a secret.
  case exposed(path: String, mode: UInt32)
  /// The file is there but does not hold `what`.
  case malformed(path: String, what: String)
  /// The key is not the certificate's.
  case keyMismatch(path: String)
  /// The certificate is of another cluster, not trusted, expired, …
  case refused(path: String, PeerRefusal)
  /// The keyring is another cluster's.
  case wrongCluster(path: String, expected: ClusterID, found: ClusterID)
  /// Not 1 to 64 of `A-Z a-z 0-9 . _ -`.
  case notAName(String)
  /// An issuer does not certify nodes of this role.
  case mayNotCertify(NodeRole)
  /// A call of the operating system failed.
  case io(path: String, operation: String, errno: Int32)

  /// One line that says what to do about it.
  public var description: String {
    switch self {
    case .missing(let path): "\(path) does not exist"
    case .present(let path): "\(path) exists: this node has joined; name another directory"
    case .exposed(let path, let mode):
      "\(path) is a secret but has mode \(String(mode, radix: 8)): run chmod 600 \(path)"
    case .malformed(let path, let what):
      path.isEmpty ? "this is not \(what)" : "\(path) does not hold \(what)"
    case .keyMismatch(let path): "\(path) is not the key of the certificate beside it"
    case .refused(let path, let refusal): "\(path): \(refusal)"
    case .wrongCluster(let path, let expected, let found):
      "\(path) is of cluster \(found), this is cluster \(expected)"
    case .notAName(let name): "'\(name)' is not a name: 1 to 64 of A-Z a-z 0-9 . _ -"
    case .mayNotCertify(let role):
      "an issuer does not certify a \(role): that takes the root key, in ca/"
    case .io(let path, let operation, let errno):
      "\(path): \(operation) failed: \(String(cString: strerror(errno)))" + Self.advice(errno)
    }
  }

  private static func advice(_ errno: Int32) -> String {
    switch errno {
    case EACCES: "; a node's directory belongs to the user that it runs as"
    case ENOSPC, EDQUOT: "; free some room on its volume, and begin again"
    default: ""
    }
  }

  /// The same error about the file at `path`.
  func about(_ path: String) -> IdentityError {
    switch self {
    case .malformed(_, let what): .malformed(path: path, what: what)
    case .keyMismatch: .keyMismatch(path: path)
    default: self
    }
  }
}
