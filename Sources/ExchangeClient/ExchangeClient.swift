internal import DequeModule
public import JobDispatch
public import NIOCore
public import Transport
public import WireProtocol

/// A client of a cluster: asks, submits and follows, through whatever coordinators come and go.
///
/// Safe to use from any task. One client holds its connections open until `close`.
public final class ExchangeClient: Sendable {
  private let loopClient: NIOLoopBound<LoopClient>
  /// The loop that its connections live on.
  public let eventLoop: any EventLoop

  /// Makes a client on a loop of `group`; it connects when it is first asked for something.
  ///
  /// Coordinators that it refuses, or that refuse it, are counted and logged in `refusals`.
  public init(
    configuration: ClientConfiguration, on group: any EventLoopGroup,
    refusals: RefusalLog = RefusalLog(label: "Transport")
  ) async {
    let eventLoop = group.next()
    self.eventLoop = eventLoop
    loopClient = await withCheckedContinuation { continuation in
      eventLoop.execute {
        let client = LoopClient(
          configuration: configuration, on: eventLoop, refusals: refusals)
        continuation.resume(returning: NIOLoopBound(client, eventLoop: eventLoop))
      }
    }
  }

  /// Runs `body` on the client's loop, with the client that has callbacks.
  public func onLoop(_ body: @escaping @Sendable (LoopClient) -> Void) {
    eventLoop.execute { [loopClient] in body(loopClient.value) }
  }

  /// Asks, and answers with the message that came back.
  ///
  /// - Throws: why there is no answer; a refusal carries what the coordinator said.
  public func call(
    _ message: any WireMessage, service: Service = .call
  ) async throws(ClientFailure) -> Message {
    let result = await withCheckedContinuation { continuation in
      onLoop { client in
        client.call(message, service: service) { continuation.resume(returning: $0) }
      }
    }
    return try result.get()
  }

  /// Submits a job and follows it to its end.
  ///
  /// - Precondition: `submit.follow`.
  public func run(_ submit: Submit) async -> JobUpdates { await follow(.submit(submit)) }

  /// Follows a job.
  public func follow(_ order: FollowOrder) async -> JobUpdates {
    await withCheckedContinuation { continuation in
      eventLoop.execute { [loopClient] in
        let reader = BufferedReader(on: loopClient.value.eventLoop)
        reader.follow(loopClient.value.follow(order, reader: reader))
        continuation.resume(
          returning: JobUpdates(NIOLoopBound(reader, eventLoop: loopClient.value.eventLoop)))
      }
    }
  }

  /// Closes all connections; what is under way fails as unavailable.
  public func close() async {
    await withCheckedContinuation { continuation in
      onLoop { client in
        client.close()
        continuation.resume()
      }
    }
  }
}

/// A followed job's updates, in order; ends after `.ended`, or throws why it cannot go on.
///
/// A consumer that is slow makes the leader slow: at most a few messages wait here. For one consumer. When the
/// sequence and its iterator are gone, as after a `break`, the job loses its reader: an attached one is cancelled.
public struct JobUpdates: AsyncSequence, Sendable {
  /// What comes out.
  public typealias Element = JobUpdate
  /// Why it may stop early.
  public typealias Failure = ClientFailure
  private let reader: NIOLoopBound<BufferedReader>

  init(_ reader: NIOLoopBound<BufferedReader>) { self.reader = reader }

  /// Asks for the job's end; the sequence goes on until it has settled.
  public func cancel() {
    reader.eventLoop.execute { [reader] in reader.value.cancel() }
  }

  /// Starts taking updates.
  public func makeAsyncIterator() -> Iterator { Iterator(reader: reader) }

  /// Takes updates one after another.
  public struct Iterator: AsyncIteratorProtocol {
    let reader: NIOLoopBound<BufferedReader>

    /// The next update; nil after the last one, or when the task was cancelled.
    public mutating func next(
      isolation actor: isolated (any Actor)?
    ) async throws(ClientFailure) -> JobUpdate? {
      let reader = reader
      let result: Result<JobUpdate?, ClientFailure> = await withTaskCancellationHandler {
        await withCheckedContinuation { continuation in
          reader.eventLoop.execute { reader.value.take(continuation) }
        }
      } onCancel: {
        reader.eventLoop.execute { reader.value.leave() }
      }
      return try result.get()
    }
  }
}

/// Holds a few updates between a stream and the task that consumes them.
///
/// Confined to the loop.
///
/// Invariant: someone waits only while nothing is buffered.
final class BufferedReader: JobReading {
  /// Reading pauses at this many updates.
  private static let updatesMax = 16
  /// Reading resumes at this many.
  private static let updatesResume = 4

  private let eventLoop: any EventLoop
  private var bound: NIOLoopBound<FollowingJob>?
  private var buffer: Deque<JobUpdate> = []
  private var failure: ClientFailure?
  private var isOver = false
  private var isPaused = false
  private var waiter: CheckedContinuation<Result<JobUpdate?, ClientFailure>, Never>?

  init(on eventLoop: any EventLoop) { self.eventLoop = eventLoop }

  // The consumer went away without taking the end; this may be on any thread, with nobody left to disturb.
  deinit {
    guard !isOver, let bound else { return }
    bound.eventLoop.execute { bound.value.leave() }
  }

  private var following: FollowingJob? { bound?.value }

  /// Says whose updates these are; call once, on the loop.
  func follow(_ job: FollowingJob) { bound = NIOLoopBound(job, eventLoop: eventLoop) }

  /// Asks for the job's end.
  func cancel() { following?.cancel() }

  func take(_ continuation: CheckedContinuation<Result<JobUpdate?, ClientFailure>, Never>) {
    precondition(waiter == nil, "a job's updates have one consumer")
    if let update = buffer.popFirst() {
      if isPaused, buffer.count <= Self.updatesResume {
        isPaused = false
        following?.setReading(true)
      }
      continuation.resume(returning: .success(update))
    } else if let failure {
      self.failure = nil
      continuation.resume(returning: .failure(failure))
    } else if isOver {
      continuation.resume(returning: .success(nil))
    } else {
      waiter = continuation
    }
  }

  func received(_ update: JobUpdate) {
    if case .ended = update { isOver = true }
    if let waiter {
      self.waiter = nil
      waiter.resume(returning: .success(update))
      return
    }
    buffer.append(update)
    if buffer.count >= Self.updatesMax, !isPaused {
      isPaused = true
      following?.setReading(false)
    }
  }

  func failed(_ failure: ClientFailure) {
    isOver = true
    if let waiter {
      self.waiter = nil
      waiter.resume(returning: .failure(failure))
    } else {
      self.failure = failure
    }
  }

  /// The consumer is gone.
  func leave() {
    guard !isOver else { return }
    isOver = true
    buffer = []
    following?.leave()
    waiter?.resume(returning: .success(nil))
    waiter = nil
  }
}
