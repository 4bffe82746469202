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
    let terms = feeTerms
    let feeParts = terms.account == AccountID(0) ? 0 : UInt64(job.feeParts)
    var payments: [Payment] = []
    payments.reserveCapacity(2)
    var fee: UInt64 = 0
    func pay(_ share: UInt64, to supplier: AccountID) {
      guard supplier != job.account else { return }
      let split = Share.divide(share, taking: feeParts, of: UInt64(FeeTerms.whole))
      payments.append(Payment(to: supplier, amount: Credits(nano: split.rest), kind: .capture))
      fee += split.part
    }
    if let parts = sharedContributions(of: job) {
      let shares = Share.divide(charge.rawValue, by: parts.map(\.bytes))
      for (part, share) in zip(parts, shares) { pay(share, to: part.supplier) }
    } else {
      pay(charge.rawValue, to: billed.supplier)
    }
    if fee > 0 {
      payments.append(Payment(to: terms.account, amount: Credits(nano: fee), kind: .fee))
    }
    return payments
  }

  /// What several attempts added to the output, by which the charge is divided among them; nil where the billed one has all of
  /// it, whatever it added.
  func sharedContributions(of job: Job) -> [Delivery]? {
    guard !job.deliveries.isEmpty else { return nil }
    let parts = job.contributions.filter { $0.bytes > 0 }
    return parts.isEmpty ? nil : parts
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
