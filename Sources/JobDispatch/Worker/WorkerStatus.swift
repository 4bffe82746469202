public import ExchangeTypes
public import WireProtocol

/// What a worker is doing, for `yard worker status`.
public struct WorkerStatus: Hashable, Sendable {
  /// Its id, while it is registered.
  public let worker: WorkerID?
  /// The leader, as far as it knows.
  public let leader: ReplicaID?
  /// The highest term it has seen.
  public let term: Term
  /// Links that are up.
  public let links: Int
  /// The engine answered its last probe.
  public let engineIsHealthy: Bool
  /// For how many milliseconds more it is left alone, since it had no room; nil while it has, as far as its refusals say.
  public let engineFullFor: UInt64?
  /// It takes no new attempts.
  public let isDraining: Bool
  /// Attempts that it runs at a time.
  public let slots: Int
  /// The attempts that it keeps, in the order of its slots.
  public let attempts: [Attempt]
  /// The GPUs of its host.
  public let gpus: [GPUFacts]

  /// An attempt that is kept.
  public struct Attempt: Hashable, Sendable {
    /// Which.
    public let id: AttemptID
    /// Its output has ended.
    public let isFinished: Bool
    /// A leader follows it.
    public let isFollowed: Bool
  }
}

extension WorkerMachine {
  /// What the worker is doing now.
  public var status: WorkerStatus {
    var worker: WorkerID?
    if case .registered(_, let membership) = registration { worker = membership.worker }
    return WorkerStatus(
      worker: worker, leader: leader?.node, term: termObeyed, links: links.count,
      engineIsHealthy: engineIsHealthy,
      engineFullFor: room.fullUntil.map { $0 - min($0, clock.now) }, isDraining: isDraining,
      slots: slotCount,
      attempts: slots.compactMap { slot in
        guard let runner = slot.state.runner else { return nil }
        var isFollowed = false
        if case .attached = slot.state { isFollowed = true }
        return .init(id: runner.attempt, isFinished: runner.isFinished, isFollowed: isFollowed)
      }, gpus: gpus)
  }
}
