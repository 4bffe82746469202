internal import ExchangeTypes
internal import WireProtocol

// The streams that peers open on a leader: what may be said on each, and to which part of the
// dispatcher it goes. Each is owned by its channel's shell and lives while the leader leads.

/// A worker's registration stream.
final class WorkerStream: MessageChannelOwner, LeaderBound {
  let channel: any MessageChannel
  let caller: Caller
  let origin: StreamOrigin
  /// The session that this stream keeps alive, once registered.
  weak var session: WorkerSession?
  private(set) var isClosed = false
  private weak var dispatcher: Dispatcher?

  init(
    channel: any MessageChannel, caller: Caller, origin: StreamOrigin, dispatcher: Dispatcher
  ) {
    self.channel = channel
    self.caller = caller
    self.origin = origin
    self.dispatcher = dispatcher
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    switch message {
    case .workerRegister(let message): dispatcher?.register(message, from: self)
    case .workerHeartbeat(let message): dispatcher?.heartbeat(message, from: self)
    // Before it is registered there is nobody whose host it is.
    case .hostReport(let message): session?.gpus = message.gpus
    default: fail(Failure(.malformedRequest, "a worker registers and sends heartbeats here"))
    }
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    isClosed = true
    dispatcher?.workerStreamClosed(self)
    dispatcher?.forget(self)
  }

  func fail(_ failure: Failure) {
    channel.send(failure)
    channel.finish()
  }

  func end(_ failure: Failure) {
    dispatcher?.workerStreamClosed(self)
    fail(failure)
  }
}

/// A worker's slot stream.
final class SlotStream: MessageChannelOwner, LeaderBound {
  private let slot: WorkerSlot
  var caller: Caller { slot.caller }
  private weak var dispatcher: Dispatcher?

  init(
    channel: any MessageChannel, caller: Caller, origin: StreamOrigin, dispatcher: Dispatcher
  ) {
    slot = WorkerSlot(channel: channel, caller: caller, origin: origin)
    self.dispatcher = dispatcher
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    switch message {
    case .park(let message): dispatcher?.park(message, on: slot)
    case .attemptResume(let message): dispatcher?.resume(message, on: slot)
    case .chunk(let message): dispatcher?.received(message, on: slot)
    case .attemptGoesOn(let message): dispatcher?.goesOn(message, on: slot)
    case .attemptFinished(let message): dispatcher?.received(message, on: slot)
    case .failure(let failure): dispatcher?.gaveUp(failure, on: slot)
    default:
      channel.send(Failure(.malformedRequest, "a slot is parked, or carries one attempt"))
      channel.finish()
    }
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    dispatcher?.slotClosed(slot)
    dispatcher?.forget(self)
  }

  func end(_ failure: Failure) {
    dispatcher?.slotClosed(slot)
    slot.channel.send(failure)
    slot.channel.finish()
  }
}

/// A client's job stream: Submit or Follow first, then events; Cancel at any time.
final class JobStream: MessageChannelOwner, LeaderBound {
  let channel: any MessageChannel
  let caller: Caller
  /// The reader that this stream feeds, once it follows a job.
  var reader: JobReader?
  private var hasBegun = false
  private var hasFailed = false
  private(set) var isClosed = false
  private weak var dispatcher: Dispatcher?

  init(channel: any MessageChannel, caller: Caller, dispatcher: Dispatcher) {
    self.channel = channel
    self.caller = caller
    self.dispatcher = dispatcher
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard let dispatcher else { return }
    switch message {
    case .submit(let message) where !hasBegun:
      hasBegun = true
      let isWanted = { [weak self] in self.map { !$0.isClosed && !$0.hasFailed } ?? false }
      dispatcher.submit(message, from: caller, isWanted: isWanted) {
        [weak self, weak dispatcher] result in
        guard let self, !isClosed else {
          // The client went before it heard of its job.
          if case .success(let accepted) = result { dispatcher?.orphanIfUnread(accepted.job) }
          return
        }
        switch result {
        case .failure(let failure): fail(failure)
        case .success(let accepted):
          self.channel.send(accepted)
          guard message.follow else {
            dispatcher?.orphanIfUnread(accepted.job)
            return self.channel.finish()
          }
          dispatcher?.follow(
            Follow(
              job: accepted.job, fromSeq: 1, hash: nil, commitIndex: accepted.commitIndex,
              attach: message.mode == .attached, tail: nil, durable: message.durable),
            from: self)
        }
      }
    case .follow(let message) where !hasBegun:
      hasBegun = true
      dispatcher.confirmed { [weak self, weak dispatcher] isLeader in
        guard let self, !isClosed, !hasFailed else { return }
        guard isLeader, let dispatcher else { return fail(.notLeader) }
        dispatcher.follow(message, from: self)
      }
    case .tail(let message) where reader != nil:
      if let reader { dispatcher.received(message, for: reader) }
    case .cancel(let message):
      dispatcher.cancel(message, from: caller) { [weak self] failure in
        if let failure { self?.fail(failure) }
      }
    default:
      fail(Failure(.malformedRequest, "a job stream begins with one Submit or Follow"))
    }
  }

  func writable(_ channel: any MessageChannel) {
    if let reader { dispatcher?.pump(reader) }
  }

  func closed(_ channel: any MessageChannel) {
    isClosed = true
    if let reader, !reader.isDone { dispatcher?.readerClosed(reader) }
    dispatcher?.forget(self)
  }

  func fail(_ failure: Failure) {
    guard !isClosed, !hasFailed else { return }
    hasFailed = true
    channel.send(failure)
    channel.finish()
    if let reader, !reader.isDone { dispatcher?.readerClosed(reader) }
  }

  func end(_ failure: Failure) {
    if reader?.isDone != true { fail(failure) }
  }
}

/// One request, one answer.
final class CallStream: MessageChannelOwner, LeaderBound {
  private let channel: any MessageChannel
  let caller: Caller
  private var hasBegun = false
  private var isDone = false
  private weak var dispatcher: Dispatcher?

  init(channel: any MessageChannel, caller: Caller, dispatcher: Dispatcher) {
    self.channel = channel
    self.caller = caller
    self.dispatcher = dispatcher
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard !hasBegun, let dispatcher else {
      return answer(Failure(.malformedRequest, "a call stream carries one request"))
    }
    hasBegun = true
    dispatcher.call(message, from: caller) { [weak self] in
      self?.isDone == false
    } answer: { [weak self] in
      self?.answer($0)
    }
  }

  private func answer(_ message: any WireMessage) {
    guard !isDone else { return }
    isDone = true
    channel.send(message)
    channel.finish()
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    isDone = true
    dispatcher?.forget(self)
  }

  /// Its command, if it made one, may still be applied: it may be in the log already.
  func end(_ failure: Failure) {
    let isUnknown = hasBegun && failure.errorCode == .notLeader
    answer(isUnknown ? Failure(CommandResult.unknown) ?? failure : failure)
  }
}
