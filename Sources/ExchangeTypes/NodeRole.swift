/// What a node is: on a connection, where the number stands, and in its certificate, where the name does.
public enum NodeRole: UInt8, CaseIterable, Hashable, Sendable, CustomStringConvertible {
  /// Replicates the exchange.
  case coordinator = 1
  /// Runs jobs beside an engine.
  case worker = 2
  /// Speaks the OpenAI API to strangers.
  case gateway = 3
  /// Submits jobs and reads their output.
  case client = 4

  /// The role of this name; nil if there is none.
  public init?(name: some StringProtocol) {
    guard let role = Self.allCases.first(where: { $0.description == name }) else { return nil }
    self = role
  }

  /// Its name in a certificate.
  public var description: String {
    switch self {
    case .coordinator: "coordinator"
    case .worker: "worker"
    case .gateway: "gateway"
    case .client: "client"
    }
  }
}
