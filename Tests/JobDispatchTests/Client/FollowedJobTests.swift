import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

/// A job's record as a leader would send it, to be cut into messages at will.
struct Record {
  static let cluster = ClusterID(7)
  let job: JobID
  let events: [Event]
  let hashes: [ChainHash]

  init(job: JobID = JobID(9), texts: [String] = ["a", "b", "c", "d", "e", "f"]) {
    self.job = job
    var hash = ChainHash(cluster: Self.cluster, job: job)
    var events: [Event] = []
    var hashes = [hash]
    for (place, text) in texts.enumerated() {
      let event = Event(
        seq: UInt64(place + 1), choice: 0, kind: .text, tokenCount: 1, ids: [],
        bytes: Array(text.utf8))
      hash = hash.appending(event)
      events.append(event)
      hashes.append(hash)
    }
    self.events = events
    self.hashes = hashes
  }

  /// The message that carries events `range` (numbered from 1).
  func message(_ range: ClosedRange<Int>, hash: ChainHash? = nil, job: JobID? = nil) -> Message {
    .events(
      Events(
        job: job ?? self.job, epoch: Epoch(1),
        events: Array(events[(range.lowerBound - 1)..<range.upperBound]), durableThrough: 0,
        hash: (hash ?? hashes[range.upperBound]).bytes, mac: Array(repeating: 0, count: 32)))
  }

  func end(lastSeq: Int? = nil, hash: ChainHash? = nil) -> Message {
    let last = lastSeq ?? events.count
    return .ended(
      Ended(
        summary: JobSummary(
          job: job, state: .completed, model: "m", mode: .attached, createdAt: LogTime(rawValue: 0),
          epoch: Epoch(1), worker: WorkerID(1), promptTokens: .zero, outputTokens: .zero,
          charge: .zero, hold: .zero, lastSeq: UInt64(last), finish: .stop, error: 0,
          errorText: ""),
        hash: (hash ?? hashes[last]).bytes, lastSeq: UInt64(last), untilDelivered: nil))
  }

  var accepted: Message {
    .accepted(
      Accepted(
        job: job, commitIndex: LogIndex(5), duplicate: false, hold: Credits(nano: 10)))
  }
}

/// What a reader was given, as text.
struct Reader {
  var job: FollowedJob
  var text = ""
  var now: UInt64 = 0

  init(_ job: FollowedJob) { self.job = job }

  @discardableResult
  mutating func receive(_ message: Message) -> FollowedJob.Action {
    let action = job.received(message, now: now, random: 0)
    if case .deliver(let events, _) = action {
      for event in events { text += String(decoding: event.bytes, as: UTF8.self) }
    }
    return action
  }
}

private func submit(mode: JobMode = .attached) -> Submit {
  Submit(
    requestKey: RequestKey(high: 1, low: 2), mode: mode, endpoint: .chatCompletions, model: "m",
    body: [1], maxInputPrice: nil, maxOutputPrice: nil, queueTimeoutMs: 0, follow: true,
    retentionMs: nil, durable: nil)
}

private func submitting(
  mode: JobMode = .attached, patience: UInt64 = 10_000, callerRetries: Bool = false
) -> Reader {
  Reader(
    FollowedJob(
      submitting: submit(mode: mode), cluster: Record.cluster, patience: patience,
      callerRetries: callerRetries))
}

private func isViolation(_ action: FollowedJob.Action) -> Bool {
  if case .fail(.violated) = action { true } else { false }
}

@Suite("A followed job")
struct FollowedJobTests {
  let record = Record()

  @Test("is delivered once and in order, and ends when its end names what was delivered")
  func happyPath() {
    var reader = submitting()
    #expect(reader.job.opening == [.submit(submit())])
    reader.receive(record.accepted)
    #expect(reader.job.job == record.job)
    reader.receive(record.message(1...2))
    reader.receive(record.message(3...6))
    guard case .end = reader.receive(record.end()) else {
      Issue.record("\(reader.job.state)")
      return
    }
    #expect(reader.text == "abcdef")
    #expect(reader.job.opening.isEmpty)
  }

  @Test("an answer without output ends at once")
  func empty() {
    let empty = Record(texts: [])
    var reader = submitting()
    reader.receive(empty.accepted)
    guard case .end = reader.receive(empty.end()) else {
      Issue.record("\(reader.job.state)")
      return
    }
  }

  @Test("a break before Accepted repeats the same request, a break after it asks for the rest")
  func resumes() {
    var reader = submitting(mode: .submitted)
    guard case .reopen = reader.job.broke("gone", now: 0, random: 0) else {
      Issue.record("it did not try again")
      return
    }
    #expect(reader.job.opening == [.submit(submit(mode: .submitted))])
    reader.receive(record.accepted)
    reader.receive(record.message(1...2))
    guard case .reopen = reader.job.broke("gone", now: 0, random: 0) else {
      Issue.record("it did not try again")
      return
    }
    #expect(
      reader.job.opening == [
        .follow(
          Follow(
            job: record.job, fromSeq: 3, hash: record.hashes[2].bytes, commitIndex: LogIndex(5),
            attach: false,
            tail: TailClaim(
              epoch: Epoch(1), durableThrough: 0, mac: Array(repeating: 0, count: 32)),
            durable: nil))
      ])
    reader.receive(record.message(3...6))
    reader.receive(record.end())
    #expect(reader.text == "abcdef")
  }

  @Test("an attached job's reader takes it over again")
  func attaches() {
    var reader = submitting(mode: .attached)
    reader.receive(record.accepted)
    guard case .follow(let follow)? = reader.job.opening.first else {
      Issue.record("no Follow")
      return
    }
    #expect(follow.attach && follow.fromSeq == 1)
    #expect(follow.hash == record.hashes[0].bytes)
  }

  @Test("a gap is an error, and nothing of its message is delivered")
  func gap() {
    var reader = submitting()
    reader.receive(record.accepted)
    reader.receive(record.message(1...2))
    #expect(isViolation(reader.receive(record.message(4...5))))
    #expect(reader.text == "ab")
  }

  @Test("a repetition is an error, and nothing of its message is delivered")
  func repetition() {
    var reader = submitting()
    reader.receive(record.accepted)
    reader.receive(record.message(1...3))
    #expect(isViolation(reader.receive(record.message(3...5))))
    #expect(reader.text == "abc")
  }

  @Test("another attempt's events under the next numbers are a splice, and are not delivered")
  func splice() {
    let other = Record(texts: ["a", "b", "X", "Y"])
    var reader = submitting()
    reader.receive(record.accepted)
    reader.receive(record.message(1...2))
    // The hash is that of the events sent, on another past.
    let elsewhere = Record(texts: ["x", "y", "X", "Y"])
    #expect(isViolation(reader.receive(other.message(3...4, hash: elsewhere.hashes[4]))))
    #expect(reader.text == "ab")
  }

  @Test("another job's events are an error")
  func foreign() {
    var reader = submitting()
    reader.receive(record.accepted)
    #expect(isViolation(reader.receive(record.message(1...2, job: JobID(8)))))
  }

  @Test("an end that names more, less or something else than was delivered is an error")
  func wrongEnd() {
    for end in [
      record.end(lastSeq: 6), record.end(lastSeq: 2),
      record.end(lastSeq: 3, hash: record.hashes[2]),
    ] {
      var reader = submitting()
      reader.receive(record.accepted)
      reader.receive(record.message(1...3))
      #expect(isViolation(reader.receive(end)))
    }
  }

  @Test("a message that may not stand here is an error", arguments: [0, 1])
  func misplaced(case number: Int) {
    var reader = submitting()
    if number == 0 {
      #expect(isViolation(reader.receive(record.message(1...1))))
    } else {
      reader.receive(record.accepted)
      #expect(isViolation(reader.receive(record.accepted)))
    }
  }

  @Test("a reader that begins in the middle takes the first hash it gets, and holds on to it")
  func fromTheMiddle() {
    var reader = Reader(
      FollowedJob(following: record.job, fromSeq: 3, cluster: Record.cluster, patience: 1_000))
    reader.receive(record.message(3...4))
    #expect(isViolation(reader.receive(record.message(5...6, hash: record.hashes[4]))))
    #expect(reader.text == "cd")
  }

  @Test(
    "a failure that may pass is tried again, one that may not ends it, with the charge it names")
  func failures() {
    var reader = submitting()
    let busy = Failure(.notLeader, "another leads", retryAfterMs: 400)
    guard case .reopen(let wait, _) = reader.receive(.failure(busy)) else {
      Issue.record("it did not try again")
      return
    }
    #expect(wait >= 400)
    let refusal = Failure(.insufficientCredit, "no credit", charge: Credits(nano: 3))
    #expect(reader.receive(.failure(refusal)) == .fail(.refused(refusal)))
    #expect(reader.receive(record.accepted) == .nothing)
  }

  @Test("a wait that is the caller's, or longer than there is patience, is his to know")
  func waits() {
    for failure in [
      Failure(.rateLimitExceeded, "no more this minute", retryAfterMs: 10),
      Failure(.overloaded, "full for long", retryAfterMs: 1_001),
    ] {
      var reader = submitting(patience: 1_000)
      #expect(reader.receive(.failure(failure)) == .fail(.refused(failure)))
      var tries = CallTries(now: 500, patience: 1_000)
      #expect(tries.ended(.failure(failure), now: 500, random: 0) == .giveUp(.refused(failure)))
    }
    var tries = CallTries(now: 500, patience: 1_000)
    let busy = Failure(.overloaded, "full", retryAfterMs: 600)
    guard case .retry = tries.ended(.failure(busy), now: 700, random: 0) else {
      Issue.record("it did not try again")
      return
    }
    #expect(tries.ended(.failure(busy), now: 1_300, random: 0) == .giveUp(.refused(busy)))
  }

  @Test("what may be done already is not refused by a wait that is longer than there is patience")
  func waitsInDoubt() {
    let full = Failure(.overloaded, "full for long", retryAfterMs: 1_001)
    let unavailable = ClientFailure.unavailable(lastCause: "full for long", waited: 0)
    var tries = CallTries(now: 0, patience: 1_000)
    _ = tries.ended(.broke("gone"), now: 0, random: 0)
    #expect(tries.ended(.failure(full), now: 0, random: 0) == .giveUp(unavailable))

    var doubtful = submitting(patience: 1_000)
    _ = doubtful.job.broke("gone", now: 0, random: 0)
    #expect(doubtful.receive(.failure(full)) == .fail(unavailable))
    var existing = submitting(patience: 1_000)
    existing.receive(record.accepted)
    #expect(existing.receive(.failure(full)) == .fail(unavailable))
  }

  @Test("a try that reached nobody leaves nothing in doubt")
  func unreached() {
    let full = Failure(.overloaded, "full", retryAfterMs: 100)
    let later = Failure(.queueTooLong, "later", retryAfterMs: 100)
    for refusal in [full, later] {
      var tries = CallTries(now: 0, patience: 1_000, callerRetries: true)
      guard case .retry = tries.ended(.unreached("away"), now: 0, random: 0) else {
        Issue.record("not tried again")
        return
      }
      #expect(tries.ended(.failure(refusal), now: 0, random: 0) == .giveUp(.refused(refusal)))

      var reader = submitting(patience: 1_000, callerRetries: true)
      let action = reader.job.unopened(.unreached("away"), now: 0, random: 0)
      guard case .reopen(_, cause: "away") = action else {
        Issue.record("not submitted again")
        return
      }
      #expect(reader.receive(.failure(refusal)) == .fail(.refused(refusal)))
    }
    // What an earlier one left stays.
    var tries = CallTries(now: 0, patience: 1_000, callerRetries: true)
    _ = tries.ended(.broke("gone"), now: 0, random: 0)
    _ = tries.ended(.unreached("away"), now: 0, random: 0)
    #expect(tries.ended(.failure(full), now: 0, random: 0) == .retry(after: 100))
    #expect(
      tries.ended(.unreached("away"), now: 1_001, random: 0)
        == .giveUp(.unavailable(lastCause: "away", waited: 1_001)))
  }

  @Test("who can try again by himself is told at once what is full, unless a try is in doubt")
  func fullness() {
    for code in [ErrorCode.overloaded, .storageFull] {
      let full = Failure(code, "full", retryAfterMs: 100)
      var tries = CallTries(now: 0, patience: 1_000, callerRetries: true)
      #expect(tries.ended(.failure(full), now: 0, random: 0) == .giveUp(.refused(full)))
      var doubtful = CallTries(now: 0, patience: 1_000, callerRetries: true)
      _ = doubtful.ended(.broke("gone"), now: 0, random: 0)
      #expect(doubtful.ended(.failure(full), now: 0, random: 0) == .retry(after: 100))

      var reader = submitting(patience: 1_000, callerRetries: true)
      #expect(reader.receive(.failure(full)) == .fail(.refused(full)))
      var later = submitting(patience: 1_000, callerRetries: true)
      _ = later.job.broke("gone", now: 0, random: 0)
      guard case .reopen(after: 100, _) = later.receive(.failure(full)) else {
        Issue.record("refused, or not asked again")
        return
      }
      // Of a job that there is, the rest is asked for all the same.
      later.receive(record.accepted)
      guard case .reopen = later.receive(.failure(full)) else {
        Issue.record("a job that exists was left")
        return
      }
    }
  }

  @Test("when patience is over the caller is told the last refusal, or that nobody served him")
  func exhaustion() {
    for (code, isServed) in [
      (ErrorCode.overloaded, true), (.storageFull, true), (.wrappingKeyRetired, true),
      (.notLeader, false), (.unavailable, false), (.outcomeUnknown, false),
      (.notBootstrapped, false), (.replicaDiverged, false),
    ] {
      let failure = Failure(code, "no", retryAfterMs: 100)
      let nobody = ClientFailure.unavailable(lastCause: "no", waited: 950)
      var tries = CallTries(now: 0, patience: 1_000)
      _ = tries.ended(.failure(failure), now: 0, random: 0)
      #expect(
        tries.ended(.failure(failure), now: 950, random: 0)
          == .giveUp(isServed ? .refused(failure) : nobody), "\(code)")

      var reader = submitting(patience: 1_000)
      reader.receive(.failure(failure))
      reader.now = 950
      #expect(
        reader.receive(.failure(failure)) == .fail(isServed ? .refused(failure) : nobody),
        "\(code)")
    }
    // A job that there is was admitted: whatever its last Follow was told does not refuse it.
    let full = Failure(.overloaded, "full", retryAfterMs: 600)
    for wasInDoubt in [false, true] {
      var reader = submitting(patience: 1_000)
      if wasInDoubt { _ = reader.job.broke("gone", now: 0, random: 0) }
      reader.receive(record.accepted)
      reader.receive(.failure(full))
      reader.now = 600
      #expect(
        reader.receive(.failure(full)) == .fail(.unavailable(lastCause: "full", waited: 600)))
    }
  }

  @Test("while a submit may have made the job, or may yet, how things stand now refuses it no more")
  func inDoubt() throws {
    let refusal = Failure(.queueTooLong, "later", retryAfterMs: 100)
    var tries = CallTries(now: 0, patience: 1_000)
    guard case .retry = tries.ended(.broke("gone"), now: 0, random: 0) else {
      Issue.record("not tried again")
      return
    }
    #expect(tries.ended(.failure(refusal), now: 0, random: 0) == .retry(after: 100))
    guard case .giveUp(.unavailable) = tries.ended(.failure(refusal), now: 950, random: 0) else {
      Issue.record("the outcome is known, or there is no end")
      return
    }
    let unknown = Failure(.outcomeUnknown, "unknown", retryAfterMs: 20)
    var others = CallTries(now: 0, patience: 1_000)
    _ = others.ended(.failure(unknown), now: 0, random: 0)
    #expect(others.ended(.failure(refusal), now: 0, random: 0) == .retry(after: 100))

    var reader = submitting(patience: 1_000)
    guard case .reopen = reader.job.broke("gone", now: 0, random: 0) else {
      Issue.record("not submitted again")
      return
    }
    guard case .reopen(after: 100, _) = reader.receive(.failure(refusal)) else {
      Issue.record("refused, or not asked again")
      return
    }
  }

  @Test("patience counts from the beginning of an outage, not from the last event")
  func patience() {
    var reader = submitting(patience: 1_000)
    reader.receive(record.accepted)
    // A long quiet on a stream in order is no outage.
    guard case .reopen = reader.job.broke("gone", now: 1_000_000, random: 0) else {
      Issue.record("it gave up at once")
      return
    }
    guard case .reopen = reader.job.broke("gone", now: 1_000_900, random: 0) else {
      Issue.record("it gave up early")
      return
    }
    guard
      case .fail(.unavailable(let cause, let waited)) = reader.job.broke(
        "still gone", now: 1_001_100, random: 0)
    else {
      Issue.record("it did not give up")
      return
    }
    #expect(cause == "still gone" && waited == 1_100)
  }

  @Test("progress ends an outage: patience and back-off begin anew")
  func recovers() {
    var reader = submitting(patience: 1_000)
    reader.receive(record.accepted)
    for now: UInt64 in [0, 500] { _ = reader.job.broke("gone", now: now, random: .max) }
    reader.receive(record.message(1...1))
    guard case .reopen(let wait, _) = reader.job.broke("gone", now: 5_000, random: .max) else {
      Issue.record("it gave up")
      return
    }
    #expect(wait <= Backoff().initial)
  }

  @Test("a cancel before Accepted is sent once the job has a number, and again after a break")
  func cancels() {
    var reader = submitting()
    #expect(reader.job.cancel() == nil)
    reader.receive(record.accepted)
    #expect(reader.job.cancelMessage == .cancel(Cancel(job: record.job)))
    _ = reader.job.broke("gone", now: 0, random: 0)
    #expect(reader.job.opening.last == .cancel(Cancel(job: record.job)))
    #expect(reader.job.cancel() == nil)
  }

  @Test("however a record is cut into messages and broken off, it is delivered once and in order")
  func anyCut() {
    var generator = SystemRandomNumberGenerator()
    let long = Record(texts: (0..<60).map { "<\($0)>" })
    for _ in 0..<50 {
      var reader = submitting()
      reader.receive(long.accepted)
      var next = 1
      while next <= 60 {
        if Int.random(in: 0..<4, using: &generator) == 0 {
          _ = reader.job.broke("gone", now: 0, random: generator.next())
          guard case .follow(let follow)? = reader.job.opening.first else {
            Issue.record("no Follow")
            return
          }
          next = Int(follow.fromSeq)
        }
        let last = min(60, next + Int.random(in: 0..<9, using: &generator))
        reader.receive(long.message(next...last))
        next = last + 1
      }
      reader.receive(long.end())
      #expect(reader.text == (0..<60).map { "<\($0)>" }.joined())
    }
  }
}

@Suite("The tries of a call")
struct CallTriesTests {
  @Test("what cannot be known is tried again until the deadline")
  func retries() {
    var tries = CallTries(now: 0, patience: 100)
    guard case .retry = tries.ended(.broke("gone"), now: 10, random: 0) else {
      Issue.record("it gave up")
      return
    }
    let unknown = Failure(.outcomeUnknown, "leadership lost")
    guard case .retry = tries.ended(.failure(unknown), now: 50, random: 0) else {
      Issue.record("it gave up")
      return
    }
    #expect(
      tries.ended(.broke("still gone"), now: 99, random: .max)
        == .giveUp(.unavailable(lastCause: "still gone", waited: 99)))
  }

  @Test("a refusal is not tried again, nor is a code that this version does not know")
  func refusals() {
    for code: UInt16 in [ErrorCode.unauthenticated.rawValue, 60_000] {
      var tries = CallTries(now: 0, patience: 100)
      let failure = Failure(
        code: code, message: "no", details: [], retryAfterMs: nil, job: JobID(0), charge: nil)
      #expect(
        tries.ended(.failure(failure), now: 0, random: 0) == .giveUp(.refused(failure)))
    }
  }

  @Test(
    "waits double up to their limit, are spread over their upper half, and respect the other side")
  func backoff() {
    var low = Backoff(initial: 10, limit: 40)
    var high = low
    #expect((0..<4).map { _ in low.next(random: 0) } == [5, 10, 20, 20])
    #expect((0..<4).map { _ in high.next(random: 5) }.allSatisfy { $0 >= 10 })
    #expect(low.next(random: 0, floor: 500) == 500)
    #expect(low.next(random: 0, floor: .max) == 10_000)
    low.reset()
    #expect(low.next(random: 0) == 5)
  }
}
