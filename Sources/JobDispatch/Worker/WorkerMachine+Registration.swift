internal import ExchangeTypes
public import WireProtocol

// Finding the leader, registering with it, and keeping the lease.
extension WorkerMachine {
  /// When to register again after a registration was lost.
  enum Retry {
    /// At once: another leader waits.
    case now
    /// After the usual time.
    case afterBackOff
    /// After at least these milliseconds: a person must act.
    case notBefore(UInt64)
    /// After the milliseconds that the leader asked for, and longer each time.
    case asked(UInt64)
  }

  // MARK: Links

  /// A link to a coordinator is up, past its handshake.
  public func linkUp(_ link: any WorkerLink) {
    guard !hasLeft, !links.contains(where: { $0 === link }) else { return }
    links.append(link)
    registerIfPossible()
  }

  /// A link is gone, and all its streams with it.
  public func linkDown(_ link: any WorkerLink) {
    links.removeAll { $0 === link }
    guard !hasLeft else { return }
    if registration.session?.link === link {
      loseSession("the link to the leader is down", retry: .now)  // the link itself backs off
    }
    leaveIfDone()
  }

  /// A coordinator named the leader.
  public func leaderNotice(_ notice: LeaderNotice) {
    guard !hasLeft, notice.leader != ReplicaID(0), notice.term >= termObeyed else { return }
    termObeyed = notice.term
    let named = Leader(term: notice.term, node: notice.leader)
    guard leader != named else { return }
    leader = named
    // What others have refused says nothing of this one: its lease runs from now.
    registrationFailures = 0
    if let session = registration.session {
      guard session.term < named.term || session.link.node != named.node else { return }
      loseSession("coordinator \(named.node) leads term \(named.term)", retry: .now)
    } else if case .none = registration {
      registration = .none(retryAt: nil)
    }
    registerIfPossible()
  }

  // MARK: Registration

  /// Registers if the leader can be reached, the engine is known and it is time.
  func registerIfPossible() {
    guard !hasLeft, case .none(let retryAt) = registration, retryAt ?? 0 <= clock.now,
      let offers, let leader,
      let link = links.first(where: { $0.node == leader.node }),
      !isDraining || slots.contains(where: { $0.state.isBusy })
    else { return }
    let channel = link.openStream(.worker, owner: self)
    let deadline = clock.now + Self.registeringPatience
    let session = Session(link: link, channel: channel, term: leader.term)
    registration = .registering(session, deadline: deadline)
    announced = []
    announce(offers, on: session)
    arm(at: deadline)
  }

  /// Tells the leader what is offered now, and whether the worker drains.
  func announce() {
    guard let offers, let session = registration.session else { return }
    announce(offers, on: session)
  }

  /// A coordinator that does not know embeddings is told of what else there is.
  private func announce(_ offers: [OfferTerms], on session: Session) {
    announced.append(isDraining)
    session.channel.send(
      WorkerRegister(
        name: name, incarnation: incarnation,
        offers: session.link.takesEmbeddings ? offers : offers.compactMap(\.generating),
        draining: isDraining,
        continues: engineContinues, capabilities: engineCapabilities))
  }

  func receivedOnRegistration(_ message: Message) {
    switch message {
    case .workerRegistered(let message): registered(message)
    case .workerHeartbeatAck(let message):
      guard obeys(message.term), case .registered(let session, var membership) = registration
      else { return }
      membership.heardAt = clock.now
      registration = .registered(session, membership)
    case .leaderNotice(let notice): leaderNotice(notice)
    case .attemptCancel(let message):
      cancel(AttemptID(job: message.job, epoch: message.epoch), message.term)
    case .attemptSettled(let message):
      release(AttemptID(job: message.job, epoch: message.epoch), message.term, .settled)
    case .attemptAbandon(let message):
      release(AttemptID(job: message.job, epoch: message.epoch), message.term, .abandoned)
    case .failure(let failure): refused(failure)
    default:
      host.note(.violation("a message that has no place on a registration stream"))
      loseSession("the registration stream was misused", retry: .afterBackOff)
    }
  }

  private func registered(_ message: WorkerRegistered) {
    guard obeys(message.term), !announced.isEmpty, var session = registration.session else {
      loseSession("its term is over", retry: .afterBackOff)
      return
    }
    let isDraining = announced.removeFirst()
    let now = clock.now
    session.term = message.term
    let isFirst =
      switch registration {
      case .registered(_, let known): known.worker != message.worker
      case .none, .registering: true
      }
    // A lease of zero would be lost before it was granted.
    let lease = max(UInt64(message.leaseMs), 100)
    registration = .registered(
      session,
      Membership(
        worker: message.worker, lease: lease, heartbeatAt: now + lease / 4, heardAt: now,
        isDraining: isDraining))
    registrationFailures = 0
    lastRefusal = nil
    if isFirst {
      host.note(.registered(message.worker, message.term, leader: session.link.node))
      for index in slots.indices { slots[index].failures = 0 }
      sendHeartbeat()
      if !gpus.isEmpty { sendHostReport() }
    }
    openSlots()
    closeSurplusSlots()
    arm(at: now + lease / 4)
  }

  private func refused(_ failure: Failure) {
    let isRepeated = lastRefusal?.code == failure.code && lastRefusal?.message == failure.message
    lastRefusal = failure
    let asked = UInt64(failure.retryAfterMs ?? 0)
    let retry: Retry =
      if asked > 0 {
        .asked(min(asked, 60_000))
      } else if failure.errorCode?.isRetryable ?? false {
        .afterBackOff
      } else {
        .notBefore(Self.refusedBackOff)
      }
    loseSession(failure.message, retry: retry)
    guard case .none(let retryAt) = registration else { return }
    host.note(
      .registrationRefused(
        code: failure.code, message: failure.message,
        againIn: (retryAt ?? clock.now) - clock.now, isRepeated: isRepeated))
  }

  /// Gives up the registration and every stream that hangs on it; attempts go on, detached.
  func loseSession(_ reason: String, retry: Retry) {
    guard let session = registration.session else { return }
    if case .registered = registration { host.note(.registrationLost(reason)) }
    let retryAt: UInt64?
    switch retry {
    case .now: retryAt = nil
    case .afterBackOff:
      registrationFailures += 1
      retryAt = clock.now + backOff(registrationFailures)
    case .notBefore(let wait):
      registrationFailures += 1
      retryAt = clock.now + wait + host.random(below: wait / 2 + 1)
    case .asked(let wait):
      registrationFailures += 1
      let longer = Backoff(initial: wait, limit: max(wait, Backoff.ofWorker.limit))
        .wait(after: registrationFailures, random: host.random(below:))
      retryAt = clock.now + max(wait, longer)
    }
    registration = .none(retryAt: retryAt)
    announced = []
    session.channel.abort()
    for index in slots.indices { dropStream(index) }
    if let retryAt { arm(at: retryAt) }
  }

  // MARK: The lease

  func registrationTimer(_ now: UInt64) {
    switch registration {
    case .none(let retryAt):
      if let retryAt, retryAt <= now {
        registration = .none(retryAt: nil)
        registerIfPossible()
      }
    case .registering(_, let deadline):
      if deadline <= now { loseSession("no answer", retry: .afterBackOff) }
    case .registered(_, let membership):
      if membership.heardAt + membership.lease <= now {
        loseSession("the leader is silent", retry: .afterBackOff)
      } else if membership.heartbeatAt <= now {
        sendHeartbeat()
      }
    }
  }

  /// Tells the leader how the host is, if it understands that.
  func sendHostReport() {
    guard case .registered(let session, _) = registration, session.link.takesHostReports else {
      return
    }
    session.channel.send(HostReport(gpus: gpus))
  }

  /// Renews the lease, and says how the engine is.
  func sendHeartbeat() {
    guard case .registered(let session, var membership) = registration else { return }
    heartbeatNonce += 1
    session.channel.send(
      WorkerHeartbeat(
        worker: membership.worker, nonce: heartbeatNonce,
        busy: UInt16(clamping: slots.count { $0.state.isBusy }), engineHealthy: engineTakes,
        full: engineIsHealthy && !engineTakes))
    membership.heartbeatAt = clock.now + membership.lease / 4
    registration = .registered(session, membership)
    arm(at: membership.heartbeatAt)
  }
}

extension OfferTerms {
  /// The offer without the endpoints that came with embeddings; nil if it has no other.
  var generating: OfferTerms? {
    let original = endpoints.filter(\.isOriginal)
    guard !original.isEmpty else { return nil }
    return OfferTerms(
      model: model, context: context, outputDefault: outputDefault, slots: slots,
      priceInput: priceInput, priceOutput: priceOutput, basis: basis,
      bytesPerTokenFloor: bytesPerTokenFloor, endpoints: original)
  }
}
