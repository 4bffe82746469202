public import ExchangeTypes

/// Who is at the other end of a link, as the cluster's authority has certified.
///
/// It is a URI in the certificate's subject alternative names, so that it does not depend on host names
/// or addresses: `switchyard://<cluster>/<role>/<name>`.
public struct PeerIdentity: Hashable, Sendable, CustomStringConvertible {
  /// The cluster whose authority signed the certificate.
  public let cluster: ClusterID
  /// What the peer may be.
  public let role: NodeRole
  /// The peer's name: 1 to 64 of `A-Z a-z 0-9 . _ -`.
  public let name: String

  /// Joins the parts; `nil` if `name` is not a name.
  public init?(cluster: ClusterID, role: NodeRole, name: String) {
    guard NodeName.isName(name) else { return nil }
    self.cluster = cluster
    self.role = role
    self.name = name
  }

  /// Reads the URI form and nothing else.
  public init?(uri: String) {
    guard uri.utf8.count <= 160, uri.hasPrefix(Self.scheme) else { return nil }
    let parts = uri.dropFirst(Self.scheme.count).split(
      separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 3, let cluster = ClusterID(hexadecimal: parts[0]),
      let role = NodeRole(name: parts[1])
    else { return nil }
    self.init(cluster: cluster, role: role, name: String(parts[2]))
  }

  /// The form that stands in the certificate.
  public var uri: String { "\(Self.scheme)\(cluster)/\(role)/\(name)" }

  /// `role name`.
  public var description: String { "\(role) \(name)" }

  static let scheme = "switchyard://"

  /// The node within its cluster.
  public var node: NodeName {
    guard let node = NodeName(role: role, name: name) else {
      preconditionFailure("the name was checked")
    }
    return node
  }
}

extension ClusterID {
  /// Draws a new cluster's name.
  public static func generate(using generator: inout some RandomNumberGenerator) -> ClusterID {
    ClusterID(UInt128(generator.next()) << 64 | UInt128(generator.next()))
  }

  /// Draws a new cluster's name from the system's generator.
  public static func generate() -> ClusterID {
    var generator = SystemRandomNumberGenerator()
    return generate(using: &generator)
  }

  /// Reads 32 lower-case hexadecimal digits; `nil` for anything else.
  public init?(hexadecimal text: some StringProtocol) {
    guard text.utf8.count == 32, let value = UInt128(text, radix: 16) else { return nil }
    self.init(value)
    guard description == text else { return nil }
  }
}
