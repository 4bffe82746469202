import Consensus
import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("The leader: what one caller may not do to others, or to it")
struct LeaderGuardTests {
  @Test(
    "an account's oldest key is revoked when so many dead ones are kept that it is forgotten at once"
  )
  func forgottenWithItsRevocation() throws {
    let bench = try LeaderBench()
    let account = try bench.account()
    let oldest = try bench.key(of: account, [.submit])
    for _ in 0..<100 {
      let dead = try bench.key(of: account, [.submit])
      bench.call(.keyRevoke(.init(key: dead.key)))
    }
    let report = try bench.call(.keyRevoke(.init(key: oldest.key))).last(KeyReport.self).summary
    #expect(report.key == oldest.key)
    #expect(report.revoked)
    #expect(bench.replica.exchange.key(oldest.key) == nil)
  }

  @Test("a connected worker keeps its name: another process is refused until it has gone")
  func nameTaken() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench, incarnation: 1)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    let other = bench.open(.worker)
    let announcement = worker.announcement(slots: 4, price: 1, incarnation: 2)
    bench.say(.workerRegister(announcement), on: other)
    #expect(other.failure == .nameTaken)
    #expect(other.isFinished)
    worker.chunk(assign, output(1...2), on: slot)
    #expect(reader.events == output(1...2))
    bench.close(slot)
    bench.close(worker.registration)
    let again = bench.open(.worker)
    bench.say(.workerRegister(announcement), on: again)
    #expect(try again.last(WorkerRegistered.self).worker == worker.id)
  }

  @Test("a worker that does not stop when it is asked loses the attempt, and the hold is released")
  func stopLimit() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit()
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...2), on: slot)
    bench.call(.cancel(.init(job: assign.job)))
    worker.alive(Dispatcher.stopLimit - 1_000)
    #expect(try bench.job(assign.job).state == .cancelling)
    worker.alive(2_000)
    let job = try bench.job(assign.job)
    #expect(job.state == .cancelled)
    #expect(job.held == .zero)
    #expect(try reader.last(Ended.self).summary.state == .cancelled)
    #expect(!slot.all(AttemptSettled.self).isEmpty)
  }

  @Test(
    "a worker that has come back while its end was on its way registers once more, and gets work")
  func goneAfterItsReturn() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    bench.close(worker.registration)
    bench.holdsWrites = true
    bench.call(.cancel(.init(job: JobID(99))))  // what is on its way now holds up what comes
    let early = bench.open(.worker)
    bench.say(.workerRegister(worker.announcement(slots: 4, price: 1)), on: early)
    bench.advance(UInt64(WorkerSession.leaseMilliseconds) + 100)
    bench.holdsWrites = false
    bench.settle()
    #expect(early.isAborted)
    try worker.register()
    let slot = worker.park()
    let reader = bench.submit()
    #expect(try slot.last(Assign.self).job == reader.last(WireProtocol.Accepted.self).job)
  }

  @Test("jobs that nobody can take, however many, hold up no other")
  func unservable() throws {
    let bench = try LeaderBench()
    let cheap = try WorkerPeer(bench, "cheap", price: 1_000)
    let dear = try WorkerPeer(bench, "dear", price: 1_000_000)
    bench.close(cheap.registration)  // its offer stands for a lease, and longer in the books
    for _ in 0..<Dispatcher.planScanMax + 100 {
      bench.call(
        .submit(
          bench.submission(mode: .submitted, maxOutputPrice: Price(nanoPerMillion: 2_000))))
    }
    let slot = dear.park()
    #expect(slot.all(Assign.self).isEmpty)
    let job = try bench.call(
      .submit(
        bench.submission(
          mode: .submitted, maxInputPrice: Price(nanoPerMillion: 9_000_000),
          maxOutputPrice: Price(nanoPerMillion: 9_000_000)))
    ).last(WireProtocol.Accepted.self).job
    #expect(try slot.last(Assign.self).job == job)
  }

  @Test("several answers are bounded together, by what each may have")
  func severalAnswers() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    func outputMax(_ fields: String) throws -> UInt64 {
      let body = Array(
        #"{"model":"m",\#(fields)"messages":[{"role":"user","content":"hi"}]}"#.utf8)
      let job = try bench.submit(.submitted, body: body).last(WireProtocol.Accepted.self).job
      return try bench.job(job).bid.outputMax.rawValue
    }
    #expect(try outputMax(#""max_tokens":5,"#) == 5)
    #expect(try outputMax(#""max_tokens":5,"n":3,"#) == 15)
    #expect(try outputMax("") == 512)
    #expect(try outputMax(#""n":2,"#) == 1_024)
  }

  @Test(
    "a worker whose output is larger than what was asked for can be loses the job",
    arguments: [1, 9_000])
  func implausible(bytes: Int) throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let body = Array(
      #"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#.utf8)
    let reader = bench.submit(.submitted, body: body)
    let assign = try slot.last(Assign.self)
    for seq in UInt64(1)...1_000
    where reader.failure == nil && slot.all(AttemptSettled.self).isEmpty {
      let event = Event(
        seq: seq, choice: 0, kind: .text, tokenCount: 0, ids: [],
        bytes: [UInt8](repeating: 97, count: bytes))
      worker.chunk(assign, [event], on: slot)
      if seq % 20 == 0 { worker.alive(500) }
    }
    let job = try bench.job(assign.job)
    #expect(job.state == .failed)
    #expect(job.ending?.error == .streamOverrun)
    #expect(job.record.bytes < 4 << 20)
  }

  @Test("64 tokens beyond what was held for are nobody's cost; one more ends the job as an overrun")
  func moreTokens() throws {
    let bench = try LeaderBench()
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(
      body: Array(
        #"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#.utf8))
    let assign = try slot.last(Assign.self)
    worker.chunk(assign, output(1...69), on: slot)
    #expect(try bench.job(assign.job).state == .running)
    worker.chunk(assign, output(70...70), on: slot)
    let job = try bench.job(assign.job)
    #expect(job.state == .failed && job.ending?.error == .streamOverrun)
    #expect(job.ending?.outputTokens == TokenCount(5) && job.held == .zero)
    #expect(reader.events == output(1...70) && job.record.lastSeq == 70)
    #expect(try reader.last(Ended.self).summary.state == .failed)
    #expect(!slot.all(AttemptSettled.self).isEmpty)
  }

  @Test("a record has a bound of its own, however much a job may ask for")
  func recordBound() throws {
    let bench = try LeaderBench { $0.recordBytesMax = 1 << 20 }
    let worker = try WorkerPeer(bench)
    let slot = worker.park()
    let reader = bench.submit(.submitted)
    let assign = try slot.last(Assign.self)
    for seq in UInt64(1)...400 where slot.all(AttemptSettled.self).isEmpty {
      worker.chunk(assign, output(seq...seq, bytes: 8_000), on: slot)
      bench.advance(100)
      if seq % 20 == 0 { worker.heartbeat() }
    }
    let job = try bench.job(assign.job)
    #expect(job.ending?.error == .streamOverrun && job.held == .zero && reader.failure == nil)
    #expect((1 << 20..<1_100_000).contains(job.record.bytes))
  }

  @Test("a large request that will be refused never enters the log")
  func refusedUpload() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let poor = try bench.poorCredential()
    let large = bench.submission(body: LeaderBench.body(bytes: 100_000))
    let before = bench.replica.lastIndex
    #expect(bench.call(.submit(large), poor).failure == .insufficientCredit)
    #expect(bench.replica.lastIndex == before)
    #expect(bench.call(.submit(large)).failure == nil)
    #expect(bench.replica.lastIndex > before)
  }

  @Test("a key's former secret reads and submits within its grace, and changes no key")
  func formerSecret() throws {
    let bench = try LeaderBench()
    let former = try bench.key(of: AccountID(1), [.submit, .read])
    let newer = [UInt8](repeating: 7, count: 32)
    func rotate(to hash: [UInt8], as credential: Credential) -> ErrorCode? {
      bench.call(
        .keyRotate(
          .init(
            requestKey: bench.requestKey(), key: former.key, secretHash: hash, graceMs: 60_000)),
        credential
      ).failure
    }
    #expect(rotate(to: newer, as: former) == nil)
    #expect(rotate(to: [UInt8](repeating: 8, count: 32), as: former) == .forbidden)
    #expect(bench.call(.keyRevoke(.init(key: former.key)), former).failure == .forbidden)
    #expect(bench.call(.jobList(.init(after: JobID(0), limit: 1)), former).failure == nil)
    let owner = Credential(key: former.key, secretHash: newer)
    #expect(bench.call(.keyRevoke(.init(key: former.key)), owner).failure == nil)
  }

  @Test("a coordinator that votes is not revoked by its name")
  func votingCoordinator() throws {
    let bench = try LeaderBench()
    func revoke(_ name: String) -> ErrorCode? {
      bench.call(.certificateRevoke(.init(role: .coordinator, name: name, serial: []))).failure
    }
    #expect(revoke("coordinator-1") == .memberUnsuitable)
    #expect(revoke("coordinator-9") == nil)
  }

  @Test("a key reads only what its scopes allow")
  func scopes() throws {
    let bench = try LeaderBench()
    _ = try WorkerPeer(bench)
    let account = AccountID(1)
    let works = try bench.key(of: account, [.work])
    let reads = try bench.key(of: account, [.read])
    let job = try bench.submit(.submitted).last(WireProtocol.Accepted.self).job
    #expect(bench.call(.jobQuery(.init(job: job)), works).failure == .forbidden)
    #expect(bench.call(.jobList(.init(after: JobID(0), limit: 1)), works).failure == .forbidden)
    #expect(bench.call(.accountQuery(.init(account: account)), works).failure == .forbidden)
    #expect(bench.call(.keyList(.init(account: account)), works).failure == .forbidden)
    #expect(bench.follow(job, attach: false, as: works).failure == .forbidden)
    #expect(bench.call(.modelList(.init()), works).failure == nil)
    #expect(bench.call(.jobQuery(.init(job: job)), reads).failure == nil)
    #expect(bench.follow(job, attach: false, as: reads).failure == nil)
    #expect(bench.follow(job, attach: true, as: reads).failure == .forbidden)
    #expect(bench.call(.cancel(.init(job: job)), reads).failure == .forbidden)
  }
}

extension LeaderBench {
  /// A consumer's account.
  fileprivate func account() throws -> AccountID {
    try call(.accountCreate(.init(requestKey: requestKey(), name: "other", kind: .consumer)))
      .last(AccountReport.self).summary.account
  }

  /// A key of an account with these scopes.
  fileprivate func key(of account: AccountID, _ scopes: Scopes) throws -> Credential {
    let hash = [UInt8](repeating: 3, count: 32)
    let key = try call(
      .keyCreate(
        .init(
          requestKey: requestKey(), account: account, name: "k", scopes: scopes, secretHash: hash,
          lifetimeMs: nil))
    ).last(KeyReport.self).summary.key
    return Credential(key: key, secretHash: hash)
  }
}
