internal import ExchangeCore
internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

// The books, for administrators: what was posted, what accounts come to, and what changes them.
extension Dispatcher {
  /// The most entries of an answer.
  private static let entriesMax = 512

  /// Answers a request to change the books.
  func changeLedger(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    if case .feeSet(let message) = message, message.parts == nil {
      return confirmed { [weak self] isLeader in
        guard isLeader, let self else { return answer(Failure.notLeader) }
        answer(FeeReport(exchange.feeTerms))
      }
    }
    switch message {
    case .transferPost(let message):
      let legs = message.legs.map {
        Command.TransferRequest.Leg(debit: $0.debit, credit: $0.credit, amount: $0.amount)
      }
      change(
        .transfer(.init(caller: caller.key, requestKey: message.requestKey, legs: legs)),
        from: caller, answer
      ) { [weak self] in self?.transferReport($0) }
    case .transferReverse(let message):
      change(
        .transferReverse(
          .init(caller: caller.key, requestKey: message.requestKey, transfer: message.transfer)),
        from: caller, answer
      ) { [weak self] in self?.transferReport($0) }
    case .accountClose(let message):
      change(.accountClose(.init(caller: caller.key, account: message.account)), answer) {
        [weak self] _ in self?.accountReport(message.account)
      }
    case .feeSet(let message):
      let terms = FeeTerms(parts: message.parts ?? 0, account: message.account)
      change(.feeSet(.init(caller: caller.key, terms: terms)), answer) {
        if case .fee(let terms) = $0 { FeeReport(terms) } else { nil }
      }
    default:
      preconditionFailure("not a change of the books: \(message)")
    }
  }

  /// Sets what an account counts for when slots are shared, or only says it.
  func weigh(_ message: AccountWeightSet, from caller: Caller, _ answer: @escaping Answer) {
    let account = message.account == AccountID(0) ? caller.account : message.account
    guard let weight = message.weight else {
      return tell(of: account, to: caller, answer) {
        AccountWeightReport(account: account, weight: $0.weight(of: account))
      }
    }
    change(.accountWeigh(.init(caller: caller.key, account: account, weight: weight)), answer) {
      _ in
      AccountWeightReport(account: account, weight: weight)
    }
  }

  /// Says whose an account is, or only answers it.
  func own(_ message: AccountOwnerSet, from caller: Caller, _ answer: @escaping Answer) {
    let account = message.account == AccountID(0) ? caller.account : message.account
    guard let owner = message.owner else {
      return tell(of: account, to: caller, answer) {
        AccountOwnerReport(account: account, owner: $0.owner(of: account) ?? "")
      }
    }
    change(.accountOwnerSet(.init(caller: caller.key, account: account, owner: owner)), answer) {
      _ in
      AccountOwnerReport(account: account, owner: owner)
    }
  }

  /// Answers what `report` says of an account that the caller may see.
  private func tell(
    of account: AccountID, to caller: Caller, _ answer: @escaping Answer,
    _ report: @escaping (Exchange) -> any WireMessage
  ) {
    confirmed { [weak self] isLeader in
      guard isLeader, let self else { return answer(Failure.notLeader) }
      guard account == caller.account || caller.scopes.contains(.admin),
        exchange.account(account) != nil
      else {
        return answer(
          Failure(
            refusing: .unknownAccount, "there is no account \(account) that this key may see"))
      }
      answer(report(exchange))
    }
  }

  /// What was posted: of what was posted long ago, as much as the journal keeps.
  private func transferReport(_ accepted: ExchangeCore.Accepted) -> (any WireMessage)? {
    guard case .transferred(let first, let count, let duplicate) = accepted else { return nil }
    let posted = exchange.transfers(after: TransferID(first.rawValue - 1), limit: count)
      .filter { $0.id.rawValue < first.rawValue + UInt64(count) }
    return TransferReport(entries: posted.map(TransferEntry.init), duplicate: duplicate)
  }

  /// Answers transfers of the journal.
  func listJournal(_ message: JournalQuery, from caller: Caller, _ answer: Answer) {
    if let refusal = caller.refusal(unless: .admin) { return answer(refusal) }
    let limit = min(max(Int(message.limit), 1), Self.entriesMax)
    let last = TransferID(exchange.ledger.nextTransferID.rawValue - 1)
    // Before the chain began nothing was chained: an export starts after it.
    let journal =
      exchange.journal
      ?? Journal(base: .beginning(after: last), head: .beginning(after: last))
    let found = exchange.transfers(
      after: max(message.after, journal.base.transfer), limit: limit + 1)
    let page = found.prefix(limit)
    answer(
      JournalListing(
        entries: page.map(TransferEntry.init), more: found.count > limit,
        base: journal.base.transfer, baseHash: journal.base.hash, head: journal.head.transfer,
        headHash: journal.head.hash, logTime: exchange.logTime,
        sales: page.compactMap(JournalSale.init)))
  }

  /// Answers accounts with their sums.
  func listAccounts(_ message: AccountList, from caller: Caller, _ answer: Answer) {
    if let refusal = caller.refusal(unless: .admin) { return answer(refusal) }
    let limit = min(max(Int(message.limit), 1), Self.entriesMax)
    let found = exchange.ledger.accounts(after: message.after, limit: limit + 1)
    answer(
      AccountListing(
        accounts: found.prefix(limit).map(AccountSums.init), more: found.count > limit,
        head: TransferID(exchange.ledger.nextTransferID.rawValue - 1)))
  }
}

extension FeeReport {
  fileprivate init(_ terms: FeeTerms) { self.init(parts: terms.parts, account: terms.account) }
}

extension TransferEntry {
  fileprivate init(_ transfer: Transfer) {
    guard let kind = TransferKind(rawValue: transfer.kind.rawValue) else {
      preconditionFailure("a kind of transfer that the wire does not know")
    }
    self.init(
      transfer: transfer.id, debit: transfer.debit, credit: transfer.credit,
      amount: transfer.amount, kind: kind, job: transfer.job, time: transfer.time,
      group: transfer.group, reverses: transfer.reverses)
  }
}

extension AccountSums {
  fileprivate init(_ account: Account) {
    self.init(
      account: account.id, name: account.name, kind: account.kind, debits: account.debitsPosted,
      credits: account.creditsPosted, held: account.debitsHeld, earned: account.creditsEarned,
      closed: account.isClosed)
  }
}
