internal import ExchangeClient
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

/// What one coordinator says of itself, or why it says nothing.
struct CoordinatorAnswer {
  let endpoint: String
  let result: Result<StatusReport, CommandError>

  /// Asks every coordinator of the context, one after the other.
  ///
  /// One answer of each is wanted now, so each gets little time.
  static func all(of context: Context, patience seconds: Double) async throws -> [CoordinatorAnswer]
  {
    let patience = UInt64(min(seconds, 2) * 1_000)
    var answers: [CoordinatorAnswer] = []
    for endpoint in context.endpoints {
      var single = context
      single.endpoints = [endpoint]
      do {
        let status = try await Cluster.withClient(
          of: single, witnesses: context.endpoints, patience: patience
        ) { client in
          try await Patience.saying("waiting for \(endpoint)") {
            try await client.ask(StatusQuery()) {
              if case .statusReport(let report) = $0 { report } else { nil }
            }
          }
        }
        answers.append(CoordinatorAnswer(endpoint: endpoint, result: .success(status)))
      } catch let error as CommandError {
        answers.append(CoordinatorAnswer(endpoint: endpoint, result: .failure(error)))
      }
    }
    return answers
  }
}
