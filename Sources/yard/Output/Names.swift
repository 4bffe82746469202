internal import ExchangeTypes
internal import WireProtocol

// The words that people read and scripts compare: the registry's, in snake_case.

extension Resumption {
  var name: String {
    switch self {
    case .text: "text"
    case .ids: "ids"
    }
  }
}

extension ReplicaRole {
  var name: String {
    switch self {
    case .leader: "leader"
    case .follower: "follower"
    case .candidate: "candidate"
    }
  }
}

extension MemberRole {
  var name: String {
    switch self {
    case .standby: "standby"
    case .voter: "voter"
    case .retired: "retired"
    }
  }
}

extension EventKind {
  var name: String {
    switch self {
    case .text: "text"
    case .reasoning: "reasoning"
    case .delta: "delta"
    case .vector: "vector"
    }
  }
}

/// The name of an error code that came over the wire.
func errorName(_ code: UInt16) -> String { ErrorCode(rawValue: code)?.name ?? "error_\(code)" }

extension JobSummary {
  /// One line about the job's end, for people.
  var receipt: String {
    let ending = error == 0 ? finish?.name ?? state.name : errorName(error)
    return "job \(job): \(promptTokens) prompt + \(outputTokens) output tokens, "
      + "\(charge) credits (\(ending))"
  }
}
