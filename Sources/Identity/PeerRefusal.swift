public import ExchangeTypes

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// Why a certificate does not make its holder a peer; checked in the order of the cases.
public enum PeerRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// The bytes are not an X.509 certificate.
  case malformed(String)
  /// The certificate names no node of any cluster.
  case noIdentity
  /// It names a node of another cluster.
  case wrongCluster(expected: ClusterID, found: ClusterID)
  /// This cluster's authority did not sign it.
  case untrusted
  /// It may not be used for this: it is an authority's, or lacks a key usage, or has an unknown
  /// critical extension.
  case unsuitable(String)
  /// Its time has not come: clocks differ, or it was issued for later.
  case notYetValid(from: Date)
  /// Its time is over.
  case expired(at: Date)
  /// The peer is who it says, but is not wanted here.
  case wrongRole(found: NodeRole, allowed: Set<NodeRole>)

  /// One line for a log.
  public var description: String {
    switch self {
    case .malformed(let why): "the certificate cannot be read: \(why)"
    case .noIdentity: "the certificate names no node of a cluster"
    case .wrongCluster(let expected, let found):
      "the certificate is of cluster \(found), this is cluster \(expected)"
    case .untrusted: "the certificate is not signed by this cluster's authority"
    case .unsuitable(let why): "the certificate is not for this use: \(why)"
    case .notYetValid(let from):
      "the certificate is valid from \(seconds(from)) s after 1970 only: compare the clocks"
    case .expired(let at): "the certificate expired at \(seconds(at)) s after 1970"
    case .wrongRole(let found, let allowed):
      "the certificate is a \(found)'s, and only that of "
        + allowed.map(\.description).sorted().joined(separator: ", ") + " is taken here"
    }
  }

  private func seconds(_ date: Date) -> Int64 { Int64(date.timeIntervalSince1970) }
}
