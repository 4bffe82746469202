internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import Transport
internal import WireProtocol

// What `GET /metrics` answers.
extension GatewayLoop {
  /// How long a scrape waits for what only a leader tells: Prometheus gives it 10 s for everything.
  private static let leaderSeconds: Int64 = 3

  /// What a key is told beside that: of the cluster by one coordinator, of its workers and GPUs by the leader.
  private struct Told {
    let listing: WorkerListing
    let status: StatusReport?
    var text: String {
      ClusterGauges.text(listing.workers, status) + GPUGauges.text(listing.gpus ?? [])
    }
  }

  /// What all loops of this gateway have counted, together; with a key, the queue, the log, workers and the GPUs that they tell
  /// of to its account too.
  ///
  /// Where these are not to be had the rest is told all the same: who watches a gateway is to see it while there is no leader.
  func answerMetrics(_ key: String, _ request: HTTPRequest, _ connection: any RequestSource) {
    let answer = CallAnswer()
    connection.answer(request, with: answer)
    guard !key.isEmpty else { return sendMetrics("", answer, connection) }
    // Completed by whichever comes first; the other changes nothing.
    let listed = eventLoop.makePromise(of: Result<Told, ClientFailure>.self)
    let late = eventLoop.scheduleTask(in: .seconds(Self.leaderSeconds)) {
      listed.succeed(.failure(.unavailable(lastCause: "none answered a scrape", waited: 3_000)))
    }
    client.call(WorkerList(), key: key) { [client] result in
      switch result {
      case .success(.workerListing(let listing)):
        client.call(StatusQuery(), key: key) { result in
          late.cancel()
          // A key may be told of workers and not of this.
          let status: StatusReport? =
            if case .success(.statusReport(let status)) = result { status } else { nil }
          listed.succeed(.success(Told(listing: listing, status: status)))
        }
      case .success:
        late.cancel()
        listed.succeed(
          .failure(.violated("a question for workers was answered by another message")))
      case .failure(let failure):
        late.cancel()
        listed.succeed(.failure(failure))
      }
    }
    let bound = NIOLoopBound((self, connection, answer), eventLoop: eventLoop)
    listed.futureResult.whenSuccess { result in
      let (loop, connection, answer) = bound.value
      switch result {
      case .success(let told): loop.sendMetrics(told.text, answer, connection)
      case .failure(let failure):
        loop.counters.notListed(HTTPRefusal(failure).code)
        loop.sendMetrics("", answer, connection)
      }
    }
  }

  private func sendMetrics(
    _ more: String, _ answer: CallAnswer, _ connection: any RequestSource
  ) {
    let counters = all.map { loop in loop.eventLoop.submit { loop.value.counters } }
    let bound = NIOLoopBound((connection, answer), eventLoop: eventLoop)
    let refused = refusals.counts
    EventLoopFuture.reduce(into: GatewayCounters(), counters, on: eventLoop) { $0.add($1) }
      .whenComplete { result in
        let (connection, answer) = bound.value
        switch result {
        case .success(let counters):
          connection.send(counters.reply(with: more, refused: refused), from: answer)
        case .failure(let error):
          let refusal = HTTPRefusal(.unavailable, "a loop of the gateway has ended: \(error)")
          connection.send(refusal.reply, from: answer)
        }
      }
  }
}
