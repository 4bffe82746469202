public import ExchangeTypes
public import JobDispatch
internal import Links
internal import NIOCore
public import WireProtocol

/// What to follow.
public enum FollowOrder: Sendable {
  /// A new job; `follow` is set on the message.
  case submit(Submit)
  /// A job that exists, from an event on; where `isDurable`, only what is committed of it.
  case job(JobID, fromSeq: UInt64, commitIndex: LogIndex, isDurable: Bool = false)
}

/// Something that happened to a followed job.
public enum JobUpdate: Sendable {
  /// It is committed.
  case accepted(Accepted)
  /// There is nothing to deliver yet, and why.
  case waiting(Waiting)
  /// Its next events; those after `durableThrough` are not committed yet.
  case events([Event], durableThrough: UInt64)
  /// Its stream broke and is being opened again.
  case reconnecting(cause: String, after: UInt64)
  /// It has settled, and everything was delivered: the last update.
  case ended(Ended)
}

/// Takes a followed job's updates, on the client's loop.
public protocol JobReading: AnyObject {
  /// Something happened; after `.ended` nothing more does.
  func received(_ update: JobUpdate)
  /// The stream failed for good; nothing more happens.
  func failed(_ failure: ClientFailure)
}

/// A job being followed: the shell around `FollowedJob` that opens its streams and waits its pauses.
public final class FollowingJob: MessageChannelOwner {
  private enum State {
    /// No link has told the cluster's id yet, which the chain hash begins with.
    case locating(CallTries)
    case following(FollowedJob)
    case over
  }

  private let order: FollowOrder
  private let authorization: String?
  private let client: LoopClient
  private let lane: Lane
  private let callerRetries: Bool
  private weak var reader: (any JobReading)?
  private var state: State
  private var channel: (any MessageChannel)?
  private var link: NodeLink?
  private var isReading = true
  private var cancelRequested = false
  private var wasTurnedAway = false
  private let began: UInt64

  init(
    order: FollowOrder, authorization: String?, client: LoopClient, lane: Lane,
    callerRetries: Bool, reader: any JobReading
  ) {
    self.order = order
    self.authorization = authorization
    self.client = client
    self.lane = lane
    self.callerRetries = callerRetries
    self.reader = reader
    began = client.now
    state = .locating(CallTries(now: client.now, patience: client.configuration.patience))
  }

  // MARK: For the reader

  /// Asks for the job's end; the stream goes on until it has settled.
  ///
  /// A job that nobody was asked for yet is never asked for: its reader is told that nobody was reached.
  public func cancel() {
    cancelRequested = true
    if case .locating = state, case .submit = order {
      state = .over
      reader?.failed(
        .unavailable(
          lastCause: "it was cancelled before a coordinator could be asked",
          waited: client.now - began))
      return
    }
    guard case .following(var job) = state else { return }
    let message = job.cancel()
    state = .following(job)
    if let message, let channel { channel.send(message.content) }
  }

  /// Stops (or resumes) taking events: the leader feels a slow reader.
  public func setReading(_ isReading: Bool) {
    self.isReading = isReading
    channel?.setReading(isReading)
  }

  /// Stops following; nothing is told to the reader any more.
  ///
  /// An attached job loses its reader.
  public func leave() {
    state = .over
    close()
  }

  // MARK: The stream

  func begin() {
    if case .over = state { return }
    lane.withLink { [self] result in
      switch result {
      case .failure(let end): couldNotOpen(end)
      case .success(let link): open(on: link)
      }
    }
  }

  private func open(on link: NodeLink) {
    guard let remote = link.remote else { preconditionFailure("a link before its handshake") }
    var job: FollowedJob
    switch state {
    case .over: return
    case .following(let current): job = current
    case .locating: job = start(cluster: remote.clusterID)
    }
    if cancelRequested { _ = job.cancel() }
    state = .following(job)
    self.link = link
    let channel = link.openStream(.job, authorization: authorization, owner: self)
    self.channel = channel
    channel.setReading(isReading)
    for message in job.opening { channel.send(message.content) }
  }

  private func start(cluster: ClusterID) -> FollowedJob {
    let patience = client.configuration.patience
    return switch order {
    case .submit(let submit):
      FollowedJob(
        submitting: submit, cluster: cluster, patience: patience, callerRetries: callerRetries)
    case .job(let job, let fromSeq, let commitIndex, let isDurable):
      FollowedJob(
        following: job, fromSeq: fromSeq, commitIndex: commitIndex, isDurable: isDurable,
        cluster: cluster, patience: patience)
    }
  }

  private func couldNotOpen(_ end: TryEnd) {
    switch state {
    case .over: break
    case .locating(var tries):
      let decision = tries.ended(end, now: client.now, random: client.random())
      state = .locating(tries)
      switch decision {
      case .giveUp(let failure): giveUp(failure)
      case .retry(let wait): retry(after: wait, cause: end.cause)
      }
    case .following(var job):
      let action = job.unopened(end, now: client.now, random: client.random())
      state = .following(job)
      perform(action)
    }
  }

  /// A message arrived on the job's stream.
  public func received(_ message: Message, on channel: any MessageChannel) {
    guard channel === self.channel, case .following(var job) = state else { return }
    if case .failure(let failure) = message,
      failure.asksElsewhere(wasTurnedAway: &wasTurnedAway), let link
    {
      lane.leave(link)
    }
    state = .over  // lets go of the job, so that adding to its tail copies nothing
    let action = job.received(message, now: client.now, random: client.random())
    state = .following(job)
    perform(action)
    if case .accepted = action, let cancel = job.cancelMessage {
      self.channel?.send(cancel.content)
    }
  }

  /// Nothing waits to be sent: a client sends a few small messages, and a tail that is bounded.
  public func writable(_ channel: any MessageChannel) {}

  /// The job's stream ended.
  public func closed(_ channel: any MessageChannel) {
    guard channel === self.channel, case .following(var job) = state else { return }
    self.channel = nil
    let action = job.broke(
      "the job's stream broke", now: client.now, random: client.random())
    state = .following(job)
    perform(action)
  }

  private func perform(_ action: FollowedJob.Action) {
    switch action {
    case .nothing: break
    case .accepted(let accepted): reader?.received(.accepted(accepted))
    case .waiting(let waiting): reader?.received(.waiting(waiting))
    case .deliver(let events, let durableThrough):
      reader?.received(.events(events, durableThrough: durableThrough))
    case .show(let messages): for message in messages { channel?.send(message.content) }
    case .end(let ended):
      state = .over
      channel?.finish()
      channel = nil
      link = nil
      reader?.received(.ended(ended))
    case .reopen(let wait, let cause): retry(after: wait, cause: cause)
    case .fail(let failure): giveUp(failure)
    }
  }

  private func retry(after wait: UInt64, cause: String) {
    close()
    guard !client.hasClosed else {
      return giveUp(.unavailable(lastCause: "the client was closed", waited: 0))
    }
    reader?.received(.reconnecting(cause: cause, after: wait))
    client.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(wait))) { self.begin() }
  }

  func giveUp(_ failure: ClientFailure) {
    state = .over
    close()
    reader?.failed(failure)
  }

  private func close() {
    let open = channel
    channel = nil
    link = nil
    open?.abort()
  }
}
