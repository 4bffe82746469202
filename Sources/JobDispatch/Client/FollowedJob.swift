public import ExchangeTypes
public import WireProtocol

/// One job that a client follows, through every broken stream, to its one end.
///
/// ```
/// submitting ──Accepted──► waiting ──Events──► streaming ──Ended──► ended
///     │ broke: the same      │ broke: Follow     │ broke: Follow(next, hash, tail)
///     │ Submit again         └───────────────────┴──── refusal, gap, splice ──► failed
///     └── refusal, or no progress for `patience` ──► failed
/// ```
///
/// The machine is told what arrives and answers what to do; it opens nothing itself. It delivers an
/// event only if its number is the next one and the chain hash that came with its message is the hash
/// of everything delivered before plus that message: a gap, a repetition and a splice end the job's
/// stream with a typed failure. What was delivered and not called committed it keeps (`HeldTail`), and shows it to a
/// leader that asks for it.
public struct FollowedJob: Sendable {
  /// Where the job is, for its reader.
  public enum State: Hashable, Sendable {
    /// Not acknowledged yet.
    case submitting(Submit)
    /// Acknowledged, nothing delivered yet.
    case waiting(Position)
    /// Some events delivered.
    case streaming(Position)
    /// The job has settled and everything was delivered.
    case ended(Ended)
    /// It will not get an end here.
    case failed(ClientFailure)
  }

  /// How much of a job's stream has been delivered.
  public struct Position: Hashable, Sendable {
    /// The job.
    public let job: JobID
    /// The entry that created it; 0 if unknown.
    public let commitIndex: LogIndex
    /// The next event to deliver.
    public fileprivate(set) var nextSeq: UInt64
    /// The chain hash before it; nil where the reader began in the middle and nothing has come yet.
    public fileprivate(set) var hash: ChainHash?
    /// Whether the reader's going away counts as the client's (an attached job).
    public let attach: Bool
    /// Whether only what is committed is to be delivered.
    public let isDurable: Bool
  }

  /// What the owner of the machine does next.
  public enum Action: Hashable, Sendable {
    /// Nothing: the reader needs not know.
    case nothing
    /// The job is committed.
    case accepted(Accepted)
    /// Nothing to deliver yet, and why.
    case waiting(Waiting)
    /// These events come next; those after `durableThrough` are not committed yet.
    case deliver([Event], durableThrough: UInt64)
    /// Send these on the stream: the leader lacks what was delivered last.
    case show([Message])
    /// Everything was delivered; the stream is over.
    case end(Ended)
    /// Close the stream, wait, open another one elsewhere, and send `opening` on it.
    case reopen(after: UInt64, cause: String)
    /// Close the stream; there is no end to come.
    case fail(ClientFailure)
  }

  /// Where it is.
  public private(set) var state: State
  /// The cluster, whose id is in the chain hash.
  private let cluster: ClusterID
  private let patience: UInt64
  /// Whether the caller can submit again by itself.
  private let callerRetries: Bool
  private var backoff: Backoff
  /// Since when nothing has worked, in monotonic milliseconds; nil while a stream is in order.
  private var troubleSince: UInt64?
  private var cancelRequested = false
  /// Whether an earlier submit may have made the job, or may yet.
  private var isInDoubt = false
  /// What was delivered and may not be committed.
  ///
  /// Apart from the state: whoever looks at that takes a copy of what lies with it.
  private var tail = HeldTail()

  /// Submits a job and follows it.
  ///
  /// - Parameters:
  ///   - submit: what to ask for, with `follow` set.
  ///   - cluster: the id that the coordinators' Welcome named.
  ///   - patience: how long to go on without any coordinator answering, in milliseconds.
  ///   - callerRetries: whether the caller can submit again by itself, and is told at once what is full.
  ///   - backoff: the waits between tries.
  /// - Precondition: `submit.follow`.
  public init(
    submitting submit: Submit, cluster: ClusterID, patience: UInt64, callerRetries: Bool = false,
    backoff: Backoff = Backoff()
  ) {
    precondition(submit.follow, "a submit that is followed says so")
    state = .submitting(submit)
    self.cluster = cluster
    self.patience = patience
    self.callerRetries = callerRetries
    self.backoff = backoff
  }

  /// Follows a job that exists.
  ///
  /// - Parameters:
  ///   - job: which one.
  ///   - fromSeq: the first event wanted, at least 1.
  ///   - hash: the chain hash before that event, if it is known; from 1 on it always is.
  ///   - commitIndex: the entry that created the job; 0 if unknown.
  ///   - attach: whether this reader takes an attached job over.
  ///   - isDurable: whether only what is committed is to be delivered.
  ///   - cluster: the id that the coordinators' Welcome named.
  ///   - patience: how long to go on without any coordinator answering, in milliseconds.
  ///   - backoff: the waits between tries.
  /// - Precondition: `fromSeq` ≥ 1.
  public init(
    following job: JobID, fromSeq: UInt64 = 1, hash: ChainHash? = nil,
    commitIndex: LogIndex = LogIndex(0), attach: Bool = false, isDurable: Bool = false,
    cluster: ClusterID, patience: UInt64, backoff: Backoff = Backoff()
  ) {
    precondition(fromSeq >= 1)
    let known = fromSeq == 1 ? ChainHash(cluster: cluster, job: job) : hash
    state = .waiting(
      Position(
        job: job, commitIndex: commitIndex, nextSeq: fromSeq, hash: known, attach: attach,
        isDurable: isDurable))
    self.cluster = cluster
    self.patience = patience
    callerRetries = false
    self.backoff = backoff
  }

  /// The messages that open a stream now; empty once it is over.
  public var opening: [Message] {
    switch state {
    case .submitting(let submit): [.submit(submit)]
    case .waiting(let position), .streaming(let position):
      [
        .follow(
          Follow(
            job: position.job, fromSeq: position.nextSeq, hash: position.hash?.bytes,
            commitIndex: position.commitIndex, attach: position.attach,
            tail: tail.claim, durable: position.isDurable ? true : nil))
      ] + (cancelRequested ? [.cancel(Cancel(job: position.job))] : [])
    case .ended, .failed: []
    }
  }

  /// The job, once it is known.
  public var job: JobID? {
    switch state {
    case .waiting(let position), .streaming(let position): position.job
    case .ended(let ended): ended.summary.job
    case .submitting, .failed: nil
    }
  }

  /// The reader wants the job to end.
  ///
  /// Answers what to send on the stream that is open, if there is one;
  /// before Accepted there is nothing to name, and the Cancel follows it.
  public mutating func cancel() -> Message? {
    guard !cancelRequested else { return nil }
    cancelRequested = true
    return cancelMessage
  }

  /// What a Cancel that was asked for before Accepted sends after it.
  public var cancelMessage: Message? {
    switch state {
    case .waiting(let position), .streaming(let position):
      cancelRequested ? .cancel(Cancel(job: position.job)) : nil
    case .submitting, .ended, .failed: nil
    }
  }

  /// A message arrived on the stream that was opened with `opening`.
  public mutating func received(_ message: Message, now: UInt64, random: UInt64) -> Action {
    if isOver { return .nothing }
    switch message {
    case .failure(let failure):
      return tryEnded(.failure(failure), now: now, random: random)
    case .accepted(let accepted):
      guard case .submitting(let submit) = state else { break }
      progressed()
      isInDoubt = false
      state = .waiting(
        Position(
          job: accepted.job, commitIndex: accepted.commitIndex, nextSeq: 1,
          hash: ChainHash(cluster: cluster, job: accepted.job),
          attach: submit.mode == .attached, isDurable: submit.durable ?? false))
      return .accepted(accepted)
    case .waiting(let waiting):
      guard position != nil else { break }
      progressed()
      return .waiting(waiting)
    case .events(let events):
      guard let position else { break }
      return take(events, at: position)
    case .tailQuery(let query):
      guard let position else { break }
      return show(query, at: position)
    case .ended(let ended):
      guard let position else { break }
      return finish(ended, at: position)
    default: break
    }
    return violation("\(message.content.name) may not stand here in a job's stream")
  }

  private var isOver: Bool {
    switch state {
    case .ended, .failed: true
    case .submitting, .waiting, .streaming: false
    }
  }

  /// How much has been delivered, while the job is acknowledged and not over.
  private var position: Position? {
    switch state {
    case .waiting(let position), .streaming(let position): position
    case .submitting, .ended, .failed: nil
    }
  }

  /// The stream ended; nothing more arrives on it.
  public mutating func broke(_ cause: String, now: UInt64, random: UInt64) -> Action {
    tryEnded(.broke(cause), now: now, random: random)
  }

  /// No stream could be opened, and why.
  public mutating func unopened(_ end: TryEnd, now: UInt64, random: UInt64) -> Action {
    tryEnded(end, now: now, random: random)
  }

  // MARK: Parts

  private mutating func take(_ message: Events, at position: Position) -> Action {
    guard message.job == position.job else {
      return violation("events of job \(message.job) in the stream of job \(position.job)")
    }
    guard let claimed = ChainHash(bytes: message.hash), !message.events.isEmpty else {
      return violation("a message without events")
    }
    var expected = position.nextSeq
    for event in message.events {
      guard event.seq == expected else {
        return violation("event \(event.seq) arrived where \(expected) comes next")
      }
      expected += 1
    }
    if let before = position.hash, before.appending(message.events) != claimed {
      return violation(
        "events \(position.nextSeq) to \(expected - 1) do not continue what was delivered")
    }
    var moved = position
    moved.nextSeq = expected
    moved.hash = claimed
    tail.take(message)
    state = .streaming(moved)
    progressed()
    return .deliver(message.events, durableThrough: message.durableThrough)
  }

  private mutating func show(_ query: TailQuery, at position: Position) -> Action {
    guard query.job == position.job,
      let messages = tail.messages(of: query.job, from: query.fromSeq)
    else {
      return violation("asked for event \(query.fromSeq) of a tail that does not have it")
    }
    progressed()
    return .show(messages)
  }

  private mutating func finish(_ ended: Ended, at position: Position) -> Action {
    guard ended.summary.job == position.job else {
      return violation("the end of job \(ended.summary.job) in the stream of job \(position.job)")
    }
    guard ended.lastSeq + 1 == position.nextSeq else {
      return violation(
        "the record ends at \(ended.lastSeq), but \(position.nextSeq - 1) events were delivered")
    }
    if let hash = position.hash, hash.bytes != ended.hash {
      return violation("the record that the end names is not what was delivered")
    }
    state = .ended(ended)
    return .end(ended)
  }

  private mutating func tryEnded(_ end: TryEnd, now: UInt64, random: UInt64) -> Action {
    let isSubmitting: Bool
    switch state {
    case .ended, .failed: return .nothing
    case .submitting: isSubmitting = true
    case .waiting, .streaming: isSubmitting = false
    }
    // Of a job that there is nobody is told that it has no room.
    let mayExist = isInDoubt || !isSubmitting
    if let refusal = end.refusal(
      patience: patience, isInDoubt: mayExist, callerRetries: callerRetries)
    {
      return fail(.refused(refusal))
    }
    if isSubmitting, end.leavesDoubt { isInDoubt = true }
    let wait = backoff.next(random: random, floor: end.retryAfter)
    let since = troubleSince ?? now
    troubleSince = since
    guard now + wait - since <= patience else {
      return fail(end.exhaustion(waited: now - since, isInDoubt: mayExist))
    }
    return .reopen(after: wait, cause: end.cause)
  }

  private mutating func progressed() {
    troubleSince = nil
    backoff.reset()
  }

  private mutating func violation(_ what: String) -> Action { fail(.violated(what)) }

  private mutating func fail(_ failure: ClientFailure) -> Action {
    state = .failed(failure)
    return .fail(failure)
  }
}

extension WireMessage {
  /// The message's name in the registry.
  fileprivate var name: String { Self.kind.name }
}
