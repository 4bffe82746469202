internal import ExchangeTypes
internal import WireProtocol

/// What `yard doctor` concludes from the coordinators' own answers.
///
/// Pure: it asks nobody.
struct ClusterFindings {
  /// What each coordinator that was asked answered.
  let answers: [CoordinatorAnswer]
  /// The members as the leader sees them; nil without a leader that answers.
  let report: ClusterReport?

  /// A follower that is so many entries behind is not catching up with a load that it should bear.
  private static let entriesBehindMax: UInt64 = 20_000
  private static let contactAgeMaxMs: UInt64 = 5_000

  private var statuses: [StatusReport] { answers.compactMap { try? $0.result.get() } }

  /// Those of whom nothing is known, with why: what was asked was refused, or (`isRefusal` false) not answered.
  private func failed(isRefusal: Bool) -> [(endpoint: String, error: CommandError)] {
    answers.compactMap { answer in
      guard case .failure(let error) = answer.result, (error.code == .refused) == isRefusal else {
        return nil
      }
      return (answer.endpoint, error)
    }
  }

  var all: [Finding] { [reach, quorum] + members + storage + [versions, agreement] }

  /// A coordinator that refuses is there: how it fares, it tells others.
  private var reach: Finding {
    let (silent, refusing) = (failed(isRefusal: false), failed(isRefusal: true))
    func of(_ failed: [(endpoint: String, error: CommandError)]) -> String {
      "\(failed.map(\.endpoint).joined(separator: ", ")) of \(answers.count)"
    }
    if let first = silent.first {
      return Finding(
        "coordinators", statuses.isEmpty && refusing.isEmpty ? .bad : .warning,
        "\(of(silent)) did not answer: \(first.error.message)",
        advice:
          "start what is stopped (systemctl status switchyard-coordinator there); correct --endpoint if it has moved"
      )
    }
    if let first = refusing.first {
      return Finding(
        "coordinators", statuses.isEmpty ? .unknown : .warning,
        "\(of(refusing)) were not asked, or refused: \(first.error.message)", advice: Self.whoMayAsk
      )
    }
    return Finding("coordinators", .ok, "all \(answers.count) answer")
  }

  private static let whoMayAsk =
    "ask with a key of the cluster (scope admin tells most), and as --identity name a client's (yard init's "
    + "client/identity) or a directory with ca.pem and nothing else: a node's own certificate is no client's"

  private var quorum: Finding {
    let leaders = statuses.filter { $0.role == .leader }
    guard let leader = leaders.max(by: { $0.term < $1.term }) else {
      // Where a majority of those asked is silent, nobody leads, whatever the others refuse to say.
      let silent = failed(isRefusal: false)
      guard failed(isRefusal: true).isEmpty || silent.count * 2 > answers.count else {
        return Finding(
          "quorum", .unknown, "no coordinator that answers leads, and not all could be asked",
          advice: Self.whoMayAsk)
      }
      return Finding(
        "quorum", .bad, "no coordinator leads",
        advice:
          "a majority must reach one another: bring coordinators back, look at the network between them; if most "
          + "disks are lost for good: yard restore --help")
    }
    guard let report else {
      return Finding(
        "quorum", .unknown, "coordinator \(leader.replica) leads",
        advice: "the members are told to a key of scope admin only")
    }
    let voters = report.members.filter { $0.role == .voter }
    // One that has lost its votes answers, and counts for nothing.
    let heard = voters.filter {
      $0.replica == report.leader
        || $0.contactAgeMs <= Self.contactAgeMaxMs && !report.hasLostVotes($0)
    }
    let spare = heard.count - (voters.count / 2 + 1)
    let found =
      "coordinator \(report.leader) leads in term \(report.term), \(heard.count) of \(voters.count) voters heard"
    guard spare > 0 || voters.count == 1 else {
      return Finding(
        "quorum", spare < 0 ? .bad : .warning, found,
        advice:
          "one more that fails stops the cluster: bring the others back, or replace them (yard cluster --help)"
      )
    }
    if voters.count.isMultiple(of: 2) {
      return Finding(
        "quorum", .warning, found,
        advice: "an even number of voters survives no more than one less: add or remove one")
    }
    return Finding("quorum", .ok, found)
  }

  private var members: [Finding] {
    guard let report else { return [] }
    return report.members.compactMap { member in
      guard member.role != .retired, member.replica != report.leader else { return nil }
      let behind =
        report.lastIndex.rawValue - min(member.matchIndex, report.lastIndex).rawValue
      let name = "coordinator \(member.replica) at \(member.address)"
      if report.hasLostVotes(member) {
        return Finding(
          "lag", .bad, "\(name) has lost its disk, and with it its votes: it counts for nothing",
          advice:
            "yard cluster remove \(member.replica), and add it again under a new id (runbook: Replacing a coordinator)"
        )
      }
      guard member.contactAgeMs <= Self.contactAgeMaxMs else {
        return Finding(
          "lag", .bad, "the leader does not hear \(name)",
          advice:
            "start it, or look at the network between them; if its disk is lost, replace it under a new id"
        )
      }
      guard behind <= Self.entriesBehindMax else {
        return Finding(
          "lag", .warning, "\(name) is \(behind) entries behind",
          advice:
            "its disk or its network is slow: the leader's load is what the slower of the majority can bear"
        )
      }
      return Finding("lag", .ok, "\(name) is \(behind) entries behind")
    }
  }

  /// What each coordinator says of its disk; nothing of one that does not say it.
  private var storage: [Finding] {
    statuses.compactMap { status in
      guard let used = status.diskUsed, let capacity = status.diskCapacity else { return nil }
      let found =
        "coordinator \(status.replica) uses \(used >> 20) of \(capacity >> 20) MiB"
      guard used >= capacity / 10 * 7 else { return Finding("storage", .ok, found) }
      return Finding(
        "storage", used >= capacity / 5 * 4 ? .bad : .warning, found,
        advice:
          "from four fifths on, while it leads, no new job is taken: make room on its volume, keep outputs for less long "
          + "(yard retention), or raise --disk-budget"
      )
    }
  }

  private var versions: Finding {
    let programs = Set(statuses.map(\.software)).sorted()
    // 0: a member has not said it in this term, since it is down or was not asked yet.
    let highest =
      report?.members.filter { $0.role != .retired && $0.stateVersionMax > 0 }
      .map(\.stateVersionMax) ?? []
    let found =
      "\(programs.joined(separator: ", ")); state version \(statuses.map(\.stateVersion).max() ?? 0)"
    guard programs.count <= 1, Set(highest).count <= 1 else {
      return Finding(
        "versions", .warning, found,
        advice: "finish the rolling upgrade: new behaviour begins when every voter has it")
    }
    return statuses.isEmpty
      ? Finding("versions", .unknown, "nobody answered") : Finding("versions", .ok, found)
  }

  private var agreement: Finding {
    if let status = statuses.first(where: { $0.divergedAt != nil }) {
      return Finding(
        "agreement", .bad,
        "coordinator \(status.replica) has another state than the majority since entry \(status.divergedAt ?? LogIndex(0))",
        advice:
          "it has stopped serving: keep its directory for whoever looks into it, and replace it under a new id"
      )
    }
    let states = Dictionary(grouping: statuses) { $0.appliedIndex }
    if let differ = states.first(where: { Set($0.value.map(\.digest)).count > 1 }) {
      return Finding(
        "agreement", .bad, "two states after entry \(differ.key)",
        advice: "ask again; if it stays, stop giving new work and keep every directory")
    }
    guard let index = statuses.map(\.appliedIndex).max() else {
      return Finding("agreement", .unknown, "nobody answered")
    }
    return Finding("agreement", .ok, "no two states after one entry, up to entry \(index)")
  }
}
