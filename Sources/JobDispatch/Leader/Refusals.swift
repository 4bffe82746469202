internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import WireProtocol

extension Failure {
  /// What a client is told when the state machine refuses.
  ///
  /// A wait that the state machine names is the failure's own, and no fact beside it.
  init(_ rejection: Rejection, retryAfterMs: UInt32? = nil) {
    let facts = rejection.details.filter { $0.name != "retry_after_ms" }
    let wait = rejection.details.first { $0.name == "retry_after_ms" }.flatMap { UInt64($0.value) }
    self.init(
      refusing: rejection.code, rejection.circumstance?.what,
      facts: facts.map(\.words).joined(separator: ", "),
      instead: rejection.circumstance?.instead,
      details: facts.map { ErrorDetail(name: $0.name, value: $0.value) },
      retryAfterMs: retryAfterMs ?? wait.map { UInt32(clamping: $0) },
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
        refusing: .overloaded, "the leader has as much unfinished work as it takes",
        retryAfterMs: 100)
    case .unknown:
      self.init(
        refusing: .outcomeUnknown, "leadership changed before the answer",
        retryAfterMs: Self.handoverDelay)
    case .invalid:
      self.init(refusing: .malformedRequest, "a field is longer than the protocol allows")
    }
  }

  /// Milliseconds after which a request is repeated whose leader leads no more.
  ///
  /// As long as a handover takes, or an election that need not wait for a timeout; whoever is refused again waits
  /// longer each time.
  static let handoverDelay: UInt32 = 20

  /// This node does not lead.
  static var notLeader: Failure {
    Failure(
      .notLeader, "this coordinator does not lead; another will, try again",
      retryAfterMs: handoverDelay)
  }

  /// Who leads is not known, or is not reachable.
  static let noLeader = Failure(
    refusing: .unavailable, "no leader is known or reachable at the moment",
    retryAfterMs: 2 * handoverDelay)

  /// The wrapping key that a job is sealed under is not here, and no other coordinator gave it.
  static func keyUnavailable(_ job: JobID) -> Failure {
    Failure(
      .keyUnavailable, "the key that job \(job) is sealed under is not in this cluster's keyrings",
      job: job)
  }
}

extension Rejection {
  /// What is wrong and would be right where the words for its code would mislead; nil where they do not.
  fileprivate var circumstance: (what: String, instead: String)? {
    switch (code, details.first?.name) {
    case (.noCapacity, "workers"):
      ("the account has as many workers as it may, all online", "end one first")
    case (.tooManyKeys, "requests"):
      (
        "the account has asked for keys and rotated them as often within a day as it may",
        "ask again later, or let an administrator do it"
      )
    case (.forbidden, "reason") where details.first?.value == "has_a_limit":
      ("a key with a limit makes and limits no keys", "use a key without one")
    case (.forbidden, "reason") where details.first?.value == "delegated":
      (
        "a delegated key makes, changes and ends no keys and no budgets",
        "use the key that it was delegated by"
      )
    case (.forbidden, "reason") where details.first?.value == "outside_its_budget":
      (
        "the key draws on a budget, and makes and changes only what is below that one",
        "name something below it, or use a key of the account that draws on none"
      )
    case (.forbidden, "reason") where details.first?.value == "outlives_its_maker":
      (
        "a key that ends makes, rotates and revokes none that lives longer",
        "name an earlier end, or use a key that lives as long"
      )
    case (.insufficientCredit, "amount"):
      (
        "the account that is to pay has less than the transfer takes from it",
        "move no more than is available, or credit that account first"
      )
    case (.wrongState, "reason"):
      ("nobody could administer the cluster without this key", "make another admin key first")
    case (.wrongState, "state_version"):
      (
        "a coordinator of the cluster may be of a program that does not know this yet",
        "upgrade them all; the leader raises the cluster's state version then"
      )
    case (.wrongState, "part"), (.wrongState, "parts"):
      ("the request's body did not arrive whole", "send the request again")
    default: nil
    }
  }
}

extension Rejection.Detail {
  /// The fact in words: scopes by their names.
  fileprivate var words: String {
    let plain = name.split(separator: "_").joined(separator: " ")
    guard ["scope", "scopes", "allowed"].contains(name), let bits = UInt32(value) else {
      return "\(plain) \(value)"
    }
    let names = Scopes(rawValue: bits).names
    return "\(plain) \(names.isEmpty ? "none" : names.joined(separator: ", "))"
  }
}
