internal import ExchangeTypes
internal import WireProtocol

// How HTTP names what the registry has numbers for.

extension AccountKind {
  /// The word of the registry.
  var httpName: String {
    switch self {
    case .consumer: "consumer"
    case .supplier: "supplier"
    case .operator: "operator"
    case .issuance: "issuance"
    case .fees: "fees"
    case .dispute: "dispute"
    case .reserve: "reserve"
    }
  }
}

extension BudgetLevel {
  /// The word of the registry.
  var httpName: String {
    switch self {
    case .organisation: "organisation"
    case .team: "team"
    case .user: "user"
    case .agent: "agent"
    case .key: "key"
    }
  }
}

extension TransferKind {
  /// The word of the registry.
  var httpName: String {
    switch self {
    case .credit: "credit"
    case .capture: "capture"
    case .reversal: "reversal"
    case .fee: "fee"
    case .move: "move"
    case .redemption: "redemption"
    }
  }
}
