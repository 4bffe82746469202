internal import Consensus
internal import Crypto
internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
internal import RaftEngine
internal import TokenLedger
internal import WireProtocol

// Requests: what a client asks, as commands, and outcomes as answers.
extension Dispatcher {
  /// Tokens that a chat template may add to each message, and once to the whole prompt.
  ///
  /// Generous: it only bounds the hold; what is billed is what the engine counts.
  private static let templateTokensPerMessage = 16
  private static let templateTokens = 64
  /// The longest that a job waits for a worker when its client names no time, in milliseconds.
  private static let queueTimeoutDefault: UInt32 = 120_000

  typealias Answer = (any WireMessage) -> Void

  /// Runs `body` once this replica has confirmed that it leads and has applied everything that was
  /// acknowledged before.
  func confirmed(_ body: @escaping (_ isLeader: Bool) -> Void) {
    replica.confirmRead(now: clock.now) { body($0 == .ready) }
  }

  /// Answers one request.
  func call(_ message: Message, from caller: Caller, answer: @escaping Answer) {
    switch message {
    case .submit(let message):
      submit(message, from: caller) { result in
        switch result {
        case .success(let accepted): answer(accepted)
        case .failure(let failure): answer(failure)
        }
      }
    case .cancel(let message):
      cancel(message, from: caller) { [weak self] failure in
        if let failure { return answer(failure) }
        self?.report(message.job, to: caller, answer)
      }
    case .cancelMany(let message):
      change(.cancelMany(.init(caller: caller.key, jobs: message.jobs)), answer) {
        if case .cancelledMany(let count) = $0 {
          CancelledMany(count: UInt32(clamping: count))
        } else {
          nil
        }
      }
    case .purge(let message):
      change(.purge(.init(caller: caller.key, jobs: message.jobs)), answer) {
        if case .purged(let count) = $0 { Purged(count: UInt32(clamping: count)) } else { nil }
      }
    case .accountCreate, .accountCredit, .keyCreate, .keyRevoke:
      changeAccounts(message, from: caller, answer)
    case .statusQuery:
      answer(statusReport)
    case .clusterQuery, .clusterChange:
      administer(message, from: caller, answer)
    default:
      confirmed { [weak self] isLeader in
        guard isLeader, let self else { return answer(Failure.notLeader) }
        query(message, from: caller, answer)
      }
    }
  }

  /// Proposes a command and answers with what `reply` makes of its acceptance.
  private func change(
    _ command: Command, _ answer: @escaping Answer,
    reply: @escaping (ExchangeCore.Accepted) -> (any WireMessage)?
  ) {
    queue.propose(command) { result in
      if let failure = Failure(result) { return answer(failure) }
      guard case .applied(.accepted(let accepted), _) = result, let message = reply(accepted)
      else { preconditionFailure("a command was accepted as another: \(result)") }
      answer(message)
    }
  }

  // MARK: Jobs

  /// Takes a job: seals its body, proposes it, answers with its number once it cannot be lost.
  func submit(
    _ message: Submit, from caller: Caller,
    _ answer: @escaping (Result<WireProtocol.Accepted, Failure>) -> Void
  ) {
    let request: InferenceRequest
    do throws(RequestError) {
      request = try InferenceRequest.parse(
        body: message.body,
        endpoint: message.endpoint == .completions ? .completions : .chatCompletions)
    } catch {
      return answer(.failure(Failure(.malformedRequest, error.description)))
    }
    guard request.features.isDisjoint(with: [.media, .customTemplate]) else {
      return answer(
        .failure(
          Failure(
            .unsupportedParameter,
            "images, audio and a chat template of one's own cannot be priced before they run")))
    }
    guard request.model == message.model else {
      return answer(
        .failure(
          Failure(
            .malformedRequest,
            "the body asks for model \"\(request.model)\", the submit for \"\(message.model)\"")))
    }
    let bound =
      request.promptBytes + request.messageCount * Self.templateTokensPerMessage
      + Self.templateTokens
    var commands: [Command] = []
    do {
      commands = try sealed(message, request, promptBound: bound, from: caller)
    } catch {
      return answer(.failure(Failure(.internalError, "the request cannot be sealed: \(error)")))
    }
    var promised: WorkerSlot?
    if case .submit(let last)? = commands.last, let (slot, ask) = promiseSlot(to: last) {
      promised = slot
      commands[commands.count - 1] = .submitAssigned(
        .init(submit: last, offer: ask.id, askVersion: ask.version))
    }
    // Parts go first, in order; the log keeps that order, so the submit finds them all.
    queue.propose(inOrder: commands) { [weak self] result in
      if let promised { self?.redeem(promised, for: result) }
      if let failure = Failure(result) { return answer(.failure(failure)) }
      guard case .applied(.accepted(.submitted(let job)), let index) = result else {
        preconditionFailure("a submit was accepted as another command: \(result)")
      }
      if !job.duplicate { self?.keepBody(message.body, of: job.job) }
      answer(
        .success(
          WireProtocol.Accepted(
            job: job.job, commitIndex: index, duplicate: job.duplicate, hold: job.hold)))
    }
  }

  private func sealed(
    _ message: Submit, _ request: InferenceRequest, promptBound: Int, from caller: Caller
  ) throws -> [Command] {
    let (key, wrapped) = try sealer.makeKey()
    var parts: [[UInt8]] = []
    let partBytes = Command.Limits.partBytesMax - SealedEvents.overheadBytes
    let isInline =
      message.body.count + SealedEvents.overheadBytes <= Command.Limits.inlineBytesMax
    if isInline {
      parts = [try sealer.seal(message.body, as: .payload(part: 0), under: key)]
    } else {
      var start = 0
      while start < message.body.count {
        let end = min(message.body.count, start + partBytes)
        parts.append(
          try sealer.seal(
            Array(message.body[start..<end]), as: .payload(part: UInt32(parts.count)),
            under: key))
        start = end
      }
    }
    var commands: [Command] = []
    let payload: Command.Submit.Payload
    if isInline {
      payload = .inline(parts[0])
    } else {
      payload = .parts(UInt16(parts.count))
      for (place, part) in parts.enumerated() {
        commands.append(
          .payloadPart(
            .init(
              caller: caller.key, requestKey: message.requestKey, part: UInt16(place),
              of: UInt16(parts.count), bytes: part)))
      }
    }
    commands.append(
      .submit(
        .init(
          caller: caller.key, requestKey: message.requestKey,
          bodyHash: Self.requestHash(message), mode: message.mode, endpoint: message.endpoint,
          model: message.model, promptBound: TokenCount(UInt64(promptBound)),
          outputMax: request.maxTokens.map { TokenCount(UInt64(max(0, $0))) },
          inputCeiling: message.maxInputPrice, outputCeiling: message.maxOutputPrice,
          queueTimeoutMilliseconds: message.queueTimeoutMs == 0
            ? Self.queueTimeoutDefault : message.queueTimeoutMs,
          wrappedKey: wrapped, payload: payload)))
    return commands
  }

  /// What makes two submits the same request: everything in them but who is following.
  private static func requestHash(_ message: Submit) -> [UInt8] {
    var writer = CanonicalWriter(capacity: message.body.count + 64)
    writer.write(message.mode.rawValue)
    writer.write(message.endpoint.rawValue)
    writer.write(message.model)
    writer.write(message.maxInputPrice) { $0.write($1.rawValue) }
    writer.write(message.maxOutputPrice) { $0.write($1.rawValue) }
    writer.write(message.body)
    return Array(SHA256.hash(data: writer.bytes))
  }

  /// Asks a job to end.
  func cancel(
    _ message: Cancel, from caller: Caller, _ answer: @escaping (Failure?) -> Void
  ) {
    queue.propose(.cancel(.init(caller: caller.key, job: message.job))) {
      answer(Failure($0))
    }
  }

  private func report(_ id: JobID, to caller: Caller, _ answer: Answer) {
    if let job = exchange.job(id), job.account == caller.account {
      answer(JobReport(summary: summary(of: job), resumed: resumption(of: job)))
    } else if let tombstone = exchange.tombstone(id), tombstone.account == caller.account {
      answer(
        Failure(
          .outputExpired, "the output of job \(id) is no longer kept", job: id,
          charge: tombstone.charge))
    } else {
      answer(Failure(.unknownJob, "there is no job \(id) in this account"))
    }
  }

  // MARK: Accounts and keys

  private func changeAccounts(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    switch message {
    case .accountCreate(let message):
      change(
        .accountCreate(
          .init(
            caller: caller.key, requestKey: message.requestKey, name: message.name,
            kind: message.kind)), answer
      ) { [weak self] in
        guard case .account(let id, _) = $0 else { return nil }
        return self?.accountReport(id)
      }
    case .accountCredit(let message):
      change(
        .accountCredit(
          .init(
            caller: caller.key, requestKey: message.requestKey, account: message.account,
            amount: message.amount)), answer
      ) { [weak self] _ in self?.accountReport(message.account) }
    case .keyCreate(let message):
      change(
        .keyCreate(
          .init(
            caller: caller.key, requestKey: message.requestKey, account: message.account,
            name: message.name, scopes: message.scopes, secretHash: message.secretHash)), answer
      ) { [weak self] in
        guard case .key(let id, _) = $0 else { return nil }
        return self?.keyReport(id)
      }
    case .keyRevoke(let message):
      change(.keyRevoke(.init(caller: caller.key, key: message.key)), answer) { [weak self] in
        guard case .keyRevoked(let id) = $0 else { return nil }
        return self?.keyReport(id)
      }
    default:
      preconditionFailure("not a change of accounts: \(message)")
    }
  }

  private func accountReport(_ id: AccountID) -> (any WireMessage)? {
    exchange.account(id).map { AccountReport(summary: AccountSummary($0)) }
  }

  private func keyReport(_ id: KeyID) -> (any WireMessage)? {
    exchange.key(id).map { KeyReport(summary: KeySummary($0)) }
  }

  // MARK: Reads

  private func query(_ message: Message, from caller: Caller, _ answer: @escaping Answer) {
    switch message {
    case .jobQuery(let message):
      report(message.job, to: caller, answer)
    case .jobList(let message):
      let limit = Int(min(max(message.limit, 1), 256))
      let found = exchange.jobs(of: caller.account, after: message.after, limit: limit + 1)
      answer(
        JobListing(jobs: found.prefix(limit).map(summary), more: found.count > limit))
    case .modelList:
      answer(
        ModelListing(
          models: exchange.models.compactMap { exchange.model($0) }.prefix(1_024)
            .map(ModelSummary.init)))
    case .workerList:
      answer(WorkerListing(workers: exchange.allWorkers.prefix(1_024).map(workerSummary)))
    case .accountQuery(let message):
      let id = message.account.rawValue == 0 ? caller.account : message.account
      guard id == caller.account || caller.scopes.contains(.admin), let report = accountReport(id)
      else {
        return answer(Failure(.unknownAccount, "there is no account \(id) that this key may see"))
      }
      answer(report)
    case .keyList(let message):
      let id = message.account.rawValue == 0 ? caller.account : message.account
      guard id == caller.account || caller.scopes.contains(.admin), exchange.account(id) != nil
      else {
        return answer(Failure(.unknownAccount, "there is no account \(id) that this key may see"))
      }
      answer(KeyListing(keys: exchange.keys(of: id).prefix(1_024).map(KeySummary.init)))
    default:
      answer(Failure(.malformedRequest, "this message is not a request"))
    }
  }

  private func workerSummary(_ worker: Worker) -> WorkerSummary {
    WorkerSummary(
      worker: worker.id, name: worker.name, account: worker.account, online: worker.online,
      draining: worker.draining,
      slots: UInt16(clamping: worker.offers.reduce(0) { $0 + Int($1.slots) }),
      busy: UInt16(clamping: exchange.busyCount(of: worker.id)),
      offers: worker.offers.map(OfferTerms.init))
  }

  /// What this coordinator knows of itself and of the cluster.
  var statusReport: StatusReport {
    let role: WireProtocol.ReplicaRole =
      switch replica.role {
      case .leader, .elected: .leader
      case .candidate: .candidate
      case .follower: .follower
      }
    let notice = leaderNotice
    return StatusReport(
      replica: replica.id, role: role, term: replica.term, leader: notice.leader,
      leaderAddress: notice.address, commitIndex: replica.commitIndex,
      appliedIndex: replica.applied, lastIndex: replica.lastIndex,
      digest: exchange.digest.bytes, stateVersion: exchange.stateVersion,
      logTime: exchange.logTime, jobsQueued: UInt32(clamping: exchange.queuedCount),
      jobsRunning: UInt32(clamping: exchange.runningCount),
      peers: replica.membership.servers.map { server in
        PeerSummary(
          replica: server.id,
          address: address(of: server.id) ?? "",
          voter: server.role == .voter,
          matchIndex: replica.matchIndex(of: server.id) ?? LogIndex(0),
          contactAgeMs: server.id == replica.id
            ? 0 : replica.contactAge(of: server.id, now: clock.now) ?? .max)
      },
      software: configuration.software, divergedAt: replica.divergence?.index,
      stateVersionMax: replica.stateVersionMax(of: replica.id))
  }
}

extension AccountSummary {
  fileprivate init(_ account: Account) {
    self.init(
      account: account.id, name: account.name, kind: account.kind, balance: account.balance,
      held: account.debitsHeld, spent: account.debitsPosted, earned: account.creditsEarned)
  }
}

extension KeySummary {
  fileprivate init(_ key: APIKey) {
    self.init(
      key: key.id, account: key.account, scopes: key.scopes, name: key.name,
      revoked: key.revoked)
  }
}

extension ModelSummary {
  fileprivate init(_ model: ModelView) {
    self.init(
      model: model.name, context: UInt32(clamping: model.context.rawValue),
      outputDefault: UInt32(clamping: model.outputDefault.rawValue),
      priceInputMin: model.lowest.input, priceOutputMin: model.lowest.output,
      suppliers: UInt16(clamping: model.suppliers), slots: UInt16(clamping: model.slots),
      slotsFree: UInt16(clamping: model.slotsFree))
  }
}
