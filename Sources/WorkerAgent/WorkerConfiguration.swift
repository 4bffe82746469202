public import Engines
public import ExchangeClient
public import ExchangeTypes
public import Transport

/// What a worker offers, to whom, and how it proves who it is.
public struct WorkerConfiguration: Sendable, Redacted {
  /// Coordinators, each `host:port`.
  public var endpoints: [String]
  /// Stable over restarts and unique under the supplier's account.
  public var name: String
  /// The API key, `sy_…`, with scope `work`.
  public var apiKey: String
  /// The worker's certificate and whom it trusts, or plaintext on loopback.
  public var security: LinkSecurity
  /// Keeps the certificate valid; nil for one that others keep, and for plaintext.
  public var renewal: CertificateRenewal?
  /// The cluster to join; nil accepts the first that answers.
  public var cluster: ClusterID?
  /// Where the engine is.
  public var engine: EngineSpec
  /// What may change while it runs.
  public var live: Live
  /// What output tokens are counted by; nil chooses by the engine's kind.
  public var basis: BillingBasis?
  /// The output bound of a job that names none.
  public var outputDefault: UInt32 = 1_024
  /// Tokens of prompt and output where neither engine nor operator says.
  public var contextDefault: UInt32 = 4_096
  /// The fewest bytes per token that are believed, at least 1.
  public var bytesPerTokenFloor: UInt8 = 1
  /// The worker's directory, for the control socket; nil opens none.
  public var directory: String?
  /// Seconds that a drain may take before the worker stops.
  public var drainSeconds: Int64 = 600
  /// Seconds between two probes of the engine.
  public var probeSeconds: Int64 = 5
  /// Folders in which a GPU tool is looked for, as in `PATH`; nil to look for none.
  public var toolPath: String?
  /// Seconds between two readings of the host's GPUs.
  public var gpuSeconds: Int64 = 15
  /// Program and version, for the other side's log.
  public var software = "yard"

  /// Sets what has no default.
  public init(
    endpoints: [String], name: String, apiKey: String, security: LinkSecurity,
    engine: EngineSpec, live: Live
  ) {
    self.endpoints = endpoints
    self.name = name
    self.apiKey = apiKey
    self.security = security
    self.engine = engine
    self.live = live
  }

  /// The settings that take effect at once when they change (`WorkerAgent.apply`).
  public struct Live: Hashable, Sendable {
    /// What it asks per million tokens.
    public var prices: PricePair
    /// Attempts at a time; nil asks the engine.
    public var slots: Int?

    /// Joins the parts.
    public init(prices: PricePair, slots: Int? = nil) {
      self.prices = prices
      self.slots = slots
    }
  }
}
