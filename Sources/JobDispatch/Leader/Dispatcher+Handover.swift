public import Consensus
public import ExchangeTypes

/// A handover of leadership that goes on, and who waits for its end.
struct RunningHandover {
  var machine: LeadershipHandover
  var completions: [(LeadershipHandover.Ending) -> Void]
  var wakeAt: UInt64
}

// Giving leadership away: the shell around `LeadershipHandover`.
extension Dispatcher {
  /// Gives leadership to another voter; one handover goes on at a time, and whoever asks meanwhile gets its end.
  ///
  /// - Parameters:
  ///   - target: the only voter that may take over; nil for whichever is furthest.
  ///   - completion: called once, at the end of a turn, within three election timeouts.
  public func handOver(
    to target: ReplicaID?, _ completion: @escaping (LeadershipHandover.Ending) -> Void
  ) {
    if handover != nil {
      handover?.completions.append(completion)
    } else {
      handover = RunningHandover(
        machine: LeadershipHandover(
          to: target, electionTimeout: replica.electionTimeout, now: clock.now),
        completions: [completion], wakeAt: clock.now)
    }
    shell?.wantsEndOfTurn()
  }

  /// Shows the handover how things stand, and does what follows.
  func advanceHandover() {
    while var running = handover {
      let now = clock.now
      let step = running.machine.next(replica.handoverView(now: now), now: now)
      switch step {
      case .transfer(let successor):
        handover = running
        replica.transferLeadership(to: successor, now: now)
      case .wait(let moment):
        running.wakeAt = moment
        handover = running
        return
      case .over(let ending):
        handover = nil
        queue.flush()
        for completion in running.completions { completion(ending) }
      }
    }
  }
}
