internal import ExchangeTypes
internal import TokenLedger

// What administrators do with credit; since state version 3.
extension Exchange {
  /// Checks: `wrong_state` (an older state version), caller, duplicate, a list without legs, and then the legs in their
  /// order, each with those before it done: `invalid_amount`, `self_transfer`, `unknown_account`,
  /// `account_closed`, `amount_overflow`, `insufficient_credit`.
  mutating func apply(_ command: Command.TransferRequest) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .admin)
    let hash = bodyHash(.transfer(command))
    if let known = try earlierTransfers(caller, command.requestKey, hash) { return known }
    guard !command.legs.isEmpty else { throw Rejection(.malformedRequest, ["field": "legs"]) }
    return try post(
      command.legs.map { leg in
        Leg(
          debit: leg.debit, credit: leg.credit, amount: leg.amount,
          kind: kind(from: leg.debit, to: leg.credit))
      }, job: nil, for: caller, command.requestKey, hash)
  }

  /// Checks: `wrong_state` (an older state version), caller, duplicate, `not_found` (unknown, or no longer in the
  /// journal), `wrong_state` (it takes another back itself, or is a sale, which moved nothing), `already_reversed`, and then the legs of the reversal as above.
  ///
  /// What was posted together is taken back together, in the opposite order.
  mutating func apply(_ command: Command.TransferReverse) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .admin)
    let hash = bodyHash(.transferReverse(command))
    if let known = try earlierTransfers(caller, command.requestKey, hash) { return known }
    let taken = postedTogether(with: command.transfer)
    guard let first = taken.first else {
      throw Rejection(.notFound, ["transfer": "\(command.transfer)"])
    }
    guard first.reverses == nil else {
      throw Rejection(.wrongState, ["transfer": "\(command.transfer)", "reason": "reversal"])
    }
    guard first.kind != .sale else {
      throw Rejection(.wrongState, ["transfer": "\(command.transfer)", "reason": "sale"])
    }
    guard indexes.reversals[first.id] == nil else {
      throw Rejection(.alreadyReversed, ["transfer": "\(command.transfer)"])
    }
    return try post(
      taken.reversed().map {
        Leg(
          debit: $0.credit, credit: $0.debit, amount: $0.amount, kind: .reversal, reverses: $0.id)
      }, job: first.job, for: caller, command.requestKey, hash)
  }

  /// Checks: `wrong_state` (an older state version), caller, `unknown_account`, `wrong_state` (the operator's own or
  /// issuance; holds are open).
  ///
  /// Its keys end with it. What it owns stays until an administrator moves it; what jobs earn that a worker of
  /// it runs still arrives. An account that is closed already is no error.
  mutating func apply(_ command: Command.AccountClose) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    guard let account = ledger[command.account] else {
      throw Rejection(.unknownAccount, ["account": "\(command.account)"])
    }
    guard account.kind != .operator, account.kind != .issuance else {
      throw Rejection(.wrongState, ["account": "\(account.id)", "reason": "needed"])
    }
    guard indexes.accounts[account.id]?.openJobs ?? 0 == 0 else {
      throw Rejection(.wrongState, ["account": "\(account.id)", "reason": "open_jobs"])
    }
    guard feeTerms.account != account.id || feeTerms.parts == 0 else {
      throw Rejection(.wrongState, ["account": "\(account.id)", "reason": "takes_fees"])
    }
    do { try ledger.closeAccount(account.id) } catch { throw Rejection(ledger: error) }
    for key in keys(of: account.id) where !key.revoked { end(key) }
    return .accountClosed(account.id)
  }

  /// Without an account and a part nothing is taken of jobs to come; the account stays for those that were submitted.
  ///
  /// Checks: `wrong_state` (an older state version), caller, a part beyond the whole, an account that is not of kind
  /// `fees` (`unknown_account` if there is none; none is needed where nothing is taken), `account_closed`.
  mutating func apply(_ command: Command.FeeSet) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    let terms = command.terms
    guard terms.parts <= FeeTerms.whole else {
      throw Rejection(
        .malformedRequest, ["field": "parts", "limit": "\(FeeTerms.whole)"])
    }
    if terms.parts > 0 || terms.account != AccountID(0) {
      guard let account = ledger[terms.account] else {
        throw Rejection(.unknownAccount, ["account": "\(terms.account)"])
      }
      guard account.kind == .fees else {
        throw Rejection(.malformedRequest, ["field": "account", "kind": "\(account.kind)"])
      }
      guard !account.isClosed else {
        throw Rejection(.accountClosed, ["account": "\(account.id)"])
      }
    }
    // Jobs that were submitted under the former part still owe it to somebody.
    let kept = terms.account == AccountID(0) ? FeeTerms(parts: 0, account: feeTerms.account) : terms
    if fees[0] == nil { fees.insert(kept) } else { fees.update(0) { $0 = kept } }
    return .fee(kept)
  }

  // MARK: Parts

  private func earlierTransfers(
    _ caller: APIKey, _ requestKey: RequestKey, _ hash: [UInt8]
  ) throws(Rejection) -> Accepted? {
    guard let result = try earlier(caller, requestKey, hash),
      case .transfers(let first, let count) = result
    else { return nil }
    return .transferred(first: first, count: Int(count), duplicate: true)
  }

  private mutating func post(
    _ legs: [Leg], job: JobID?, for caller: APIKey, _ requestKey: RequestKey, _ hash: [UInt8]
  ) throws(Rejection) -> Accepted {
    let posted: [Transfer]
    do { posted = try ledger.post(linked: legs, job: job, time: meta.logTime) } catch {
      throw Self.refusal(of: legs, error)
    }
    let first = posted[0].id
    journal(posted)
    remember(
      caller, requestKey, hash, .transfers(first: first, count: UInt32(posted.count)))
    return .transferred(first: first, count: posted.count, duplicate: false)
  }

  /// The ledger's refusal; where credit is missing, with whose it is, if the legs leave no doubt.
  private static func refusal(of legs: [Leg], _ refusal: LedgerRefusal) -> Rejection {
    guard case .insufficientCredit(let needed, let available) = refusal else {
      return Rejection(ledger: refusal)
    }
    var details: KeyValuePairs<String, String> = [
      "amount": "\(needed)", "available": "\(available)",
    ]
    let payers = Set(legs.filter { $0.amount == needed }.map(\.debit))
    if let payer = payers.first, payers.count == 1 {
      details = ["amount": "\(needed)", "available": "\(available)", "account": "\(payer)"]
    }
    return Rejection(.insufficientCredit, details)
  }

  private func kind(from debit: AccountID, to credit: AccountID) -> Transfer.Kind {
    if ledger[debit]?.kind == .issuance { return .credit }
    return ledger[credit]?.kind == .issuance ? .redemption : .move
  }

  /// A transfer and all that were posted with it, in their order; none if one of them is no longer kept, or if it was
  /// posted before there was a chain.
  private func postedTogether(with id: TransferID) -> [Transfer] {
    guard let journal, id > journal.base.transfer, let transfer = transfer(id) else {
      return []
    }
    guard let group = transfer.group else { return [transfer] }
    var all: [Transfer] = []
    var next = group
    while let member = self.transfer(next), member.group == group {
      all.append(member)
      next = TransferID(next.rawValue + 1)
    }
    return all
  }
}
