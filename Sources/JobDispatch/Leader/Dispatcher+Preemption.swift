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
  /// Interactive jobs that one plan looks at to make room for them.
  private static let askersMax = 64

  /// Whether a batch job has waited so long that it is looked at like any other.
  func isRisen(_ job: Job, at time: LogTime) -> Bool {
    job.createdAt.advanced(milliseconds: Self.batchPatience) <= time
  }

  /// Gives slots that were made free for certain jobs to them, before anybody else is looked at.
  func redeemClaims(on model: String) {
    guard !claims.isEmpty else { return }
    for (id, worker) in claims.sorted(by: { $0.key < $1.key }) {
      guard let job = exchange.job(id), job.state == .queued, reservations[id] == nil,
        sessions[worker]?.isLive == true
      else {
        claims[id] = nil
        continue
      }
      guard job.model == model else { continue }
      let there = candidates(for: model).filter { $0.ask.id.worker == worker }
      let demand = demand(of: job, goesOn: !job.record.isEmpty)
      if let choice = Planner.plan([demand], on: there).first {
        assign(id, to: choice.candidate.ask)
      }
    }
  }

  /// Takes slots from running batch jobs for the interactive jobs that wait, the accounts' in turn.
  func makeRoom(for model: String) {
    guard !batchRelays.isEmpty, exchange.isQueued(model: model, in: .interactive) else { return }
    var running = running(of: model)
    let accounts = exchange.accountsQueued(model: model)
    var scan = scan(of: accounts, for: model)
    var turns = turns(of: accounts, for: model)
    var looked = 0
    while !running.isEmpty, looked < Self.askersMax, let turn = turns.next() {
      guard let id = scan.nextInteractive(of: turn.account) else { continue }
      looked += 1
      guard reservations[id] == nil, claims[id] == nil, let job = exchange.job(id) else {
        turns.insert(turn)
        continue
      }
      let demand = demand(of: job, goesOn: !job.record.isEmpty)
      while let giver = Planner.giver(to: demand, among: running) {
        running.removeAll { $0.job == giver.job }
        guard let relay = relays[giver.job], canGiveWay(relay) else { continue }
        claims[id] = relay.worker
        giveWay(relay, to: id)
        break
      }
      turns.insert(turn.after(demand.work))
    }
  }

  /// The attempts at batch jobs of a model that may be taken from their workers.
  private func running(of model: String) -> [Planner.Running] {
    let asks = exchange.asks(model: model)
    return batchRelays.sorted().compactMap { id in
      guard let relay = relays[id], relay.slot != nil, !relay.isEnding, !relay.isComplete,
        relay.stopUntil == .max, !relay.keepsSlot, let job = exchange.job(id), job.model == model,
        exchange.mayGiveWay(job), let attempt = job.attempt, !isRisen(job, at: attempt.startedAt),
        job.bid.outputMax.rawValue >= relay.tokens + Self.remainderMin,
        let ask = asks.first(where: { $0.id == attempt.offer })
      else { return nil }
      return Planner.Running(
        job: id, account: job.account, server: server(ask),
        recomputed: (Planner.Work(prompt: job.bid.promptBound.rawValue)
          + Planner.Work(prompt: relay.tokens)).prompt)
    }
  }

  /// Whether somebody could go on from what an attempt has given so far; what cannot be continued once never can.
  private func canGiveWay(_ relay: StreamRelay) -> Bool {
    guard let job = exchange.job(relay.attempt.job) else { return false }
    guard relay.last > 0 else { return true }
    let demand = demand(of: job, goesOn: true)
    guard
      exchange.asks(model: job.model).contains(where: { server($0).obstacle(to: demand) == nil })
    else { return false }
    relay.keepsSlot = (try? continuation(of: job, with: relay, key: relay.key)) == nil
    return !relay.keepsSlot
  }

  /// Takes an attempt from its worker, whose slot another job is to have: its job waits again, and goes on from its record.
  func giveWay(_ relay: StreamRelay, to asker: JobID) {
    guard !relay.isEnding else { return }
    relay.isEnding = true
    let (rest, isWhole) = rest(of: relay)
    // What cannot be recorded has perhaps been read: such a job must not go on.
    guard isWhole else {
      claims[asker] = nil
      relay.isEnding = false
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
        claims[asker] = nil
        guard relays[relay.attempt.job] === relay else { return }
        relay.isEnding = false
        relay.noteNotRecorded()
        // Its events have not been taken meanwhile.
        lose(relay, .internalError)
      case .refused, .unknown:
        guard relays[relay.attempt.job] === relay else { return }
        relay.isEnding = false
        relay.noteNotRecorded()
        relay.retry = .giveWay(to: asker)
        armCheckpoint()
      }
    }
  }
}
