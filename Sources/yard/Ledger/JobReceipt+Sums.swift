internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

// What a receipt says of money, computed again from what it says of tokens, prices and parts.
extension JobReceipt {
  /// The first thing that does not add up; nil if all of it does.
  ///
  /// In this order: cached tokens are among those of the prompt, and cost no more; the charge is the tokens at their prices, rounded down once, or nothing
  /// (whoever can be paid no more is paid nothing); it is within what was held; the parts are within the output; what was paid is the charge,
  /// divided as `Sources/MONEY.md` says.
  var fault: String? {
    guard cachedTokens <= promptTokens, cachedPrice ?? prices.input <= prices.input else {
      return "more was cached than there was, or it cost more than the rest"
    }
    let cost = prices.cost(
      inputTokens: TokenCount(promptTokens.rawValue - cachedTokens.rawValue),
      cachedTokens: cachedTokens, cachedPrice: cachedPrice ?? prices.input,
      outputTokens: outputTokens, rounding: .down)
    guard charge == cost || (charge == .zero && postings.isEmpty) else {
      return "the charge is \(charge), its tokens at their prices are \(cost ?? .zero)"
    }
    guard charge <= hold else { return "more was charged than was held" }
    guard parts.reduce(UInt128(0), { $0 + UInt128($1.bytes) }) <= UInt128(outputBytes) else {
      return "attempts delivered more than the output has"
    }
    guard feeParts <= 1_000_000 else { return "the operator's part is more than the whole" }
    return isPaidAsDivided ? nil : "what was paid is not the charge as it is divided"
  }

  /// What is paid to whom; nobody is named where the receipt does not say who it was.
  private struct Due: Equatable {
    let payee: AccountID?
    let amount: UInt64
    let isFee: Bool
  }

  private var isPaidAsDivided: Bool {
    // Nobody delivered a part where a prompt was read and nothing came of it: whose attempt that was is not said.
    let isShared = parts.contains { $0.bytes > 0 }
    let paid = postings.map {
      Due(
        payee: isShared && !$0.isFee ? $0.payee : nil, amount: $0.amount.rawValue, isFee: $0.isFee)
    }
    let due = due(feeParts: UInt64(feeParts))
    // The operator may have ended his part meanwhile; and his own account pays itself nothing.
    if paid == due || paid == self.due(feeParts: 0) || paid == due.filter({ !$0.isFee }) {
      return true
    }
    return !isShared && paid.isEmpty
  }

  /// The payments that the charge is made of, in their order; what a consumer would pay itself is none.
  private func due(feeParts: UInt64) -> [Due] {
    guard charge > .zero else { return [] }
    let shared = parts.filter { $0.bytes > 0 }
    let shares =
      shared.isEmpty
      ? [charge.rawValue] : Share.divide(charge.rawValue, by: shared.map(\.bytes))
    var dues: [Due] = []
    var fee: UInt64 = 0
    for (place, share) in shares.enumerated() {
      let payee = shared.isEmpty ? nil : shared[place].supplier
      guard payee != account else { continue }
      let split = Share.divide(share, taking: feeParts, of: 1_000_000)
      fee += split.part
      if split.rest > 0 { dues.append(Due(payee: payee, amount: split.rest, isFee: false)) }
    }
    if fee > 0 { dues.append(Due(payee: nil, amount: fee, isFee: true)) }
    return dues
  }
}
