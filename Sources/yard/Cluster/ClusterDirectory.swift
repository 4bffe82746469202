internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import OpenAIFormat

/// The files that a new cluster's nodes start from.
///
/// ```
/// DIR/cluster.json            what the cluster is; public but for the hash of the root key
/// DIR/ca/                     the authorities: keep ca.key away from the nodes
/// DIR/coordinator-1/          one node's directory, to be copied to its machine:
///     cluster.json  identity/ (with issuer.key, for nodes that join)  keyring  data/
/// DIR/workers/NAME/identity/
/// DIR/gateway/identity/       for gateways
/// DIR/client/identity/        for the command line
/// ```
struct ClusterDirectory {
  let path: String

  func coordinator(_ id: UInt64) -> NodeDirectory {
    NodeDirectory(path: "\(path)/coordinator-\(id)")
  }
  func worker(_ name: String) -> NodeDirectory { NodeDirectory(path: "\(path)/workers/\(name)") }
  var gateway: NodeDirectory { NodeDirectory(path: "\(path)/gateway") }
  var client: NodeDirectory { NodeDirectory(path: "\(path)/client") }
  var clusterFile: String { "\(path)/cluster.json" }

  /// Ten years: coordinators' certificates are made by hand, with the root key.
  ///
  /// The cluster's own, for nodes that join or renew, live for days.
  private static let lifetimeSeconds: Double = 10 * 365 * 86_400

  /// Makes the cluster: authority, identities, key ring, and the root key, which is returned and
  /// stored nowhere.
  ///
  /// - Throws: `CommandError` if the directory is a cluster's already.
  func create(coordinators: Int, workers: [String]) throws -> APIKey {
    guard !FileManager.default.fileExists(atPath: clusterFile) else {
      throw CommandError(.refused, "\(path) holds a cluster already; name another directory")
    }
    let now = Date()
    try makeFolder(path)
    let authority = try CertificateAuthority(cluster: ClusterID.generate(), now: now)
    let issuer = try CertificateAuthority(issuerOf: authority, now: now)
    let ca = IdentityDirectory(path: "\(path)/ca")
    try ca.save(authority, authorityPEM: issuer.certificatePEM)
    try ca.save(issuer: issuer)
    func identify(_ node: NodeDirectory, _ role: NodeRole, _ name: String) throws {
      try self.identify(node, role, name, authority, issuer, now)
    }
    // The root key's id is given by the cluster's first command: 1.
    let root = APIKey(id: KeyID(1), secret: APIKey.generateSecret())
    let file = ClusterFile(
      clusterID: authority.cluster, rootSecretHash: root.secretHash,
      coordinators: (1...UInt64(coordinators)).map { $0 })
    var ring = Keyring(cluster: authority.cluster)
    guard ring.insert(WrappingKey.generate(id: 1)) else {
      preconditionFailure("a new key ring takes its first key")
    }
    for id in file.coordinators {
      let node = coordinator(id)
      try makeFolder(node.path)
      try identify(node, .coordinator, "coordinator-\(id)")
      try IdentityDirectory(path: node.identity).save(issuer: issuer)
      try ring.save(path: node.keyring)
      try file.write(to: node.clusterFile)
    }
    for name in workers {
      let node = worker(name)
      try makeFolder(node.path)
      try identify(node, .worker, name)
    }
    try addGateway(authority, issuer, now)
    try makeFolder(client.path)
    try identify(client, .client, "yard")
    try file.write(to: clusterFile)
    return root
  }

  /// Makes the directory of one more coordinator, with an identity of the cluster's authority and a copy of a key ring.
  ///
  /// - Throws: `CommandError` if the id has a directory already, or the authority's key is not here.
  func prepare(coordinator id: UInt64) throws -> NodeDirectory {
    let cluster = try ClusterFile.load(from: clusterFile)
    let node = coordinator(id)
    guard !FileManager.default.fileExists(atPath: node.path), !cluster.coordinators.contains(id)
    else {
      throw CommandError(.refused, "coordinator \(id) was made before: ids are never given again")
    }
    guard
      let ring = cluster.coordinators.map({ coordinator($0).keyring }).first(
        where: FileManager.default.fileExists)
    else {
      throw CommandError(
        .refused, "no key ring of a coordinator is in \(path): copy one to coordinator-N/keyring")
    }
    let ca = IdentityDirectory(path: "\(path)/ca")
    let authority = try ca.loadAuthority()
    let issuer = try ca.loadIssuer()
    try makeFolder(node.path)
    try identify(node, .coordinator, "coordinator-\(id)", authority, issuer ?? authority, Date())
    if let issuer { try IdentityDirectory(path: node.identity).save(issuer: issuer) }
    try Keyring.load(path: ring, cluster: cluster.clusterID).save(path: node.keyring)
    try cluster.write(to: node.clusterFile)
    return node
  }

  /// Makes the gateways' identity in a cluster that has none yet: one that an older version made.
  func addGatewayIfMissing() throws {
    guard !FileManager.default.fileExists(atPath: gateway.path) else { return }
    let ca = IdentityDirectory(path: "\(path)/ca")
    let authority = try ca.loadAuthority()
    try addGateway(authority, try ca.loadIssuer() ?? authority, Date())
  }

  private func addGateway(
    _ authority: CertificateAuthority, _ issuer: CertificateAuthority, _ now: Date
  ) throws {
    try makeFolder(gateway.path)
    try identify(gateway, .gateway, "gateway", authority, issuer, now)
  }

  private func identify(
    _ node: NodeDirectory, _ role: NodeRole, _ name: String, _ authority: CertificateAuthority,
    _ issuer: CertificateAuthority, _ now: Date
  ) throws {
    let identity = try NodeIdentity(
      authority: authority, role: role, name: name, now: now,
      lifetimeSeconds: Self.lifetimeSeconds)
    try IdentityDirectory(path: node.identity).save(
      identity, authorityPEM: issuer.certificatePEM)
  }

  private func makeFolder(_ path: String) throws {
    try FileManager.default.createDirectory(
      atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
  }
}

/// The files of one node.
struct NodeDirectory {
  let path: String
  var identity: String { "\(path)/identity" }
  var data: String { "\(path)/data" }
  var keyring: String { "\(path)/keyring" }
  var clusterFile: String { "\(path)/cluster.json" }
}

/// What a cluster is, as its coordinators are told at their first start.
struct ClusterFile {
  let clusterID: ClusterID
  /// SHA-256 of the root key's secret: opens the books of the new cluster.
  let rootSecretHash: [UInt8]
  /// The ids of the founding coordinators.
  let coordinators: [UInt64]

  func write(to path: String) throws {
    let text: JSONText = [
      "cluster_id": .string("\(clusterID)"),
      "root_secret_hash": .string(hexadecimal(rootSecretHash)),
      "coordinators": .array(coordinators.map { .unsigned($0) }),
    ]
    try PrivateFile.write(text.line, to: path)
  }

  static func load(from path: String) throws -> ClusterFile {
    guard access(path, R_OK) == 0 else {
      throw CommandError(
        .refused,
        errno == ENOENT
          ? "\(path) is missing; yard init makes the directories of a cluster's nodes"
          : "\(path) cannot be read: \(String(cString: strerror(errno))); a node's directory belongs to the user "
            + "that it runs as")
    }
    let data = FileManager.default.contents(atPath: path) ?? Data()
    guard let document = try? JSONValue.parse(Array(data)),
      let cluster = document["cluster_id"]?.string.flatMap({ ClusterID(hexadecimal: $0) }),
      let hash = document["root_secret_hash"]?.string.flatMap({ bytes(ofHexadecimal: $0) }),
      hash.count == 32,
      let ids = document["coordinators"]?.elements?.compactMap(\.integer), !ids.isEmpty
    else {
      throw CommandError(.refused, "\(path) is not a cluster file of yard init; restore it")
    }
    return ClusterFile(
      clusterID: cluster, rootSecretHash: hash, coordinators: ids.map { UInt64(max(0, $0)) })
  }
}
