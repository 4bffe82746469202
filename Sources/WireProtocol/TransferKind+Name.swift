// The word of the registry, which the generated type does not carry.

extension TransferKind {
  /// As clients name it.
  public var name: String {
    switch self {
    case .credit: "credit"
    case .capture: "capture"
    case .reversal: "reversal"
    case .fee: "fee"
    case .move: "move"
    case .redemption: "redemption"
    case .sale: "sale"
    }
  }
}
