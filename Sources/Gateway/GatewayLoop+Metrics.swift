internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import NIOCore
internal import WireProtocol

// What `GET /metrics` answers.
extension GatewayLoop {
  /// How long a scrape waits for what only a leader tells: Prometheus gives it 10 s for everything.
  private static let leaderSeconds: Int64 = 3

  /// What all loops of this gateway have counted, together; with a key, the GPUs that workers tell of to its account too.
  ///
  /// Where these are not to be had the rest is told all the same: who watches a gateway is to see it while there is no leader.
  func answerMetrics(_ key: String, _ request: HTTPRequest, _ connection: HTTPConnection) {
    let answer = CallAnswer()
    connection.answer(request, with: answer)
    guard !key.isEmpty else { return sendMetrics([], answer, connection) }
    // Completed by whichever comes first; the other changes nothing.
    let listed = eventLoop.makePromise(of: Result<WorkerListing, ClientFailure>.self)
    let late = eventLoop.scheduleTask(in: .seconds(Self.leaderSeconds)) {
      listed.succeed(.failure(.unavailable(lastCause: "none answered a scrape", waited: 3_000)))
    }
    client.call(WorkerList(), key: key) { result in
      late.cancel()
      listed.succeed(
        result.flatMap {
          guard case .workerListing(let listing) = $0 else {
            return .failure(.violated("a question for workers was answered by another message"))
          }
          return .success(listing)
        })
    }
    let bound = NIOLoopBound((self, connection, answer), eventLoop: eventLoop)
    listed.futureResult.whenSuccess { result in
      let (loop, connection, answer) = bound.value
      switch result {
      case .success(let listing): loop.sendMetrics(listing.gpus ?? [], answer, connection)
      case .failure(let failure):
        loop.counters.notListed(HTTPRefusal(failure).code)
        loop.sendMetrics([], answer, connection)
      }
    }
  }

  private func sendMetrics(
    _ gpus: [WorkerGPU], _ answer: CallAnswer, _ connection: HTTPConnection
  ) {
    let counters = all.map { loop in loop.eventLoop.submit { loop.value.counters } }
    let bound = NIOLoopBound((connection, answer), eventLoop: eventLoop)
    EventLoopFuture.reduce(into: GatewayCounters(), counters, on: eventLoop) { $0.add($1) }
      .whenComplete { result in
        let (connection, answer) = bound.value
        switch result {
        case .success(let counters): connection.send(counters.reply(with: gpus), from: answer)
        case .failure(let error):
          let refusal = HTTPRefusal(.unavailable, "a loop of the gateway has ended: \(error)")
          connection.send(refusal.reply, from: answer)
        }
      }
  }
}
