internal import ExchangeTypes
internal import WireProtocol

// Slots, their streams, and the attempts in them.
extension WorkerMachine {
  // MARK: Streams

  /// Gives every slot that should have a stream one, on the registration's link, unless it waits after
  /// a failure.
  func openSlots() {
    let now = clock.now
    for index in slots.indices {
      switch slots[index].state {
      case .idle(let retryAt) where retryAt ?? 0 <= now: vacate(index, nil)
      case .detached(let runner, let since, let retryAt) where retryAt ?? 0 <= now:
        offer(index, runner, since: since)
      case .idle, .detached, .parked, .attached, .resuming, .releasing: continue
      }
    }
  }

  /// Ends the parked streams of slots that the leader knows it must not use.
  func closeSurplusSlots() {
    guard case .registered(_, let membership) = registration else { return }
    for index in slots.indices where membership.isDraining || index >= slotCount {
      guard case .parked(let channel) = slots[index].state else { continue }
      slots[index].state = .idle(retryAt: nil)
      channel.finish()
    }
  }

  /// Makes a slot free: parks it on its stream or on a new one, if the worker takes new attempts.
  func vacate(_ index: Int, _ channel: (any MessageChannel)?) {
    guard case .registered(let session, let membership) = registration, !isDraining,
      index < slotCount
    else {
      slots[index].state = .idle(retryAt: nil)
      channel?.finish()
      return
    }
    let channel = channel ?? session.link.openStream(.slot, owner: self)
    slots[index].state = .parked(channel)
    channel.send(
      Park(worker: membership.worker, slot: UInt16(clamping: index), incarnation: incarnation))
  }

  /// Offers an attempt that lost its stream to the leader.
  private func offer(_ index: Int, _ runner: AttemptRunner, since: UInt64) {
    guard case .registered(let session, let membership) = registration else { return }
    let channel = session.link.openStream(.slot, owner: self)
    let deadline = clock.now + Self.resumingPatience
    slots[index].state = .resuming(runner, channel, deadline: deadline, since: since)
    channel.send(runner.offer(worker: membership.worker, incarnation: incarnation))
    arm(at: deadline)
  }

  /// A slot's stream ended by itself: it is opened again after a while.
  func streamBroke(_ index: Int) {
    slots[index].failures += 1
    let retryAt = clock.now + backOff(slots[index].failures)
    switch slots[index].state {
    case .idle, .detached: return
    case .parked: slots[index].state = .idle(retryAt: retryAt)
    case .attached(let runner, _): detach(index, runner, retryAt: retryAt)
    case .resuming(let runner, _, _, let since):
      slots[index].state = .detached(runner, since: since, retryAt: retryAt)
    case .releasing(let run, _): slots[index].state = .releasing(run, nil)
    }
    arm(at: retryAt)
  }

  /// The registration that a slot's stream belonged to is gone.
  func dropStream(_ index: Int) {
    let channel = slots[index].state.channel
    switch slots[index].state {
    case .idle, .parked: slots[index].state = .idle(retryAt: nil)
    case .attached(let runner, _): detach(index, runner, retryAt: nil)
    case .resuming(let runner, _, _, let since), .detached(let runner, let since, _):
      slots[index].state = .detached(runner, since: since, retryAt: nil)
    case .releasing(let run, _): slots[index].state = .releasing(run, nil)
    }
    channel?.abort()
  }

  private func detach(_ index: Int, _ runner: AttemptRunner, retryAt: UInt64?) {
    slots[index].state = .detached(runner, since: clock.now, retryAt: retryAt)
    host.note(.detached(runner.attempt))
    arm(at: clock.now + Self.orphanPatience)
  }

  func slotTimer(_ index: Int, _ now: UInt64) {
    switch slots[index].state {
    case .parked, .attached, .releasing: return
    case .idle(let retryAt):
      if let retryAt, retryAt <= now { vacate(index, nil) }
    case .resuming(_, let channel, let deadline, let since):
      if since + Self.orphanPatience <= now {
        forget(index, .orphaned, keepsStream: false)
      } else if deadline <= now {
        streamBroke(index)
        channel.abort()
      }
    case .detached(let runner, let since, let retryAt):
      if since + Self.orphanPatience <= now {
        forget(index, .orphaned, keepsStream: false)
      } else if let retryAt, retryAt <= now {
        slots[index].state = .detached(runner, since: since, retryAt: nil)
        offer(index, runner, since: since)
      }
    }
  }

  // MARK: Messages

  func receivedOnSlot(_ message: Message, _ index: Int) {
    switch message {
    case .assign(let message): assigned(message, index)
    case .attemptContinue(let message): goOn(message, index)
    case .attemptCancel(let message):
      cancel(AttemptID(job: message.job, epoch: message.epoch), message.term)
    case .attemptSettled(let message):
      release(AttemptID(job: message.job, epoch: message.epoch), message.term, .settled)
    case .attemptAbandon(let message):
      release(AttemptID(job: message.job, epoch: message.epoch), message.term, .abandoned)
    case .failure(let failure):
      switch failure.errorCode {
      case .notLeader, .unknownWorker: loseSession(failure.message, retry: .afterBackOff)
      default: breakStream(index)
      }
    default: violated(index, "a message that has no place on a slot's stream")
    }
  }

  private func assigned(_ assign: Assign, _ index: Int) {
    guard obeys(assign.term) else { return }
    let attempt = AttemptID(job: assign.job, epoch: assign.epoch)
    guard case .parked(let channel) = slots[index].state else {
      violated(index, "attempt \(attempt) assigned on a stream that is not parked")
      return
    }
    guard let recordHash = ChainHash(bytes: assign.recordHash) else {
      violated(index, "attempt \(attempt) assigned with a record hash that is none")
      return
    }
    if let kept = slots.firstIndex(where: { $0.state.runner?.attempt == attempt }) {
      // No leader assigns an attempt twice. What no leader follows under this number is of the time before a restore, when it
      // was another job's: offered again, it would be taken for this one's output.
      if case .attached = slots[kept].state {
      } else {
        forget(kept, .abandoned, keepsStream: false)
      }
      violated(index, "attempt \(attempt) assigned twice")
      return
    }
    let runner = AttemptRunner(
      assign, modelDigest: modelDigests[assign.model], recordHash: recordHash,
      run: nextRun(in: index),
      host: host)
    slots[index].state = .attached(runner, channel)
    slots[index].failures = 0
    slots[index].isRefused = false
    let cannotGoOn = assign.recordSeq > 0 && !engineContinues
    let isFull = engineIsHealthy && !engineTakes
    if isDraining || !engineTakes || index >= slotCount || cannotGoOn {
      let reason =
        isDraining
        ? "the worker is draining"
        : cannotGoOn
          ? "the engine does not continue an output"
          : isFull ? "the engine has no room" : "the engine is not ready"
      host.note(.assignmentRefused(attempt, reason))
      runner.refuse(EngineFault(isDraining || isFull ? .engineBusy : .engineUnreachable, reason))
      runner.send(on: channel, now: clock.now)
    } else {
      host.note(.assigned(attempt, continuesFrom: assign.recordSeq))
      runner.start(EngineOrder(assign))
    }
  }

  private func goOn(_ message: AttemptContinue, _ index: Int) {
    guard obeys(message.term) else { return }
    let attempt = AttemptID(job: message.job, epoch: message.epoch)
    guard case .resuming(let runner, let channel, _, _) = slots[index].state,
      runner.attempt == attempt
    else {
      violated(index, "attempt \(attempt) continued on a stream that did not offer it")
      return
    }
    guard runner.goOn(from: message.fromSeq) else {
      // The leader's record has a gap here that nobody can fill, or is not this attempt's.
      forget(index, .unanswerable(fromSeq: message.fromSeq), keepsStream: false)
      return
    }
    host.note(.resumed(attempt, fromSeq: message.fromSeq))
    slots[index].state = .attached(runner, channel)
    slots[index].failures = 0
    runner.send(on: channel, now: clock.now)
  }

  func cancel(_ attempt: AttemptID, _ term: Term) {
    guard obeys(term) else { return }
    for slot in slots {
      guard let runner = slot.state.runner, runner.attempt == attempt else { continue }
      runner.produced(host.takeOutput(of: runner.run))
      runner.cancel()
      if case .attached(_, let channel) = slot.state { runner.send(on: channel, now: clock.now) }
    }
  }

  /// The leader needs an attempt no more.
  func release(_ attempt: AttemptID, _ term: Term, _ reason: WorkerNote.Forgetting) {
    guard obeys(term),
      let index = slots.firstIndex(where: { $0.state.runner?.attempt == attempt })
    else { return }
    forget(index, reason, keepsStream: true)
  }

  /// Forgets a slot's attempt; the slot is free as soon as the engine is.
  private func forget(_ index: Int, _ reason: WorkerNote.Forgetting, keepsStream: Bool) {
    let state = slots[index].state
    guard let runner = state.runner else { return }
    host.note(.forgotten(runner.attempt, reason))
    runner.stopEngine()
    let channel = keepsStream ? state.channel : nil
    if runner.isInEngine {
      slots[index].state = .releasing(runner.run, channel)
    } else {
      settleSlot(index, channel)
    }
    if !keepsStream { state.channel?.abort() }
  }

  /// Makes a slot free whose attempt is forgotten and whose run has ended: at once, or later if the engine had no room for that run.
  func settleSlot(_ index: Int, _ channel: (any MessageChannel)?) {
    guard slots[index].isRefused else { return vacate(index, channel) }
    let retryAt =
      clock.now + EngineRoom.waits.wait(after: slots[index].refusals, random: host.random(below:))
    slots[index].state = .idle(retryAt: retryAt)
    channel?.finish()
    arm(at: retryAt)
  }

  private func violated(_ index: Int, _ what: String) {
    host.note(.violation(what))
    breakStream(index)
  }

  private func breakStream(_ index: Int) {
    let channel = slots[index].state.channel
    streamBroke(index)
    channel?.abort()
  }
}
