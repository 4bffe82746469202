public import ExchangeTypes
public import WireProtocol

/// What the worker's machine asks of the process around it: runs of the engine, a timer, jitter, a log.
///
/// None of these may call the machine back before they return.
public protocol WorkerHost: AnyObject {
  /// Starts a run. The host reports its output with `runHasOutput` or `runProduced`, and its end, once, with `runEnded`; what
  /// has not been taken then it reports before.
  func startRun(_ run: EngineRunID, _ order: EngineOrder)

  /// Takes what a run has made and not reported with `runProduced`; of a run that it does not know, nothing.
  func takeOutput(of run: EngineRunID) -> [GeneratedEvent]

  /// Stops a run: what it still produces is ignored, and its end must still be reported, since only
  /// then the engine's slot is free.
  func cancelRun(_ run: EngineRunID)

  /// Asks the engine at once how it is, and again soon while it does not answer: a run could not reach it.
  func probeEngine()

  /// Stops (or resumes) taking output from a run; the engine must feel it as a reader that waits.
  func setReading(_ run: EngineRunID, _ isReading: Bool)

  /// Calls `timerFired` at `moment` of the machine's clock, or as soon as possible if that has passed.
  /// Replaces the moment asked for before.
  func wake(at moment: UInt64)

  /// A number below `bound`, for jitter: no two workers should draw alike.
  func random(below bound: UInt64) -> UInt64

  /// Signs the bytes of a `WorkerStatement` with the key of the worker's certificate; nil without one.
  func signature(under statement: [UInt8]) -> [UInt8]?

  /// Something happened that people may want to read about.
  func note(_ note: WorkerNote)

  /// The machine has left: nothing runs, nothing is retained, no stream is open. Called once.
  func left()
}

/// A link to one coordinator, past its handshake.
public protocol WorkerLink: AnyObject {
  /// The coordinator at the other end.
  var node: ReplicaID { get }
  /// Whether the coordinator understands `HostReport`.
  var takesHostReports: Bool { get }

  /// Whether the coordinator knows the endpoint of embeddings.
  var takesEmbeddings: Bool { get }

  /// Opens a stream of a service. A link that cannot gives a channel that ends at once, but never
  /// before this has returned.
  func openStream(
    _ service: Service, owner: any MessageChannelOwner
  ) -> any MessageChannel
}

extension WorkerLink {
  /// One that nothing was agreed on with does not.
  public var takesHostReports: Bool { false }
  /// One that nothing was agreed on with does not.
  public var takesEmbeddings: Bool { false }
}
