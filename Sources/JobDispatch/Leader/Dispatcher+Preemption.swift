internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import WireProtocol

// Slots that running batch jobs give to interactive jobs which would have to wait: decision 34.
extension Dispatcher {
  /// From then on a batch job is looked at like any other, in milliseconds since its submit.
  static let batchPatience: UInt64 = 600_000
  /// An attempt with fewer tokens to come than this keeps its slot.
  private static let remainderMin: UInt64 = 64
  /// Interactive jobs that one plan looks at to make room for them, and those of one account for which there is none: the next
  /// plan is not far, and the leader has other work.
  private static let askersMax = 16
  private static let unsuitedMax = 4
  /// Records that one plan reads to see whether they can be continued.
  private static let recordsReadMax = 4
  /// Where no room was found, none is looked for again for so long, in milliseconds.
  private static let roomInterval: UInt64 = 100

  /// Whether a batch job has waited so long that it is looked at like any other.
  func isRisen(_ job: Job, at time: LogTime) -> Bool {
    job.createdAt.advanced(milliseconds: Self.batchPatience) <= time
  }

  /// Gives slots that were made free for certain jobs to them, before any model's other jobs are looked at.
  func redeemClaims() {
    guard !claims.isEmpty else { return }
    for (id, worker) in claims.sorted(by: { $0.key < $1.key }) {
      guard let job = exchange.job(id), job.state == .queued, reservations[id] == nil else {
        dropClaim(of: id)
        continue
      }
      let demand = demand(of: job, goesOn: !job.record.isEmpty)
      let there = exchange.asks(model: job.model).filter { ask in
        ask.id.worker == worker && server(ask).misfit(to: demand) == nil
      }
      // What it could have no more, it keeps from nobody.
      guard !there.isEmpty else {
        dropClaim(of: id)
        continue
      }
      let free = there.map { claimedCandidate($0) }.filter { $0.free > 0 }
      if let choice = Planner.plan([demand], on: free).first {
        assign(id, to: choice.candidate.ask)
      }
    }
  }

  /// A job has a slot, or needs none: what it claimed is anybody's.
  func dropClaim(of id: JobID) {
    guard !claims.isEmpty, let worker = claims.removeValue(forKey: id) else { return }
    workerChanged(worker)
  }

  /// How many of a worker's slots are claimed: nobody else is given as many of those that are free.
  func claimed(of worker: WorkerID) -> Int {
    claims.isEmpty ? 0 : claims.values.count { $0 == worker }
  }

  /// Takes slots from running batch jobs for the interactive jobs that wait, the accounts' in turn.
  ///
  /// An account whose first jobs no running job suits is passed over, so that they keep no other's from being looked at.
  func makeRoom(for model: String) {
    guard !batchRelays.isEmpty, exchange.isQueued(model: model, in: .interactive),
      clock.now >= noRoomUntil[model] ?? 0
    else { return }
    noRoomUntil[model] = nil
    let servers = exchange.asks(model: model).map { server($0) }
    var running = running(of: model, at: servers)
    var recordsRead = 0
    var unsuited: [AccountID: Int] = [:]
    let accounts = exchange.accountsQueued(model: model)
    var scan = scan(of: accounts, for: model)
    var turns = turns(of: accounts, for: model)
    var looked = 0
    var hasMadeRoom = false
    while !running.isEmpty, looked < Self.askersMax, let turn = turns.next() {
      guard let id = scan.nextInteractive(of: turn.account) else { continue }
      guard reservations[id] == nil, claims[id] == nil, let job = exchange.job(id) else {
        turns.insert(turn)
        continue
      }
      looked += 1
      let demand = demand(of: job, goesOn: !job.record.isEmpty)
      while let giver = Planner.giver(to: demand, among: running) {
        running.removeAll { $0.job == giver.job }
        guard let relay = relays[giver.job], canGiveWay(relay, to: servers, &recordsRead) else {
          continue
        }
        claims[id] = relay.worker
        giveWay(relay, to: id)
        hasMadeRoom = true
        break
      }
      if claims[id] == nil { unsuited[turn.account, default: 0] += 1 }
      guard unsuited[turn.account] ?? 0 < Self.unsuitedMax else { continue }
      turns.insert(turn.after(demand.work))
    }
    if !hasMadeRoom { noRoomUntil[model] = clock.now + Self.roomInterval }
  }

  /// The attempts at batch jobs of a model that may be taken from their workers.
  ///
  /// Not while readers may have more of one than this leader (decision 17): what its worker has said that it has, and what
  /// readers are waited for to show, is first.
  private func running(of model: String, at servers: [Planner.Server]) -> [Planner.Running] {
    let places = Dictionary(uniqueKeysWithValues: servers.map { ($0.ask.id, $0) })
    let isContinued = servers.contains { $0.continuesOutput && $0.absence == nil }
    let now = clock.now
    return batchRelays.sorted().compactMap { id in
      guard let relay = relays[id], relay.slot != nil, !relay.isEnding, !relay.isComplete,
        relay.stopUntil == .max, !relay.keepsSlot, relay.last == 0 || isContinued,
        relay.tailsUntil <= now, relay.last >= relay.offered,
        let job = exchange.job(id), job.model == model,
        exchange.mayGiveWay(job), let attempt = job.attempt, !isRisen(job, at: attempt.startedAt),
        job.bid.outputMax.rawValue >= relay.tokens + Self.remainderMin,
        let server = places[attempt.offer]
      else { return nil }
      return Planner.Running(
        job: id, account: job.account, server: server,
        recomputed: (Planner.Work(prompt: job.bid.promptBound.rawValue)
          + Planner.Work(prompt: relay.tokens)).prompt)
    }
  }

  /// Whether somebody could go on from what an attempt has given so far; what cannot be continued once never can.
  private func canGiveWay(
    _ relay: StreamRelay, to servers: [Planner.Server], _ recordsRead: inout Int
  ) -> Bool {
    guard let job = exchange.job(relay.attempt.job) else { return false }
    guard relay.last > 0 else { return true }
    guard recordsRead < Self.recordsReadMax else { return false }
    let demand = demand(of: job, goesOn: true)
    guard servers.contains(where: { $0.obstacle(to: demand) == nil }) else { return false }
    recordsRead += 1
    relay.keepsSlot = (try? continuation(of: job, with: relay, key: relay.key)) == nil
    return !relay.keepsSlot
  }

  /// Takes an attempt from its worker, whose slot another job is to have: its job waits again, and goes on from its record.
  func giveWay(_ relay: StreamRelay, to asker: JobID) {
    guard !relay.isEnding else { return }
    relay.isEnding = true
    relay.hasMissed = false
    proposeGivingWay(relay, to: asker)
  }

  /// Proposes what was begun; again, once it was refused for overload and the worker's events have been passed over meanwhile.
  func proposeGivingWay(_ relay: StreamRelay, to asker: JobID) {
    let (rest, isWhole) = rest(of: relay)
    // What cannot be recorded has perhaps been read: such a job must not go on.
    guard isWhole else {
      dropClaim(of: asker)
      relay.isEnding = false
      relay.noteNotRecorded()
      return lose(relay, .internalError)
    }
    queue.propose(inOrder: rest + [.attemptPreempted(.init(attempt: relay.attempt))]) {
      [weak self] result in
      guard let self, isActive else { return }
      switch result {
      case .applied(.accepted, _):
        // The effect `jobRequeued` does the rest.
        lostAttempts.noteGivenWay(relay.attempt, of: relay.worker)
      case .applied(.rejected, _), .invalid:
        dropClaim(of: asker)
        guard relays[relay.attempt.job] === relay else { return }
        relay.isEnding = false
        relay.noteNotRecorded()
        // Its events have not been taken meanwhile.
        lose(relay, .internalError)
      case .refused, .unknown:
        guard relays[relay.attempt.job] === relay else { return }
        relay.noteNotRecorded()
        armCheckpoint()
        if relay.hasMissed {
          // Its stream has a hole, and could not go on here: it stays as it is until this is taken.
          relay.retry = .giveWay(to: asker)
        } else {
          relay.isEnding = false
          dropClaim(of: asker)
        }
      }
    }
  }
}
