internal import ExchangeClient
internal import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import NIOCore
internal import WireProtocol

/// What a load has measured.
struct LoadReport: Sendable {
  var count = 0
  var failures = 0
  var seconds: Double = 0
  var lastFailure: String?
  /// Microseconds of each committed submit, ascending.
  var latencies: [UInt32] = []
  /// The longest time between two answers to submits, whoever made them, in milliseconds.
  var gapMax: Double = 0

  var rate: Double { seconds > 0 ? (Double(count) / seconds).rounded() : 0 }

  /// Milliseconds within which `share` of the submits were answered.
  func percentile(_ share: Double) -> Double {
    guard !latencies.isEmpty else { return 0 }
    let place = min(latencies.count - 1, Int(Double(latencies.count) * share))
    return Double(latencies[place] / 10) / 100
  }
}

/// Clients that submit jobs, each one at a time, and clear up behind themselves.
///
/// Confined to a loop.
///
/// ```
/// submit ─► Accepted ─► submit ─► …            (one chain for each client)
///    every 16th: CancelMany ─► Purge           (beside the chain, at most one each)
/// ```
/// When the time is over each client cancels and purges what it has left, and the last to do so ends it.
final class SubmitLoad {
  private static let batch = 16

  private final class Client {
    /// Nil for the client's own.
    let key: String?
    let lane: Int
    var jobs: [JobID] = []
    var isClearing = false
    /// Its time was over while it cleared up.
    var isLeaving = false
    /// After how many jobs it clears up the first time.
    ///
    /// Clients keep step, since one commit answers many of them: without this they would all clear
    /// up at once, and that would be measured.
    var clearsAt: Int
    init(key: String?, lane: Int) {
      self.key = key
      self.lane = lane
      clearsAt = 1 + lane % SubmitLoad.batch
    }
  }

  private let client: LoopClient
  private let model: String
  private let body: [UInt8]
  private let milliseconds: UInt64
  private let done: (LoadReport) -> Void
  private var report = LoadReport()
  private var began = NIODeadline.now()
  private var ends = NIODeadline.now()
  private var lastAnswer = NIODeadline.now()
  private var open = 0
  private let generator = SystemRandomBlocks()

  init(
    client: LoopClient, model: String, body: [UInt8], milliseconds: UInt64,
    done: @escaping (LoadReport) -> Void
  ) {
    self.client = client
    self.model = model
    self.body = body
    self.milliseconds = milliseconds
    self.done = done
  }

  /// Connects, then measures: the first request of each client opens its way and is not counted.
  func begin(_ keys: [String?]) {
    let clients = keys.enumerated().map { Client(key: $1, lane: $0) }
    open = clients.count
    for one in clients {
      client.call(JobList(after: JobID(0), limit: 1), lane: one.lane, key: one.key) { [self] _ in
        open -= 1
        if open == 0 { measure(clients) }
      }
    }
  }

  private func measure(_ clients: [Client]) {
    began = .now()
    lastAnswer = began
    ends = began + .milliseconds(Int64(milliseconds))
    open = clients.count
    for one in clients { submit(one) }
  }

  private func submit(_ one: Client) {
    let start = NIODeadline.now()
    guard start < ends else { return leave(one) }
    let message = Submit(
      requestKey: RequestKey(high: generator.next(), low: generator.next()), mode: .submitted,
      endpoint: .chatCompletions, model: model, body: body, maxInputPrice: nil,
      maxOutputPrice: nil, queueTimeoutMs: 0, follow: false, retentionMs: nil, durable: nil)
    client.call(message, lane: one.lane, key: one.key) { [self] result in
      switch result {
      case .success(.accepted(let accepted)):
        let now = NIODeadline.now()
        // What is answered after the end was not committed within it.
        if now <= ends {
          report.count += 1
          noteGap(until: now)
          report.latencies.append(UInt32(clamping: (now - start).nanoseconds / 1_000))
        }
        one.jobs.append(accepted.job)
        if one.jobs.count >= one.clearsAt, !one.isClearing {
          one.clearsAt = Self.batch
          clear(one) { if one.isLeaving { self.leave(one) } }
        }
      case .success(let other): note("answered with \(other)")
      case .failure(let failure):
        note(CommandError(failure).message)
        // What fails unasked does so within the call: the next one is a turn's own.
        return client.eventLoop.assumeIsolated().execute { self.submit(one) }
      }
      submit(one)
    }
  }

  /// Cancels and purges what a client has made.
  private func clear(_ one: Client, then: @escaping () -> Void) {
    let jobs = Array(one.jobs.prefix(1_024))
    one.jobs.removeFirst(jobs.count)
    one.isClearing = true
    client.call(CancelMany(jobs: jobs), lane: one.lane, key: one.key) { [self] result in
      if case .failure(let failure) = result { note(CommandError(failure).message) }
      client.call(Purge(jobs: jobs), lane: one.lane, key: one.key) { [self] result in
        if case .failure(let failure) = result { note(CommandError(failure).message) }
        one.isClearing = false
        then()
      }
    }
  }

  private func leave(_ one: Client) {
    guard !one.isClearing else { return one.isLeaving = true }
    guard one.jobs.isEmpty else { return clear(one) { self.leave(one) } }
    open -= 1
    guard open == 0 else { return }
    report.seconds = Double(milliseconds) / 1_000
    if lastAnswer < ends { noteGap(until: ends) }
    report.latencies.sort()
    done(report)
  }

  private func noteGap(until now: NIODeadline) {
    report.gapMax = max(report.gapMax, Double((now - lastAnswer).nanoseconds / 10_000) / 100)
    lastAnswer = now
  }

  private func note(_ failure: String) {
    report.failures += 1
    report.lastFailure = failure
  }
}
