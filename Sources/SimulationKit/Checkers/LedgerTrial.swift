internal import ExchangeTypes
internal import TokenLedger

/// Random operations on the ledger and on a naive model of it, compared after every one.
///
/// A world lasts so many operations and then ends with an audit of all that it posted; the next begins empty,
/// so that one that has reached the largest sums does not make all later operations refusals.
public struct LedgerTrial {
  /// What a trial came to.
  public struct Report: Sendable {
    /// Operations done.
    public internal(set) var operations = 0
    /// Transfers posted.
    public internal(set) var transfers = 0
    /// How many of these took an earlier one back.
    public internal(set) var reversals = 0
    /// How often each refusal was given, by its name.
    public internal(set) var refusals: [String: Int] = [:]
    /// The first difference; nil if there was none.
    public internal(set) var fault: String?
  }

  private static let operationsPerWorld = 2_000
  /// Whatever can be refused: a trial that never sees one of them tests less than it says.
  public static let refusals = [
    "accountClosed", "accountInUse", "amountOverflow", "insufficientCredit", "invalidAmount",
    "nameTaken", "selfTransfer", "unknownAccount",
  ]

  private var random: SeededGenerator
  private var ledger = Ledger()
  private var naive = NaiveLedger()
  private var holds: [(account: AccountID, amount: Credits)] = []
  private var posted: [Transfer] = []
  /// Transfers that were taken back.
  private var takenBack: Set<TransferID> = []
  private var report = Report()

  private init(seed: UInt64) { random = SeededGenerator(seed: seed) }

  /// Does so many operations, or stops at the first difference.
  ///
  /// - Parameters:
  ///   - operations: how many.
  ///   - seed: the same seed does the same.
  /// - Returns: what was done, and the first difference.
  public static func run(operations: Int, seed: UInt64) -> Report {
    var trial = LedgerTrial(seed: seed)
    while trial.report.operations < operations, trial.report.fault == nil {
      trial.world(of: min(operationsPerWorld, operations - trial.report.operations))
    }
    return trial.report
  }

  private mutating func world(of operations: Int) {
    ledger = Ledger()
    naive = NaiveLedger()
    holds = []
    posted = []
    takenBack = []
    for kind in [.operator, .issuance, .consumer, .supplier, .fees] as [AccountKind] { open(kind) }
    for _ in 0..<operations where report.fault == nil {
      step()
      report.operations += 1
      compare()
    }
    audit()
    report.transfers += posted.count
    report.reversals += takenBack.count
  }

  // MARK: Operations

  private mutating func step() {
    switch random.below(20) {
    case 0..<7: post(legs: 1)
    case 7: takeBack()
    case 8..<11: post(legs: 2 + Int(random.below(4)))
    case 11..<14:
      let (id, amount) = (account(), self.amount())
      let wasHeld = agree { (ledger) throws(LedgerRefusal) in
        try ledger.hold(amount, on: id)
      } with: {
        (naive) throws(LedgerRefusal) in
        try naive.hold(amount, on: id)
      }
      if wasHeld { holds.append((id, amount)) }
    case 14..<18: closeHold()
    case 18:
      if random.below(2) == 0 {
        sell()
      } else if random.below(2) == 0, ledger.count < 12 {
        open([.consumer, .supplier, .dispute, .reserve][Int(random.below(4))])
      } else {
        do { _ = try ledger.open(name: "a1", kind: .consumer) } catch { note(error) }
      }
    default:
      guard random.below(24) == 0 else { return }
      let id = account()
      _ = agree { (ledger) throws(LedgerRefusal) in
        try ledger.closeAccount(id)
      } with: {
        (naive) throws(LedgerRefusal) in
        try naive.closeAccount(id)
      }
    }
  }

  private mutating func open(_ kind: AccountKind) {
    naive.open(kind)
    do { _ = try ledger.open(name: "a\(naive.accounts.count)", kind: kind) } catch {
      report.fault = "a new name was refused: \(error)"
    }
  }

  private mutating func post(legs count: Int) {
    let legs = (0..<count).map { _ in
      // Mostly out of issuance: the others live of it.
      let debit = random.below(3) == 0 ? AccountID(2) : account()
      let kind = Transfer.Kind.allCases.filter { $0 != .reversal && $0 != .sale }[
        Int(random.below(5))]
      return Leg(debit: debit, credit: account(), amount: amount(), kind: kind)
    }
    _ = post(legs)
  }

  /// Whether they were posted.
  private mutating func post(_ legs: [Leg]) -> Bool {
    var transfers: [Transfer] = []
    let isPosted = agree { (ledger) throws(LedgerRefusal) in
      transfers = try ledger.post(linked: legs, time: LogTime(milliseconds: 0))
    } with: { (naive) throws(LedgerRefusal) in
      try naive.post(legs)
    }
    guard isPosted else { return false }
    let isRight = zip(legs, transfers).allSatisfy {
      $0.debit == $1.debit && $0.credit == $1.credit && $0.amount == $1.amount
        && $0.reverses == $1.reverses
    }
    if !isRight || transfers.count != legs.count { report.fault = "other transfers than asked for" }
    posted += transfers
    return true
  }

  /// Takes back a transfer, once: its payee may have spent it meanwhile.
  private mutating func takeBack() {
    guard !posted.isEmpty else { return }
    let earlier = posted[Int(random.below(UInt64(posted.count)))]
    guard earlier.kind != .reversal, earlier.kind != .sale, !takenBack.contains(earlier.id) else {
      return
    }
    let leg = Leg(
      debit: earlier.credit, credit: earlier.debit, amount: earlier.amount, kind: .reversal,
      reverses: earlier.id)
    if post([leg]) { takenBack.insert(earlier.id) }
  }

  private mutating func closeHold() {
    guard !holds.isEmpty else { return }
    let hold = holds.remove(at: Int(random.below(UInt64(holds.count))))
    guard random.below(4) > 0 else {
      ledger.release(hold.amount, on: hold.account)
      _ = agree({ (_) throws(LedgerRefusal) in }) { (naive) throws(LedgerRefusal) in
        try naive.close(hold: hold.amount, on: hold.account, paying: [])
      }
      return
    }
    let captured = random.below(3) == 0 ? hold.amount.rawValue : random.below(hold.amount.rawValue)
    let parts = Share.divide(captured, by: [random.below(9) + 1, random.below(9), random.below(3)])
    if parts.reduce(0, +) != captured { report.fault = "\(captured) was divided into \(parts)" }
    let payees = [self.knownAccount(), self.knownAccount(), self.knownAccount()]
    let payments = zip(payees, parts).map {
      Payment(to: $0, amount: Credits(nano: $1), kind: .capture)
    }
    var transfers: [Transfer] = []
    let isClosed = agree { (ledger) throws(LedgerRefusal) in
      transfers = try ledger.close(
        hold: hold.amount, on: hold.account, paying: payments, job: JobID(1),
        time: LogTime(milliseconds: 0))
    } with: { (naive) throws(LedgerRefusal) in
      try naive.close(hold: hold.amount, on: hold.account, paying: payments)
    }
    if !isClosed { holds.append(hold) }
    posted += transfers
  }

  private mutating func sell() {
    let sale = Sale(
      promptTokens: TokenCount(random.next()), cachedTokens: TokenCount(random.below(9)),
      outputTokens: TokenCount(random.below(9)), charge: amount(), isOwn: random.below(2) == 0)
    let (consumer, supplier) = (knownAccount(), knownAccount())
    naive.sell()
    posted.append(
      ledger.note(
        sale, of: consumer, by: supplier, job: JobID(1), time: LogTime(milliseconds: 0)))
  }

  // MARK: Draws

  private mutating func knownAccount() -> AccountID {
    AccountID(1 + random.below(UInt64(ledger.count)))
  }

  /// Mostly one that there is.
  private mutating func account() -> AccountID {
    random.below(30) == 0 ? AccountID(random.below(20)) : knownAccount()
  }

  private mutating func amount() -> Credits {
    switch random.below(40) {
    case 0: .zero
    case 1: Credits(nano: .max - random.below(3))
    case 2: Credits(nano: random.next())
    case 3..<10: ledger[knownAccount()]?.available ?? .zero
    default: Credits(nano: 1 + random.below(1_000))
    }
  }

  // MARK: Comparison

  /// Whether both did it; a difference in what they refuse is the trial's fault.
  private mutating func agree(
    _ body: (inout Ledger) throws(LedgerRefusal) -> Void,
    with model: (inout NaiveLedger) throws(LedgerRefusal) -> Void
  ) -> Bool {
    var expected: LedgerRefusal?
    do throws(LedgerRefusal) { try model(&naive) } catch { expected = error }
    do throws(LedgerRefusal) {
      try body(&ledger)
      if let expected { report.fault = "done, where \(expected) was to be said" }
      return expected == nil
    } catch {
      note(error)
      if error != expected {
        report.fault = "\(error), where \(expected.map { "\($0)" } ?? "nothing") was to be said"
      }
      return false
    }
  }

  private mutating func note(_ refusal: LedgerRefusal) {
    report.refusals[String(String(describing: refusal).prefix { $0 != "(" }), default: 0] += 1
  }

  private mutating func compare() {
    guard report.fault == nil else { return }
    for (place, expected) in naive.accounts.enumerated() {
      let id = AccountID(UInt64(place) + 1)
      guard let found = ledger[id], found.kind == expected.kind,
        UInt128(found.debitsPosted.rawValue) == expected.debits,
        UInt128(found.creditsPosted.rawValue) == expected.credits,
        UInt128(found.debitsHeld.rawValue) == expected.held,
        UInt128(found.creditsEarned.rawValue) == expected.earned,
        found.isClosed == expected.isClosed
      else {
        report.fault = "account \(id) is not as the model has it"
        return
      }
    }
    if ledger.nextTransferID.rawValue != UInt64(naive.transfers) + 1 || !ledger.isBalanced {
      report.fault = "transfers are not numbered without gaps, or the books do not balance"
    }
  }

  /// Everything that was posted comes to what the accounts say.
  private mutating func audit() {
    guard report.fault == nil else { return }
    let lines = ledger.accounts(limit: .max).map {
      JournalAudit.Line(
        account: $0.id, name: $0.name, kind: $0.kind, opening: .zero,
        closing: .init(debits: $0.debitsPosted, credits: $0.creditsPosted))
    }
    do throws(JournalAudit.Fault) {
      var audit = JournalAudit()
      try audit.begin(lines, from: .beginning())
      var place = JournalPosition.beginning()
      for transfer in posted {
        try audit.read(transfer)
        place = place.advanced(by: transfer)
      }
      try audit.finish(at: place)
    } catch {
      report.fault = "the audit says \(error)"
    }
  }
}
