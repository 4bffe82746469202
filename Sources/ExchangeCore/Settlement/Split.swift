internal import ExchangeTypes
internal import TokenLedger

// Who gets a job's charge.
extension Exchange {
  /// The payments that a charge is made of, in the order in which they are posted.
  ///
  /// 1. The charge is divided among the attempts that delivered, by the bytes of output that each has in the record;
  ///    where there are none (a prompt was read, nothing came of it) the billed attempt has all of it.
  /// 2. Of each attempt's part the operator has `feeParts` of a million, and its supplier the rest.
  ///
  /// Both divisions are exact (`Share.divide`): the payments add up to the charge. What a supplier would pay
  /// to itself moves nothing, and the operator takes no part of it.
  func payments(of charge: Credits, for job: Job, billed: Attempt?) -> [Payment] {
    guard let billed, charge > .zero else { return [] }
    var parts = job.contributions
    if parts.allSatisfy({ $0.bytes == 0 }) {
      parts = [Delivery(supplier: billed.supplier, bytes: 1)]
    }
    let terms = feeTerms
    let feeParts = terms.account == AccountID(0) ? 0 : UInt64(job.feeParts)
    var payments: [Payment] = []
    var fee: UInt64 = 0
    let shares = Share.divide(charge.rawValue, by: parts.map(\.bytes))
    for (part, share) in zip(parts, shares) {
      guard part.supplier != job.account else { continue }
      let split = Share.divide(share, by: [UInt64(FeeTerms.whole) - feeParts, feeParts])
      payments.append(
        Payment(to: part.supplier, amount: Credits(nano: split[0]), kind: .capture))
      fee += split[1]
    }
    if fee > 0 {
      payments.append(Payment(to: terms.account, amount: Credits(nano: fee), kind: .fee))
    }
    return payments
  }

  /// The job with the operator's part as it is now, and with what its key draws on.
  func withTerms(_ job: Job) -> Job {
    guard job.retention != nil else { return job }
    var job = job
    job.feeParts = feeTerms.parts
    job.budget = budget(of: job.key)
    return job
  }
}
