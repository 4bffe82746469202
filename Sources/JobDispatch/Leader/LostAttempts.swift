internal import ExchangeTypes

/// The attempts that this leader has seen lost: those of open jobs, and of the jobs that ended last.
///
/// Volatile: where a job was tried before another leader's term, only the number of its last attempt tells.
struct LostAttempts {
  /// How many ended jobs are remembered: enough for whoever asks at once why one ended so.
  static let endedMax = 1_024
  /// The most attempts that are remembered of one job; its last ones are.
  static let perJobMax = 31

  /// One attempt that was taken from its worker.
  struct Loss: Hashable, Sendable {
    let epoch: Epoch
    let worker: WorkerID
    /// Nil if nothing went wrong: its slot was given to another job.
    let reason: ErrorCode?

    fileprivate var isFault: Bool {
      switch reason {
      case nil, .engineBusy: false
      default: true
      }
    }
  }

  private var losses: [JobID: [Loss]] = [:]
  /// The largest context that was too small for each open job of which an engine said so.
  private(set) var outgrown: [JobID: TokenCount] = [:]
  /// Ended jobs that had one, in a ring.
  private var ended: [JobID] = []
  private var oldest = 0

  /// An attempt is lost; told again, it is the same loss.
  mutating func note(_ attempt: AttemptID, of worker: WorkerID, _ reason: ErrorCode) {
    add(attempt, of: worker, reason)
  }

  /// An attempt's slot was given to another job.
  mutating func noteGivenWay(_ attempt: AttemptID, of worker: WorkerID) {
    add(attempt, of: worker, nil)
  }

  /// An engine says that a job is too long for a context of so many tokens.
  mutating func noteOutgrown(_ job: JobID, _ context: TokenCount) {
    outgrown[job] = max(outgrown[job] ?? .zero, context)
  }

  private mutating func add(_ attempt: AttemptID, of worker: WorkerID, _ reason: ErrorCode?) {
    guard losses[attempt.job]?.last?.epoch != attempt.epoch else { return }
    let loss = Loss(epoch: attempt.epoch, worker: worker, reason: reason)
    losses[attempt.job, default: []].append(loss)
    if losses[attempt.job, default: []].count > Self.perJobMax {
      losses[attempt.job]?.removeFirst()
    }
  }

  /// A job has ended: it is remembered until enough others have.
  mutating func jobEnded(_ job: JobID) {
    outgrown[job] = nil
    guard losses[job] != nil else { return }
    guard ended.count == Self.endedMax else { return ended.append(job) }
    losses[ended[oldest]] = nil
    ended[oldest] = job
    oldest = (oldest + 1) % Self.endedMax
  }

  /// A job's losses, in their order.
  subscript(job: JobID) -> [Loss] { losses[job] ?? [] }

  /// The workers that a job was lost at by a fault: a slot that was given away is none, nor an engine that was full.
  func workers(of job: JobID) -> Set<WorkerID> {
    losses[job].map { Set($0.lazy.filter(\.isFault).map(\.worker)) } ?? []
  }
}
