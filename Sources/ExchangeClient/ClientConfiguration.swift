public import ExchangeTypes
public import Transport

/// Where a client's cluster is, how it is trusted, and who the client is.
public struct ClientConfiguration: Sendable, Redacted {
  /// Coordinators as `host:port`; any of them will do.
  public var endpoints: [String]
  /// Coordinators as `host:port` that are only listened to: for who is revoked.
  ///
  /// Those of `endpoints` at which no connection is are listened to in any case.
  public var witnesses: [String] = []
  /// The API key's secret, `sy_…`; nil for what needs none.
  public var key: String?
  /// How connections are secured.
  public var security: LinkSecurity
  /// What this node says that it is; its certificate, if it has one, must say the same.
  public var role: NodeRole = .client
  /// The cluster's id; nil to learn it from the first coordinator that answers.
  public var clusterID: ClusterID?
  /// Its name, for the coordinators' logs.
  public var name = ""
  /// Connections over which requests are spread.
  public var connections: Int
  /// The longest body, in bytes, whose request goes with the others; nil where all do.
  ///
  /// Those with longer ones have a connection for themselves, so that no small request waits behind their bytes.
  public var bodyBytesTogetherMax: Int?
  /// How long one request is tried for, in milliseconds, before it is reported as unavailable.
  public var patience: UInt64
  /// How long a connection waits for another coordinator's word on its end, in milliseconds: they may all be down.
  public var vouchingPatience: Int64 = 1_000
  /// Program and version, for the coordinators' logs.
  public var software: String

  /// Joins the parts.
  ///
  /// - Precondition: there is an endpoint and a connection.
  public init(
    endpoints: [String], key: String?, security: LinkSecurity, clusterID: ClusterID? = nil,
    connections: Int = 1, patience: UInt64 = 30_000, software: String
  ) {
    precondition(!endpoints.isEmpty && connections > 0)
    self.endpoints = endpoints
    self.key = key
    self.security = security
    self.clusterID = clusterID
    self.connections = connections
    self.patience = patience
    self.software = software
  }
}
