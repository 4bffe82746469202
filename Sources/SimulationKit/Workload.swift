internal import ExchangeTypes
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// What clients do: open accounts, submit, follow, cancel, leave, come back, and move credit.
///
/// It only acts and remembers; whether what it was told is true is for the checkers to say.
final class Workload {
  /// An operator's account of what it has asked for and been told.
  struct Credit {
    let account: AccountID
    let amount: UInt64
    var isAcknowledged = false
  }

  private static let consumers = 2
  private static let suppliers = 2
  /// Accounts that are only given credit and looked at, one after the other.
  private static let tallies = 8
  /// Operations on one of them: a history that can be searched.
  private static let operationsMax = 40
  static let firstCredit: UInt64 = 1 << 44

  private unowned let simulation: Simulation
  private var random: SeededGenerator
  let operatorClient: SimulatedClient
  let clients: [SimulatedClient]
  private let auditors: [SimulatedClient]
  private(set) lazy var money = MoneyWorkload(of: self, in: simulation)
  private var tallies: [AccountID] = []
  private var tallied = 0
  private var owners: [AccountID] = []
  private(set) var accounts: [String: AccountID] = [:]
  private(set) var submissions: [Submission] = []
  private(set) var credits: [RequestKey: Credit] = [:]
  private(set) var openCalls = 0
  private(set) var isReady = false
  private(set) var isStopped = false
  private var lastRequest: UInt64 = 0
  private var steps: [() -> Void] = []

  init(_ simulation: Simulation) {
    self.simulation = simulation
    random = SeededGenerator(seed: simulation.seed, part: 1_000_003)
    operatorClient = SimulatedClient("operator", in: simulation)
    clients = (0..<simulation.configuration.workload.clients).map {
      SimulatedClient("u\($0 + 1)", in: simulation)
    }
    auditors = (1...3).map { SimulatedClient("auditor \($0)", in: simulation) }
  }

  /// A name that no other request of the run has.
  func requestKey() -> RequestKey {
    lastRequest += 1
    return RequestKey(high: simulation.seed, low: lastRequest)
  }

  // MARK: Setting up

  /// Opens the accounts and gives every worker and client its key, one after another.
  func setUp() {
    operatorClient.boot()
    operatorClient.authorization = Credential.authorization(key: KeyID(1), secret: 0)
    money.boot()
    for auditor in auditors {
      auditor.boot()
      auditor.authorization = operatorClient.authorization
    }
    for place in 0..<(Self.consumers + Self.suppliers) {
      let kind: AccountKind = place < Self.consumers ? .consumer : .supplier
      steps.append { [unowned self] in openAccount("a\(place)", kind) { self.owners.append($0) } }
    }
    for place in 0..<Self.tallies {
      steps.append { [unowned self] in
        openAccount("tally\(place)", .consumer) { self.tallies.append($0) }
      }
    }
    for place in 0..<Self.consumers {
      steps.append { [unowned self] in credit(owners[place], Self.firstCredit) { self.next() } }
    }
    for (place, worker) in simulation.workers.enumerated() {
      steps.append { [unowned self] in
        giveKey(owners[Self.consumers + place % Self.suppliers], .work) {
          worker.authorization = $0
        }
      }
    }
    for (place, client) in clients.enumerated() {
      client.boot()
      steps.append { [unowned self] in
        giveKey(owners[place % Self.consumers], [.submit, .read]) { client.authorization = $0 }
      }
    }
    next()
  }

  private func next() {
    guard !steps.isEmpty else {
      isReady = true
      return
    }
    steps.removeFirst()()
  }

  private func openAccount(
    _ name: String, _ kind: AccountKind, _ use: @escaping (AccountID) -> Void
  ) {
    ask(operatorClient, AccountCreate(requestKey: requestKey(), name: name, kind: kind)) { [self] in
      guard case .accountReport(let report) = $0 else { return unexpected($0) }
      use(report.summary.account)
      accounts[name] = report.summary.account
      next()
    }
  }

  private func giveKey(_ account: AccountID, _ scopes: Scopes, _ use: @escaping (String) -> Void) {
    let secret = random.next() | 1
    let message = KeyCreate(
      requestKey: requestKey(), account: account, name: "k\(secret)", scopes: scopes,
      secretHash: Credential.secretHash(of: secret), lifetimeMs: nil)
    ask(operatorClient, message) { [self] in
      guard case .keyReport(let report) = $0 else { return unexpected($0) }
      use(Credential.authorization(key: report.summary.key, secret: secret))
      next()
    }
  }

  // MARK: Running

  /// Clients begin; they go on until `stop`.
  func start() {
    for client in clients { pauseThenAct(client) }
    for auditor in auditors { audit(auditor) }
    moveCredit()
    openFees()
  }

  /// The operator takes his part as soon as the cluster's state version knows of one.
  private func openFees() {
    let create = AccountCreate(requestKey: requestKey(), name: "fees", kind: .fees)
    ask(operatorClient, create) { [self] in
      switch $0 {
      case .accountReport(let report):
        let fee = FeeSet(parts: 30_000, account: report.summary.account)
        ask(operatorClient, fee) { [self] in
          guard case .feeReport = $0 else { return unexpected($0) }
          let seller = (owners[Self.consumers], simulation.workers[0].authorization)
          money.begin(consumer: owners[0], seller: seller)
        }
      case .failure(let failure) where failure.errorCode == .wrongState:
        operatorClient.after(1_000_000) { [self] in
          if !isStopped { openFees() }
        }
      default: unexpected($0)
      }
    }
  }

  /// No client begins anything new; what is under way goes on to its end.
  func stop() { isStopped = true }

  /// Whether everything that clients wait for has come to an end.
  var isAtRest: Bool {
    openCalls == 0 && simulation.openReaders == 0
  }

  /// Asks for one more job after the healing; the answer must come soon.
  ///
  /// It sets no time to begin in, which those that wait from before may have used up: that is refused, and not how soon the cluster
  /// answers.
  func probe() -> Submission {
    let submission = submission(for: clients[0], mode: .submitted, patience: 0)
    _ = submission.submitAndFollow(on: clients[0])
    return submission
  }

  private func pauseThenAct(_ client: SimulatedClient) {
    let interval = simulation.configuration.workload.interval * 1_000
    client.after(interval / 2 + client.random.below(interval)) { [self] in
      guard !isStopped else { return }
      act(client)
      pauseThenAct(client)
    }
  }

  private func act(_ client: SimulatedClient) {
    let submission: Submission
    let kind = client.random.below(20)
    if kind < 14, client.random.below(3) == 0 {
      return askGateway(client, kind < 8 ? .attached : .submitted)
    }
    switch kind {
    case 0..<8:
      submission = self.submission(for: client, mode: .attached)
      followAttached(submission, client)
    case 8..<14:
      submission = self.submission(for: client, mode: .submitted)
      followSubmitted(submission, client)
    case 14..<16:
      submission = self.submission(for: client, mode: .submitted, follow: false)
      submitOnly(submission, client)
    case 16..<18: submitAgain(client)
    default: query(client)
    }
  }

  private func submission(
    for client: SimulatedClient, mode: JobMode, follow: Bool = true, patience: UInt32? = nil
  ) -> Submission {
    let body = body(for: client)
    return note(
      Submit(
        requestKey: requestKey(), mode: mode, endpoint: .chatCompletions,
        model: SimulatedWorker.model, body: body, maxInputPrice: nil,
        maxOutputPrice: nil, queueTimeoutMs: patience ?? self.patience(of: client),
        follow: follow, retentionMs: nil, durable: client.random.chance(perMille: 300) ? true : nil),
      of: client)
  }

  /// What a consumer writes; `fields` are more members of it.
  private func body(for client: SimulatedClient, _ fields: String = "") -> [UInt8] {
    let prompt = client.random.chance(perMille: 30) ? 40_000 : Int(client.random.below(200))
    let max = client.random.chance(perMille: 200) ? 3 : 500
    // By count, so that what else is drawn does not depend on it.
    let tier = ["flex", "default", "priority", "default"][submissions.count % 4]
    let head =
      "{\"model\":\"\(SimulatedWorker.model)\",\"max_tokens\":\(max),\"service_tier\":\"\(tier)\",\(fields)\"messages\":[{\"role\":\"user\",\"content\":\""
    return Array(head.utf8) + repeatElement(UInt8(ascii: "x"), count: prompt)
      + Array("\"}]}".utf8)
  }

  /// How long a request may wait for a worker, in milliseconds.
  private func patience(of client: SimulatedClient) -> UInt32 {
    client.random.chance(perMille: 100) ? 1_500 : 60_000
  }

  private func note(_ message: Submit, of client: SimulatedClient) -> Submission {
    let submission = Submission(message, account: account(of: client), simulation: simulation)
    submissions.append(submission)
    return submission
  }

  /// The same over HTTP: under a key of its own, or attached to its connection.
  private func askGateway(_ client: SimulatedClient, _ mode: JobMode) {
    let body = body(for: client, "\"stream\":true,\"stream_options\":{\"include_usage\":true},")
    let (key, maxWaitMs) = (requestKey(), patience(of: client))
    let isDurable = client.random.chance(perMille: 300)
    do {
      let call = try InferenceCall(
        body: body, endpoint: .chatCompletions, key: mode == .submitted ? key : nil, drawn: key,
        maxWaitMs: maxWaitMs, isDurable: isDurable)
      let submission = note(call.submit, of: client)
      follow(
        SimulatedRequest(
          method: "POST", target: "/v1/chat/completions", authorization: client.authorization,
          body: body, key: mode == .submitted ? key : nil, drawn: key, maxWaitMs: maxWaitMs,
          isDurable: isDurable, submission: submission), client)
    } catch {
      simulation.fail("P6", "a gateway refuses what a consumer may ask: \(error)")
    }
  }

  private func follow(_ request: SimulatedRequest, _ client: SimulatedClient) {
    let stream = ConsumerStream(request, on: client)
    stream.begin()
    switch client.random.below(8) {
    case 0:
      client.after(client.random.below(3_000_000)) {
        guard let job = stream.job else { return }
        ConsumerOrder(
          SimulatedRequest(
            method: "POST", target: "/v1/jobs/\(job)/cancel", authorization: client.authorization,
            submission: request.submission)
        ).begin(on: client)
      }
    case 1:
      client.after(client.random.below(3_000_000)) {
        stream.leave()
        client.after(client.random.below(6_000_000)) {
          if let job = stream.job { ConsumerStream(request, job: job, on: client).begin() }
        }
      }
    case 2, 3:
      client.after(client.random.below(2_000_000)) {
        if let job = stream.job { ConsumerStream(request, job: job, on: client).begin() }
      }
    default: break
    }
  }

  private func account(of client: SimulatedClient) -> AccountID {
    let place = clients.firstIndex { $0 === client } ?? 0
    return owners[place % Self.consumers]
  }

  private func followAttached(_ submission: Submission, _ client: SimulatedClient) {
    let reader = submission.submitAndFollow(on: client)
    switch client.random.below(10) {
    case 0: client.after(client.random.below(3_000_000)) { reader.following?.cancel() }
    case 1:
      client.after(client.random.below(3_000_000)) { [self] in
        reader.leave()
        guard client.random.chance(perMille: 700) else { return }
        // Comes back, in time or too late.
        client.after(client.random.below(20_000_000)) {
          if let job = submission.job {
            _ = submission.follow(job, on: client, attach: true)
          }
        }
        _ = self
      }
    case 2: stall(reader, client)
    default: break
    }
  }

  private func followSubmitted(_ submission: Submission, _ client: SimulatedClient) {
    let reader = submission.submitAndFollow(on: client)
    switch client.random.below(8) {
    case 0: client.after(client.random.below(3_000_000)) { reader.following?.cancel() }
    case 1:
      client.after(client.random.below(2_000_000)) {
        reader.leave()
        client.after(client.random.below(6_000_000)) {
          if let job = submission.job { _ = submission.follow(job, on: client, attach: false) }
        }
      }
    case 2:
      client.after(client.random.below(2_000_000)) {
        if let job = submission.job { _ = submission.follow(job, on: client, attach: false) }
      }
    default: break
    }
  }

  private func stall(_ reader: Reader, _ client: SimulatedClient) {
    client.after(client.random.below(1_000_000)) {
      reader.following?.setReading(false)
      client.after(client.random.below(8_000_000)) { reader.following?.setReading(true) }
    }
  }

  private func submitOnly(_ submission: Submission, _ client: SimulatedClient) {
    let asked = simulation.clock.now
    submission.requests += 1
    ask(client, submission.message) { [self] in
      switch $0 {
      case .accepted(let accepted):
        submission.acknowledged(accepted, asked: asked)
        client.after(client.random.below(4_000_000)) {
          _ = submission.follow(accepted.job, on: client, attach: false)
        }
      case .failure(let failure) where failure.errorCode == .modelNotFound:
        submission.refusal = failure.errorCode
      case .failure(let failure)
      where failure.errorCode == .queueTooLong && submission.mayBeRefused(askedAt: asked):
        if submission.requests <= 1 { submission.refusal = failure.errorCode }
      default: unexpected($0)
      }
    }
  }

  /// The same request again: it must give the same job.
  private func submitAgain(_ client: SimulatedClient) {
    let mine = submissions.suffix(40).filter {
      $0.account == account(of: client) && $0.message.mode == .submitted && $0.refusal == nil
    }
    guard !mine.isEmpty else { return }
    let submission = mine[Int(client.random.below(UInt64(mine.count)))]
    let asked = simulation.clock.now
    submission.requests += 1
    ask(client, submission.message) { [self] in
      switch $0 {
      case .accepted(let accepted): submission.acknowledged(accepted, asked: asked)
      case .failure(let failure) where failure.errorCode == .modelNotFound: break
      case .failure(let failure)
      where [.queueTooLong, .noWorkerOnline].contains(failure.errorCode)
        && submission.mayBeRefused(askedAt: asked):
        break
      default: unexpected($0)
      }
    }
  }

  /// A question: a job that was acknowledged is known to whoever answers.
  private func query(_ client: SimulatedClient) {
    let mine = submissions.filter { $0.account == account(of: client) && $0.job != nil }
    guard !mine.isEmpty else { return }
    guard let job = mine[Int(client.random.below(UInt64(mine.count)))].job else { return }
    ask(client, JobQuery(job: job)) { [self] in
      guard case .jobReport(let report) = $0, report.summary.job == job else {
        return simulation.fail("R2", "job \(job) was acknowledged; asked for it: \($0)")
      }
    }
  }

  // MARK: Accounts

  private func moveCredit() {
    operatorClient.after(random.within(500_000...4_000_000)) { [self] in
      guard !isStopped else { return }
      credit(owners[Int(random.below(UInt64(Self.consumers)))], 1 + random.below(1_000_000)) {}
      moveCredit()
    }
  }

  /// Several give one account credit and look at it, each one thing after the other, until its history is long enough.
  private func audit(_ auditor: SimulatedClient) {
    auditor.after(auditor.random.within(50_000...500_000)) { [self] in
      guard !isStopped, tallied < tallies.count * Self.operationsMax else { return }
      let account = tallies[tallied / Self.operationsMax]
      tallied += 1
      let asked = simulation.clock.now
      if auditor.random.below(2) == 0 {
        let amount = 1 + auditor.random.below(1_000)
        credit(account, amount, from: auditor) { [self] in
          simulation.history.note(.credit(amount), on: account, asked: asked, answer: 0)
          audit(auditor)
        }
      } else {
        ask(auditor, AccountQuery(account: account)) { [self] in
          guard case .accountReport(let report) = $0 else { return unexpected($0) }
          simulation.history.note(
            .read, on: account, asked: asked, answer: report.summary.balance.rawValue)
          audit(auditor)
        }
      }
    }
  }

  private func credit(
    _ account: AccountID, _ amount: UInt64, from client: SimulatedClient? = nil,
    _ then: @escaping () -> Void
  ) {
    let key = requestKey()
    credits[key] = Credit(account: account, amount: amount)
    let message = AccountCredit(requestKey: key, account: account, amount: Credits(nano: amount))
    let asked = simulation.clock.now
    ask(client ?? operatorClient, message) { [self] in
      guard case .accountReport = $0 else { return unexpected($0) }
      simulation.states.acknowledged(key, asked: asked, "a credit to account \(account)")
      credits[key]?.isAcknowledged = true
      then()
    }
  }

  // MARK: Asking

  /// Asks, and waits for the answer for as long as there is patience.
  func ask(
    _ client: SimulatedClient, _ message: any WireMessage, _ answer: @escaping (Message) -> Void
  ) {
    openCalls += 1
    client.call(message) { [self] result in
      openCalls -= 1
      switch result {
      case .success(let message): answer(message)
      case .failure(.refused(let failure)): answer(.failure(failure))
      case .failure(let failure):
        simulation.fail("R7", "\(client.name) asked in vain: \(failure)")
      }
    }
  }

  func unexpected(_ message: Message) {
    simulation.fail("R2", "an answer that fits no question: \(message)")
  }

  /// Breaks what keeps the run in memory.
  func clear() {
    steps = []
    for submission in submissions { submission.clear() }
    for client in clients + auditors + [operatorClient] { client.clear() }
    money.clear()
  }
}
