internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import JobDispatch
internal import WireProtocol

/// A followed job on a terminal: its text to standard output, everything about it to standard error,
/// Ctrl-C asks for its end (twice: leaves at once).
struct JobConversation {
  let client: ExchangeClient
  let isJSON: Bool
  /// Whether Ctrl-C cancels the job, or only stops following it.
  let ownsJob: Bool

  /// Follows to the end, and throws the status that the end stands for.
  func follow(_ order: FollowOrder) async throws {
    let updates = await client.follow(order)
    let interruption = Interruption()
    let watcher = Task {
      for await _ in Signals.arriving() {
        if await interruption.arrived() == 1, ownsJob {
          Terminal.note("yard: cancelling…")
          updates.cancel()
        } else {
          Foundation.exit(ExitStatus.interrupted.rawValue)
        }
      }
    }
    defer { watcher.cancel() }
    let notice = WaitingNotice("waiting for a coordinator to take the job")
    await notice.begin()
    let end: JobSummary
    do { end = try await print(updates, notice) } catch let error as CommandError {
      // Nobody was asked for the job yet, or nobody said what became of it.
      guard ownsJob, await interruption.count > 0 else { throw error }
      throw CommandError(.interrupted, error.message)
    }
    await notice.arrived()
    try finish(end, wasInterrupted: await interruption.count > 0)
  }

  private func print(_ updates: JobUpdates, _ notice: WaitingNotice) async throws -> JobSummary {
    var iterator = updates.makeAsyncIterator()
    var needsNewline = false
    while let update = try await next(&iterator) {
      switch update {
      case .accepted(let accepted):
        await notice.now("job \(accepted.job) is committed; waiting for a worker")
        if isJSON { write(accepted) }
      case .waiting(let waiting):
        let place = waiting.position > 0 ? " (\(waiting.position) before it)" : ""
        await notice.now("\(waiting.state.name)\(place): \(waiting.reason)")
      case .events(let events, let durable):
        await notice.arrived()
        if isJSON {
          for event in events {
            Terminal.write(EventLine.text(of: event, durableThrough: durable))
          }
        } else {
          // Vectors are for programs: they are in the JSON.
          for event in events
          where event.kind != .reasoning && event.kind != .vector && event.choice == 0 {
            Terminal.write(event.bytes)
            needsNewline = event.bytes.last.map { $0 != UInt8(ascii: "\n") } ?? needsNewline
          }
        }
      case .reconnecting(let cause, _):
        await notice.again("reconnecting (\(cause))")
        if isJSON {
          Terminal.write(JSONText.object([("reconnecting", ["cause": .string(cause)])]).line)
        }
      case .ended(let ended):
        if isJSON {
          Terminal.write(JSONText.object([("ended", JSONText(ended))]).line)
        } else if needsNewline {
          Terminal.write("\n")
        }
        if ended.untilDelivered == true { await noteDelivered(ended.summary.job) }
        return ended.summary
      }
    }
    throw CommandError(.unavailable, "the stream ended without the job's end")
  }

  /// The output is here: the cluster need not keep it any longer.
  private func noteDelivered(_ job: JobID) async {
    do throws(ClientFailure) {
      _ = try await client.patientCall(Purge(jobs: [job]))
    } catch {
      Terminal.note(
        "yard: the output of job \(job) is kept until its time is over: "
          + CommandError(error).message)
    }
  }

  private func next(_ iterator: inout JobUpdates.Iterator) async throws -> JobUpdate? {
    do throws(ClientFailure) { return try await iterator.next() } catch {
      throw CommandError(error)
    }
  }

  private func finish(_ job: JobSummary, wasInterrupted: Bool) throws {
    if !isJSON { Terminal.note(job.receipt) }
    if wasInterrupted { throw CommandError(.interrupted, "") }
    switch job.state {
    case .completed: return
    case .cancelled: throw CommandError(.jobFailed, isJSON ? "" : "job \(job.job) was cancelled")
    default:
      throw CommandError(
        .jobFailed,
        "job \(job.job) \(job.state.name): \(errorName(job.error))"
          + (job.errorText.isEmpty ? "" : ": \(job.errorText)"))
    }
  }

  private func write(_ accepted: Accepted) {
    Terminal.write(
      JSONText.object([
        (
          "accepted",
          [
            "job": .id(accepted.job), "hold_nano": .unsigned(accepted.hold.rawValue),
            "commit_index": .unsigned(accepted.commitIndex.rawValue),
            "duplicate": .boolean(accepted.duplicate),
          ]
        )
      ]).line)
  }
}

/// Counts Ctrl-C.
private actor Interruption {
  private(set) var count = 0
  func arrived() -> Int {
    count += 1
    return count
  }
}
