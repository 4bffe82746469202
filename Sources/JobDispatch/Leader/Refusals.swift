internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

extension Failure {
  /// What a client is told when the state machine refuses.
  init(_ rejection: Rejection) {
    let facts = rejection.details.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
    self.init(
      rejection.code,
      facts.isEmpty
        ? rejection.code.name : "\(rejection.code.name): \(facts)",
      details: rejection.details.map { ErrorDetail(name: $0.name, value: $0.value) },
      job: rejection.job ?? JobID(0), charge: rejection.charge)
  }

  /// What a client is told when its command did not get an outcome; nil if it did.
  init?(_ result: CommandResult) {
    switch result {
    case .applied(.accepted, _): return nil
    case .applied(.rejected(let rejection), _): self.init(rejection)
    case .refused(.notLeader): self = .notLeader
    case .refused(.overloaded):
      self.init(
        .overloaded, "the leader has as much unfinished work as it takes; try again shortly",
        retryAfterMs: 100)
    case .unknown:
      self.init(
        .outcomeUnknown,
        "leadership changed before the answer; retry under the same request key", retryAfterMs: 50)
    case .invalid:
      self.init(.malformedRequest, "a field is longer than the protocol allows")
    }
  }

  /// This node does not lead.
  static var notLeader: Failure {
    Failure(
      .notLeader, "this coordinator does not lead; another will, try again", retryAfterMs: 50)
  }
}
