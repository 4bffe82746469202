internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// What an operator and a supplier do with money while jobs run: a client's key draws on a budget, transfers are taken back, prices
/// change.
///
/// It begins once the cluster's state version knows of all that. As `Workload`, it only acts and remembers.
final class MoneyWorkload {
  private static let operatorAccount = AccountID(1)
  private static let issuance = AccountID(2)

  private unowned let workload: Workload
  private var random: SeededGenerator
  private let supplier: SimulatedClient
  /// What was moved out of accounts by hand and by what took it back, as far as it was acknowledged.
  private(set) var debited: [AccountID: UInt64] = [:]
  /// What the suppliers may have posted at some time.
  private(set) var posted: [AccountID: [PricePair]] = [:]

  init(of workload: Workload, in simulation: Simulation) {
    self.workload = workload
    random = SeededGenerator(seed: simulation.seed, part: 1_000_006)
    supplier = SimulatedClient("supplier", in: simulation)
  }

  /// Its client process starts.
  func boot() { supplier.boot() }

  /// Begins.
  ///
  /// - Parameters:
  ///   - consumer: whose budget it is that the first client draws on from now on.
  ///   - seller: the account of a supplier, and what its workers register with.
  func begin(consumer: AccountID, seller: (account: AccountID, authorization: String)) {
    supplier.authorization = seller.authorization
    makeBudget(of: consumer)
    makePurse()
    changePrices(of: seller.account)
  }

  // MARK: A budget

  /// Nothing of it is ever refused: what is looked at is what it says that it holds and has spent.
  private func makeBudget(of account: AccountID) {
    let create = BudgetCreate(
      requestKey: workload.requestKey(), account: account, parent: BudgetID(0), level: .team,
      name: "team", perDay: nil, perMonth: nil, total: Credits(nano: 1 << 60))
    workload.ask(workload.operatorClient, create) { [self] in
      guard case .budgetReport(let report) = $0 else { return workload.unexpected($0) }
      makeKey(of: account, drawingOn: report.summary.budget)
    }
  }

  private func makeKey(of account: AccountID, drawingOn budget: BudgetID) {
    let secret = random.next() | 1
    let create = BudgetKeyCreate(
      requestKey: workload.requestKey(), account: account, name: "agent", scopes: [.submit, .read],
      secretHash: Credential.secretHash(of: secret), lifetimeMs: nil, budget: budget)
    workload.ask(workload.operatorClient, create) { [self] in
      guard case .keyReport(let report) = $0 else { return workload.unexpected($0) }
      workload.clients[0].authorization = Credential.authorization(
        key: report.summary.key, secret: secret)
    }
  }

  // MARK: Transfers

  private func makePurse() {
    let create = AccountCreate(requestKey: workload.requestKey(), name: "purse", kind: .reserve)
    workload.ask(workload.operatorClient, create) { [self] in
      guard case .accountReport(let report) = $0 else { return workload.unexpected($0) }
      move(report.summary.account)
    }
  }

  /// Credit to the purse and a part of it on to the operator, together; most of it is taken back, and the next time comes.
  private func move(_ purse: AccountID) {
    workload.operatorClient.after(random.within(2_000_000...6_000_000)) { [self] in
      guard !workload.isStopped else { return }
      let (given, passed) = (1_000 + random.below(1_000_000), 1 + random.below(1_000))
      let post = TransferPost(
        requestKey: workload.requestKey(),
        legs: [
          TransferLeg(debit: Self.issuance, credit: purse, amount: Credits(nano: given)),
          TransferLeg(debit: purse, credit: Self.operatorAccount, amount: Credits(nano: passed)),
        ])
      let asked = supplier.simulation.clock.now
      workload.ask(workload.operatorClient, post) { [self] in
        guard case .transferReport(let report) = $0, report.entries.count == 2 else {
          return workload.unexpected($0)
        }
        supplier.simulation.states.acknowledged(post.requestKey, asked: asked, "a transfer")
        debited[purse, default: 0] += passed
        guard random.below(4) > 0 else { return move(purse) }
        takeBack(report.entries[1].transfer, from: purse, given: given, passed: passed)
      }
    }
  }

  private func takeBack(
    _ transfer: TransferID, from purse: AccountID, given: UInt64, passed: UInt64
  ) {
    let reverse = TransferReverse(requestKey: workload.requestKey(), transfer: transfer)
    let asked = supplier.simulation.clock.now
    workload.ask(workload.operatorClient, reverse) { [self] in
      guard case .transferReport(let report) = $0, report.entries.count == 2 else {
        return workload.unexpected($0)
      }
      supplier.simulation.states.acknowledged(reverse.requestKey, asked: asked, "a reversal")
      supplier.simulation.mark(.takenBack)
      debited[Self.operatorAccount, default: 0] += passed
      debited[purse, default: 0] += given
      move(purse)
    }
  }

  // MARK: Prices

  private func changePrices(of account: AccountID) {
    supplier.after(random.within(3_000_000...9_000_000)) { [self] in
      guard !workload.isStopped else { return }
      let prices = PricePair(
        input: Price(nanoPerMillion: 1_000_000 + random.below(100_000)),
        output: Price(nanoPerMillion: 2_000_000 + random.below(200_000)))
      let withdraw = random.below(4) == 0
      if !withdraw { posted[account, default: []].append(prices) }
      let terms = PostedTerms(
        model: SimulatedWorker.model, priceInput: prices.input, priceCachedInput: nil,
        priceOutput: prices.output, reserve: 0, own: [], only: [], refuse: [])
      workload.ask(supplier, AskSet(terms: terms, withdraw: withdraw)) { [self] in
        switch $0 {
        case .askListing: break
        // None of its workers has registered yet.
        case .failure(let failure) where failure.errorCode == .modelNotFound: break
        default: return workload.unexpected($0)
        }
        changePrices(of: account)
      }
    }
  }

  /// Breaks what keeps the run in memory.
  func clear() { supplier.clear() }
}
