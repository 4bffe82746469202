internal import ExchangeClient
internal import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import WireProtocol

// Accounts, keys, budgets and the books: each request is one question to the leader, but for the report.
extension GatewayLoop {
  /// A whole request about money has come.
  func serve(
    _ route: MoneyRoute, key: String, _ request: HTTPRequest, _ connection: any RequestSource
  ) throws(HTTPRefusal) {
    switch route {
    case .account:
      ask(StandingQuery(), key, request, connection) { Self.standing($0).map(MoneyAnswer.account) }
    case .key:
      ask(StandingQuery(), key, request, connection) { Self.standing($0).map(MoneyAnswer.key) }
    case .credits:
      ask(StandingQuery(), key, request, connection) { Self.standing($0).map(MoneyAnswer.credits) }
    case .accounts(let after):
      ask(AccountList(after: after, limit: 256), key, request, connection) {
        if case .accountListing(let listing) = $0 { MoneyAnswer.accounts(listing) } else { nil }
      }
    case .makeAccount:
      let name = try Self.requiredName(request, "what makes an account")
      let account = try MoneyBody.newAccount(request.takeBody())
      ask(
        AccountCreate(requestKey: name, name: account.name, kind: account.kind), key, request,
        connection, Self.account)
    case .closeAccount(let id):
      ask(AccountClose(account: id), key, request, connection, Self.account)
    case .owner(let id):
      ask(AccountOwnerSet(account: id, owner: nil), key, request, connection, Self.owner)
    case .setOwner(let id):
      let owner = try MoneyBody.owner(request.takeBody())
      ask(AccountOwnerSet(account: id, owner: owner), key, request, connection, Self.owner)
    case .makeBudget:
      let name = try Self.requiredName(request, "what makes a budget")
      let budget = try MoneyBody.newBudget(request.takeBody())
      let limits = budget.limits
      ask(
        BudgetCreate(
          requestKey: name, account: budget.account ?? AccountID(0),
          parent: budget.parent ?? BudgetID(0),
          level: budget.level, name: budget.name, perDay: limits.perDay,
          perMonth: limits.perMonth, total: limits.total), key, request, connection, Self.budget)
    case .setBudget(let id):
      let allowed = try MoneyBody.budgetAllowance(request.takeBody())
      ask(
        BudgetSet(
          budget: id, perDay: allowed.perDay, perMonth: allowed.perMonth, total: allowed.total,
          closed: allowed.isClosed), key, request, connection, Self.budget)
    case .fee:
      ask(FeeSet(parts: nil, account: AccountID(0)), key, request, connection, Self.fee)
    case .setFee:
      let fee = try MoneyBody.fee(request.takeBody())
      ask(FeeSet(parts: fee.parts, account: fee.account), key, request, connection, Self.fee)
    case .budgets(let account, let after):
      ask(BudgetList(account: account, after: after, limit: 256), key, request, connection) {
        if case .budgetListing(let listing) = $0 { MoneyAnswer.budgets(listing) } else { nil }
      }
    case .receipt(let job):
      ask(ReceiptQuery(job: job), key, request, connection) {
        if case .receipt(let receipt) = $0 { Self.text(of: receipt) } else { nil }
      }
    case .keys(let account):
      ask(KeyList(account: account), key, request, connection) {
        if case .keyListing(let listing) = $0 { MoneyAnswer.keys(listing) } else { nil }
      }
    case .makeKey: try makeKey(key, request, connection)
    case .endKey(let id):
      ask(KeyRevoke(key: id), key, request, connection) { Self.key($0, secret: nil) }
    case .limitKey(let id):
      let limit = try MoneyBody.limit(request.takeBody())
      ask(KeyLimit(key: id, limit: limit), key, request, connection) { Self.key($0, secret: nil) }
    case .rotateKey(let id): try rotateKey(id, key, request, connection)
    case .delegations(let id, let after):
      ask(
        DelegationList(key: id, after: after, limit: 32), key, request, connection, Self.delegations
      )
    case .setSigner(let id):
      let signer = try MoneyBody.signer(request.takeBody())
      ask(DelegationKeySet(key: id, signer: signer), key, request, connection, Self.delegations)
    case .endSigner(let id):
      ask(DelegationKeySet(key: id, signer: nil), key, request, connection, Self.delegations)
    case .endDelegation(let id, let delegation):
      ask(DelegationRevoke(key: id, delegation: delegation), key, request, connection) {
        if case .delegationReport(let report) = $0 { MoneyAnswer.delegation(report) } else { nil }
      }
    case .transfer:
      let name = try Self.requiredName(request, "what moves money")
      let legs = try MoneyBody.transfers(request.takeBody())
      ask(
        TransferPost(requestKey: name, legs: legs), key, request, connection, Self.transfers)
    case .reverse(let transfer):
      let name = try Self.requiredName(request, "what moves money")
      guard request.takeBody().isEmpty else {
        throw HTTPRefusal(
          .malformedRequest, "a reversal takes back a whole group, and its request has no body")
      }
      ask(
        TransferReverse(requestKey: name, transfer: transfer), key, request, connection,
        Self.transfers)
    case .ledger(let after, let limit):
      ask(JournalQuery(after: after, limit: limit), key, request, connection) {
        if case .journalListing(let listing) = $0 { MoneyAnswer.ledger(listing) } else { nil }
      }
    case .report:
      let answer = CallAnswer()
      connection.answer(request, with: answer)
      read(ReportReading(), key, connection, answer)
    }
  }

  /// Asks for the journal's next page until there is none; a client that has left ends it.
  private func read(
    _ reading: ReportReading, _ key: String, _ connection: any RequestSource, _ answer: CallAnswer
  ) {
    client.call(reading.query, key: key, callerRetries: true) {
      [weak self, weak connection] result in
      guard let self, let connection, !answer.isLeft else { return }
      var reading = reading
      do throws(HTTPRefusal) {
        switch result {
        case .failure(let failure): throw HTTPRefusal(failure)
        case .success(.journalListing(let page)):
          if let reply = try reading.take(page) { return connection.send(reply, from: answer) }
        case .success:
          throw HTTPRefusal(.internalError, "a coordinator answered another question")
        }
      } catch {
        return connection.send(error.reply, from: answer)
      }
      read(reading, key, connection, answer)
    }
  }

  /// The name of a request that must not be carried out twice.
  private static func requiredName(
    _ request: HTTPRequest, _ what: String
  ) throws(HTTPRefusal) -> RequestKey {
    guard let name = try requestKey(request) else {
      throw HTTPRefusal(
        .malformedRequest, "\(what) is named, so that a retry does nothing: idempotency-key",
        param: "idempotency-key")
    }
    return name
  }

  private static func transfers(_ message: Message) -> HTTPReply? {
    if case .transferReport(let report) = message { MoneyAnswer.transfers(report) } else { nil }
  }

  private static func account(_ message: Message) -> HTTPReply? {
    guard case .accountReport(let report) = message else { return nil }
    return MoneyAnswer.account(report.summary)
  }

  private static func owner(_ message: Message) -> HTTPReply? {
    if case .accountOwnerReport(let report) = message { MoneyAnswer.owner(report) } else { nil }
  }

  private static func budget(_ message: Message) -> HTTPReply? {
    if case .budgetReport(let report) = message { MoneyAnswer.budget(report.summary) } else { nil }
  }

  private static func fee(_ message: Message) -> HTTPReply? {
    if case .feeReport(let report) = message { MoneyAnswer.fee(report) } else { nil }
  }

  private static func delegations(_ message: Message) -> HTTPReply? {
    guard case .delegationListing(let listing) = message else { return nil }
    return MoneyAnswer.delegations(listing)
  }

  private static func standing(_ message: Message) -> Standing? {
    if case .standing(let standing) = message { standing } else { nil }
  }

  /// The text that `yard receipt verify` takes.
  private static func text(of receipt: Receipt) -> HTTPReply {
    let signed = SignedStatement(
      statement: receipt.statement, signedAt: receipt.signedAt, certificate: receipt.certificate,
      signature: receipt.signature)
    return HTTPReply(
      head: .init(
        status: 200, fields: [HTTPReply.Field("content-type", "text/plain; charset=utf-8")]),
      body: Array((signed.text + "\n").utf8), end: .complete)
  }
}
