internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

/// What a reader has of a stream beyond what its leader has, as far as the leader knows.
enum ReaderTail {
  /// Nothing, or nothing that this leader needs.
  case none
  /// It was asked for, from an event on: these have come of it.
  case asked(epoch: Epoch, from: UInt64, events: [Event])
  /// It was asked for, and has come or is not needed any more.
  case heard
}

// What a leader had sent and not committed when it died: its readers have it, under a MAC that every coordinator can
// check, and show it to the next leader. It becomes what it was, events of the attempt that made them, and is
// committed as such. See the room's README ("What readers have beyond the record") and decision 17.
extension Dispatcher {
  /// A new leader keeps an attempt whose worker is lost until those are back who may have more of it than the record.
  ///
  /// An attached job has one reader, without whom it ends by its orphan timer; a submitted one goes on without, so
  /// its readers have one lease.
  func awaitTails(of job: Job) {
    guard let relay = relays[job.id], job.state == .running else { return }
    relay.tailsUntil = job.mode == .attached ? .max : graceUntil
  }

  /// A reader has come, perhaps with a tail; answers whether it goes on.
  ///
  /// The tail itself is asked for only where the leader lacks it. A claim that no leader made ends the reader.
  func hearTail(_ claim: TailClaim?, of reader: JobReader, _ job: Job) -> Bool {
    let relay = relays[job.id]
    if let claim {
      guard let isVouched = isVouched(claim, reader, job, relay) else {
        finish(reader, .keyUnavailable(job.id))
        return false
      }
      guard isVouched else {
        refuseTail(of: reader)
        return false
      }
      if let relay, !relay.isEnding, relay.attempt.epoch == claim.epoch,
        relay.last >= claim.durableThrough, relay.last < reader.next - 1
      {
        let from = relay.last + 1
        reader.tail = .asked(epoch: claim.epoch, from: from, events: [])
        reader.channel.send(TailQuery(job: job.id, fromSeq: from))
        if reader.isAttached {
          relay.tailsUntil = min(
            relay.tailsUntil, clock.now + UInt64(WorkerSession.leaseMilliseconds))
        }
        return true
      }
    }
    if reader.isAttached { stopAwaitingTails(relay) }
    return true
  }

  /// Whether a leader vouched for what the reader claims to have; nil if that cannot be checked.
  private func isVouched(
    _ claim: TailClaim, _ reader: JobReader, _ job: Job, _ relay: StreamRelay?
  ) -> Bool? {
    guard let hash = reader.unverifiedHash, claim.durableThrough < reader.next - 1,
      reader.next - 1 - claim.durableThrough <= StreamRelay.windowEvents
    else { return false }
    guard
      let mac = relay?.mac
        ?? (try? sealer.unwrap(job.wrappedKey)).map({ StreamMAC(key: sealer.streamKey(of: $0)) })
    else { return nil }
    return mac.isValid(
      claim.mac,
      for: .init(
        attempt: AttemptID(job: job.id, epoch: claim.epoch), lastSeq: reader.next - 1,
        durableThrough: claim.durableThrough, hash: hash))
  }

  /// A part of a tail has come that a reader was asked for.
  ///
  /// Its chain hash must be the one that the claim vouches for; then it is as good as if its worker had sent it.
  func received(_ message: Tail, for reader: JobReader) {
    guard !reader.isDone else { return }
    switch reader.tail {
    case .heard: return  // meanwhile its worker has sent it
    case .none:
      finish(reader, Failure(refusing: .malformedRequest, "nobody asked for a tail"))
    case .asked(let epoch, let from, let before):
      guard let relay = relays[reader.job], relay.attempt.epoch == epoch, !relay.isEnding,
        let hash = reader.unverifiedHash
      else {
        reader.tail = .heard
        return
      }
      let events = before + message.events
      let end = from + UInt64(events.count)
      guard message.job == reader.job, !message.events.isEmpty, end <= reader.next,
        events.map(\.seq) == Array(from..<end)
      else { return refuseTail(of: reader) }
      guard end == reader.next else {
        reader.tail = .asked(epoch: epoch, from: from, events: events)
        return
      }
      reader.tail = .heard
      // Where the beginning has been trimmed its worker has sent all of it again: the reader is compared with that.
      if let before = relay.hash(at: from - 1) {
        guard before.appending(events) == hash else { return refuseTail(of: reader) }
        guard take(events, after: before, into: relay, from: reader) else { return }
      }
      if reader.isAttached { stopAwaitingTails(relay) }
      armCheckpoint()
      pumpReaders(of: reader.job)
    }
  }

  /// Appends what the attempt's stream lacks of a true tail; answers whether the reader goes on.
  ///
  /// Its worker may have sent something else meanwhile than it once did: nothing is spliced onto that.
  private func take(
    _ events: [Event], after before: ChainHash, into relay: StreamRelay, from reader: JobReader
  ) -> Bool {
    let known = events.prefix { $0.seq <= relay.received }
    guard known.count < events.count else { return true }
    guard before.appending(known) == relay.receivedHash else {
      if reader.isAttached { stopAwaitingTails(relay) }
      if let job = exchange.job(reader.job) { diverged(reader, job) }
      return false
    }
    do throws(StreamRelay.Refusal) {
      _ = try relay.append(events)
    } catch {
      // No leader has sent a reader such events; whoever made them, this one outlives them.
      refuseTail(of: reader)
      lose(relay, .engineGarbled, retryElsewhere: false)
      return false
    }
    return true
  }

  /// The reader that an attached job waited for is here, with what it has: if the worker is lost, the job goes on.
  private func stopAwaitingTails(_ relay: StreamRelay?) { relay?.tailsUntil = 0 }

  private func refuseTail(of reader: JobReader) {
    finish(
      reader,
      Failure(
        refusing: .tailInvalid,
        "the reader has not been sent the events before \(reader.next) as it shows them",
        job: reader.job))
  }
}
