internal import Crypto
internal import ExchangeTypes
internal import TokenLedger

extension Exchange {
  /// Checks: `already_bootstrapped`.
  ///
  /// The same bootstrap again is a retry and answers the same.
  mutating func apply(_ command: Command.Bootstrap) throws(Rejection) -> Accepted {
    let accepted = Accepted.bootstrapped(account: AccountID(1), key: KeyID(1))
    if let cluster = meta.clusterID {
      guard cluster == command.clusterID, keys[1]?.secretHash == command.rootSecretHash else {
        throw Rejection(.alreadyBootstrapped, ["cluster": "\(cluster)"])
      }
      return accepted
    }
    meta.clusterID = command.clusterID
    do {
      let account = try ledger.open(name: "operator", kind: .operator)
      let issuance = try ledger.open(name: "issuance", kind: .issuance)
      precondition(account == AccountID(1) && issuance == AccountID(2))
    } catch { preconditionFailure("a name is taken in empty books") }
    addKey(
      account: AccountID(1), name: "root", scopes: .all, secretHash: command.rootSecretHash)
    return accepted
  }

  /// Checks: caller, duplicate, name and kind, `too_many_accounts`, `name_taken`.
  mutating func apply(_ command: Command.AccountCreate) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .admin)
    let hash = bodyHash(.accountCreate(command))
    if let result = try earlier(caller, command.requestKey, hash),
      case .account(let id) = result
    {
      return .account(id, duplicate: true)
    }
    guard !command.name.isEmpty else { throw Rejection(.malformedRequest, ["field": "name"]) }
    guard command.kind != .issuance else { throw Rejection(.malformedRequest, ["field": "kind"]) }
    guard ledger.count < limits.accountsMax else {
      throw Rejection(.tooManyAccounts, ["limit": "\(limits.accountsMax)"])
    }
    let id: AccountID
    do { id = try ledger.open(name: command.name, kind: command.kind) } catch {
      throw Rejection(ledger: error)
    }
    remember(caller, command.requestKey, hash, .account(id))
    return .account(id, duplicate: false)
  }

  /// Checks: caller, duplicate, `unknown_account` (issuance is none to be credited),
  /// `invalid_amount`, `account_closed`, `amount_overflow`.
  mutating func apply(_ command: Command.AccountCredit) throws(Rejection) -> Accepted {
    let caller = try authorize(command.caller, .admin)
    let hash = bodyHash(.accountCredit(command))
    if let result = try earlier(caller, command.requestKey, hash), case .credit(let id) = result {
      return .credited(id, duplicate: true)
    }
    guard let account = ledger[command.account], account.kind != .issuance else {
      throw Rejection(.unknownAccount, ["account": "\(command.account)"])
    }
    let transfer: Transfer
    do {
      transfer = try ledger.post(
        debit: AccountID(2), credit: command.account, amount: command.amount, kind: .credit,
        time: meta.logTime)
    } catch { throw Rejection(ledger: error) }
    journal([transfer])
    remember(caller, command.requestKey, hash, .credit(transfer.id))
    return .credited(transfer.id, duplicate: false)
  }

  // MARK: Retries

  /// What the same request made before, if it did.
  func earlier(
    _ caller: APIKey, _ requestKey: RequestKey, _ hash: [UInt8]
  ) throws(Rejection) -> AccountRequest.Result? {
    let name = RequestName(account: caller.account, key: requestKey)
    guard let number = indexes.accountRequests[name] else { return nil }
    guard let request = requests[number] else { preconditionFailure("an index without its row") }
    guard request.bodyHash == hash else { throw Rejection(.idempotencyConflict) }
    return request.result
  }

  /// Refuses a request about keys of an account that has made too many within the time that they are remembered; one of an
  /// administrator is let through.
  func requireRoomForRequest(of caller: APIKey) throws(Rejection) {
    let remembered = indexes.accounts[caller.account]?.requests ?? 0
    guard
      caller.scopes.contains(.admin) || remembered < limits.requestsPerAccountMax
        || meta.stateVersion < Self.keyGuardsStateVersion
    else {
      throw Rejection(
        .tooManyKeys,
        ["requests": "\(remembered)", "limit": "\(limits.requestsPerAccountMax)"])
    }
  }

  /// Remembers what a request made, for as long as a retry may come; what it posted, for as long as the journal has it.
  mutating func remember(
    _ caller: APIKey, _ requestKey: RequestKey, _ hash: [UInt8], _ result: AccountRequest.Result
  ) {
    let request = AccountRequest(
      number: meta.nextRequest, account: caller.account, requestKey: requestKey, bodyHash: hash,
      result: result, expiry: meta.logTime.advanced(milliseconds: limits.requestRetention))
    meta.nextRequest += 1
    requests.insert(request)
    indexes.enter(request)
  }

  /// Forgets a request whose time is over; one whose transfers the journal still has is looked at again later: who asks for the
  /// same is told of them, and does not pay twice.
  mutating func forget(_ request: AccountRequest) {
    guard let first = request.result.posted, let base = journal?.base.transfer, first > base else {
      requests.remove(request.number)
      return indexes.leave(request)
    }
    let expiry = meta.logTime.advanced(milliseconds: limits.requestRetention)
    requests.update(request.number) { $0.expiry = expiry }
    indexes.deadlines.insert(
      Deadline(at: expiry, kind: .accountRequest, key: request.number))
  }

  /// The hash of what a request asks for, whichever of the account's keys asks.
  func bodyHash(_ command: Command) -> [UInt8] {
    var writer = FieldWriter(capacity: 256)
    command.encode(into: &writer)
    var bytes = writer.out.bytes
    bytes.removeSubrange(1..<9)  // the caller's key: a retry may come under another one
    return Array(SHA256.hash(data: bytes))
  }
}

extension Rejection {
  /// The ledger's refusal in the words of the wire.
  init(ledger refusal: LedgerRefusal) {
    switch refusal {
    case .invalidAmount: self.init(.invalidAmount, ["amount": "0"])
    case .selfTransfer(let id): self.init(.selfTransfer, ["account": "\(id)"])
    case .accountClosed(let id): self.init(.accountClosed, ["account": "\(id)"])
    case .accountInUse(let held): self.init(.wrongState, ["held": "\(held)"])
    case .amountOverflow: self.init(.amountOverflow)
    case .insufficientCredit(let needed, let available):
      self.init(
        .insufficientCredit, ["needed": "\(needed)", "available": "\(available)"])
    case .unknownAccount(let id): self.init(.unknownAccount, ["account": "\(id)"])
    case .nameTaken: self.init(.nameTaken)
    }
  }
}
