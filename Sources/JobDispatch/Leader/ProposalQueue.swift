public import Consensus
public import ExchangeCore
public import ExchangeTypes

/// How one proposed command ended.
public enum CommandResult: Sendable {
  /// Applied at `index`, with this outcome; or refused by what has been applied through `index` without being proposed, since
  /// it came with a later state version.
  case applied(Outcome, index: LogIndex)
  /// It never entered the log.
  case refused(ProposalRefusal)
  /// Leadership was lost while it was in the log: it may or may not be applied later.
  case unknown
  /// A field is beyond its bound: it fits in no entry.
  case invalid
}

/// Collects commands into batches, stamps them with log time and submits them: group commit.
///
/// While a write is in flight, commands wait here and share the next one, so that the batch grows with
/// the load and an idle leader answers at once. Bounded: what does not fit is refused, not queued.
public final class ProposalQueue {
  /// More waiting commands than this are refused: a tenth of a second's work of a fast leader.
  public static let commandsMax = 16_384
  /// More waiting bytes than this are refused.
  public static let bytesMax = 16 << 20
  /// From here on the queue does not wait for the write in flight: followers can replicate meanwhile.
  ///
  /// Some sixty small submits: enough that an entry's own cost is shared, and few enough that the disks of
  /// the followers do not stand still while the leader's works.
  static let flushBytes = 32 << 10

  private struct Waiting {
    let command: Command
    let completion: (CommandResult) -> Void
  }

  private let replica: Replica
  private let clock: any MonotonicClock
  private let wantsFlush: () -> Void
  private var waiting: [Waiting] = []
  private var waitingBytes = 0
  private var lastStamp = LogTime(milliseconds: 0)
  private var lastStampAt: UInt64 = 0
  private var flushIsWanted = false
  /// Commands wait while leadership is being handed over: the engine takes none, and who is told so at once would
  /// ask again before there is another leader.
  var isHeld = false

  /// A queue in front of `replica`.
  ///
  /// - Parameters:
  ///   - replica: what the batches are submitted to.
  ///   - clock: the leader's monotonic clock, from which log time advances.
  ///   - wantsFlush: called once when commands wait; the owner calls `flush` at the end of the turn.
  public init(
    replica: Replica, clock: any MonotonicClock, wantsFlush: @escaping () -> Void
  ) {
    self.replica = replica
    self.clock = clock
    self.wantsFlush = wantsFlush
  }

  /// Log time goes on from where the state machine stands: call when leadership begins.
  public func leadershipBegan() {
    lastStamp = replica.exchange.logTime
    lastStampAt = clock.now
  }

  /// The log time that a command submitted now would carry.
  public var now: LogTime {
    lastStamp.advanced(milliseconds: clock.now - lastStampAt)
  }

  /// Ends what waits: leadership is over, and what was decided under it must not enter a later term's
  /// log.
  public func leadershipEnded() {
    let taken = waiting
    waiting = []
    waitingBytes = 0
    for waiting in taken {
      waiting.completion(.refused(.notLeader(leader: replica.knownLeader)))
    }
  }

  /// Queues a command; `completion` is called exactly once, never from within this call unless the
  /// command is refused.
  public func propose(_ command: Command, _ completion: @escaping (CommandResult) -> Void) {
    if let premature = refusal(of: [command]) { return completion(premature) }
    guard hasRoom(for: 1, bytes: command.bulkBytes) else {
      return completion(.refused(.overloaded))
    }
    enqueue(command, completion)
  }

  /// Queues commands that make sense only together: all of them, or none is.
  ///
  /// - Parameters:
  ///   - commands: at least one, in the order in which they are to be applied.
  ///   - completion: called exactly once, with the end of the last command.
  public func propose(
    inOrder commands: [Command], _ completion: @escaping (CommandResult) -> Void
  ) {
    precondition(!commands.isEmpty)
    if let premature = refusal(of: commands) { return completion(premature) }
    guard hasRoom(for: commands.count, bytes: commands.reduce(0) { $0 + $1.bulkBytes }) else {
      return completion(.refused(.overloaded))
    }
    for place in commands.indices {
      enqueue(commands[place], place == commands.indices.last ? completion : { _ in })
    }
  }

  /// How commands end that voters of older programs could not read; nil if all can be.
  private func refusal(of commands: [Command]) -> CommandResult? {
    for command in commands {
      if let rejection = replica.exchange.prematurity(of: command) {
        return .applied(.rejected(rejection), index: replica.applied)
      }
    }
    return nil
  }

  private func hasRoom(for count: Int, bytes: Int) -> Bool {
    waiting.count + count <= Self.commandsMax && waitingBytes + bytes <= Self.bytesMax
  }

  private func enqueue(_ command: Command, _ completion: @escaping (CommandResult) -> Void) {
    waiting.append(Waiting(command: command, completion: completion))
    waitingBytes += command.bulkBytes
    if !flushIsWanted {
      flushIsWanted = true
      wantsFlush()
    }
  }

  /// Submits what waits, unless a write is in flight that it had better wait for.
  ///
  /// Call at the end of each turn and whenever a write has ended.
  public func flush() {
    flushIsWanted = false
    guard !waiting.isEmpty, !isHeld, !replica.isWriting || waitingBytes >= Self.flushBytes else {
      return
    }
    let taken = waiting
    waiting = []
    waitingBytes = 0

    let now = clock.now
    let time = lastStamp.advanced(milliseconds: now - lastStampAt)
    lastStamp = time
    lastStampAt = now

    var payloads: [(bytes: [UInt8], completion: (ProposalResult) -> Void)] = []
    var builder = CommandBatch.Builder(time: time)
    var part: [(CommandResult) -> Void] = []
    func close() {
      guard !part.isEmpty else { return }
      let closed = part
      payloads.append((builder.payload, { Self.complete(closed, $0) }))
      builder = CommandBatch.Builder(time: time)
      part = []
    }
    for waiting in taken {
      var verdict = builder.append(waiting.command)
      if verdict == .full {
        close()
        verdict = builder.append(waiting.command)
      }
      switch verdict {
      case .taken: part.append(waiting.completion)
      case .invalid: waiting.completion(.invalid)
      case .full: preconditionFailure("an empty batch is full")
      }
    }
    close()
    replica.submit(payloads, now: now)
  }

  private static func complete(
    _ completions: [(CommandResult) -> Void], _ result: ProposalResult
  ) {
    switch result {
    case .applied(let outcomes, let index):
      precondition(outcomes.count == completions.count, "one outcome a command")
      for (completion, outcome) in zip(completions, outcomes) {
        completion(.applied(outcome, index: index))
      }
    case .refused(let refusal):
      for completion in completions { completion(.refused(refusal)) }
    case .unknown:
      for completion in completions { completion(.unknown) }
    }
  }
}

extension Command {
  /// About how many bytes it takes: the fields that can be large, and an allowance for the rest.
  fileprivate var bulkBytes: Int {
    let allowance = 256
    switch self {
    case .payloadPart(let part): return allowance + part.bytes.count
    case .submit(let submit): return allowance + submit.inlineBytes
    case .submitAssigned(let command): return allowance + command.submit.inlineBytes
    case .submitRetained(let command): return allowance + command.submit.inlineBytes
    case .submitOnTerms(let command): return allowance + command.submit.inlineBytes
    case .submitInClass(let command): return allowance + command.order.submit.inlineBytes
    case .checkpoint(let checkpoint):
      return checkpoint.entries.reduce(allowance) { $0 + $1.events.sealed.count }
    case .settle(let settle): return allowance + (settle.tail?.sealed.count ?? 0)
    case .settleCached(let command):
      return allowance + (command.settle.tail?.sealed.count ?? 0)
    case .settleSigned(let command):
      return 2 * allowance + (command.settle.settle.tail?.sealed.count ?? 0)
    case .settleReasoned(let command):
      return 2 * allowance + (command.settle.settle.tail?.sealed.count ?? 0)
    case .purge(let purge): return allowance + purge.jobs.count * 8
    case .cancelMany(let cancel): return allowance + cancel.jobs.count * 8
    case .keysUsed(let used): return allowance + used.keys.count * 8
    case .workerRegister(let worker): return allowance * (1 + worker.offers.count)
    case .delegationAdmit(let command): return allowance * (1 + command.models.count)
    case .bootstrap, .pulse, .raiseStateVersion, .accountCreate, .accountCredit, .accountClose,
      .accountWeigh, .accountOwnerSet, .keyCreate, .keyRevoke, .keyIssue, .keyRotate, .keyLimit,
      .keyIssueLimited, .keyIssueBudgeted, .budgetCreate, .budgetSet, .transfer, .transferReverse,
      .feeSet, .askSet, .assign, .attemptLost, .attemptPreempted, .goesOnFromIDs, .cancel, .orphan,
      .adopt, .workerGone, .invite, .join, .renewCertificate, .revokeCertificate,
      .wrappingKeyAnnounce, .retentionSet, .delegationKeySet, .delegationRevoke:
      return allowance
    }
  }
}

extension Command.Submit {
  fileprivate var inlineBytes: Int {
    if case .inline(let bytes) = payload { bytes.count } else { 0 }
  }
}
