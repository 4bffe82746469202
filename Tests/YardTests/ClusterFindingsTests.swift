import ExchangeTypes
import Testing
import WireProtocol

@testable import yard

@Suite("What yard doctor concludes of a cluster")
struct ClusterFindingsTests {
  private static func answer(
    _ number: UInt64, _ role: WireProtocol.ReplicaRole, diskUsed: UInt64? = nil
  ) -> CoordinatorAnswer {
    CoordinatorAnswer(
      endpoint: "c\(number):1",
      result: .success(
        StatusReport(
          replica: ReplicaID(number), role: role, term: Term(7), leader: ReplicaID(1),
          leaderAddress: "c1:1", commitIndex: LogIndex(9), appliedIndex: LogIndex(9),
          lastIndex: LogIndex(9), digest: [UInt8](repeating: 0, count: 32), stateVersion: 3,
          logTime: LogTime(milliseconds: 1), jobsQueued: 0, jobsRunning: 0, peers: [],
          software: "yard 1", divergedAt: nil, stateVersionMax: 3, refusals: nil,
          diskUsed: diskUsed, diskCapacity: diskUsed.map { _ in 1_000 << 20 })))
  }

  private static func failed(
    _ number: UInt64, _ code: yard.ExitStatus, _ message: String
  ) -> CoordinatorAnswer {
    CoordinatorAnswer(endpoint: "c\(number):1", result: .failure(CommandError(code, message)))
  }

  private static func member(
    _ number: UInt64, contactAge: UInt64 = 20, stateVersionMax: UInt32 = 3
  ) -> MemberSummary {
    MemberSummary(
      replica: ReplicaID(number), address: "c\(number):1", role: .voter, matchIndex: LogIndex(9),
      contactAgeMs: contactAge, stateVersionMax: stateVersionMax)
  }

  private static func report(
    _ members: [MemberSummary], lost: [ReplicaID]? = nil
  ) -> ClusterReport {
    ClusterReport(
      term: Term(7), leader: ReplicaID(1), lastIndex: LogIndex(9), stateVersion: 3, underWay: false,
      members: members, lost: lost)
  }

  private static let healthy = [answer(1, .leader), answer(2, .follower), answer(3, .follower)]

  /// The findings as `check level`, and the text of the first that is not ok.
  private func levels(_ findings: ClusterFindings) -> [String] {
    findings.all.map { "\($0.check) \($0.level.rawValue)" }
  }

  @Test("three that answer, one of them leading, are well")
  func healthy() {
    let findings = ClusterFindings(
      answers: Self.healthy, report: Self.report([1, 2, 3].map { Self.member($0) }, lost: []))
    #expect(
      levels(findings)
        == ["coordinators ok", "quorum ok", "lag ok", "lag ok", "versions ok", "agreement ok"])
  }

  @Test("a voter that lost its votes is bad, with what to do, and is not counted as heard")
  func lostVotes() throws {
    let findings = ClusterFindings(
      answers: Self.healthy,
      report: Self.report([1, 2, 3].map { Self.member($0) }, lost: [ReplicaID(3)]))
    #expect(
      levels(findings)
        == [
          "coordinators ok", "quorum warning", "lag ok", "lag bad", "versions ok", "agreement ok",
        ])
    #expect(findings.all[1].found.contains("2 of 3 voters heard"))
    let lost = try #require(findings.all.first { $0.level == .bad })
    #expect(lost.found.contains("coordinator 3 at c3:1 has lost its disk"))
    #expect(lost.advice.contains("yard cluster remove 3"))
  }

  @Test("coordinators that refuse who asks are not called down: it is said who may ask")
  func refused() {
    let findings = ClusterFindings(
      answers: (1...3).map { Self.failed($0, .refused, "wrong_role: not a client's") }, report: nil)
    #expect(
      levels(findings)
        == ["coordinators unknown", "quorum unknown", "versions unknown", "agreement unknown"])
    for finding in findings.all.prefix(2) { #expect(finding.advice.contains("client/identity")) }
    #expect(findings.all[0].found.contains("wrong_role"))
  }

  @Test("coordinators that are silent are down, and a refusal beside them hides nothing")
  func silent() {
    let down = (1...3).map { Self.failed($0, .unavailable, "nobody listens") }
    #expect(
      levels(ClusterFindings(answers: down, report: nil)).prefix(2)
        == ["coordinators bad", "quorum bad"])
    let mixed = [down[0], Self.failed(2, .refused, "forbidden: no"), Self.healthy[2]]
    #expect(
      levels(ClusterFindings(answers: mixed, report: nil)).prefix(2)
        == ["coordinators warning", "quorum unknown"])
    let most = [down[0], Self.failed(2, .refused, "forbidden: no"), down[2]]
    #expect(
      levels(ClusterFindings(answers: most, report: nil)).prefix(2)
        == ["coordinators warning", "quorum bad"])
  }

  @Test(
    "a disk that fills is warned of before its leader takes no new jobs, and is bad from then on")
  func storage() throws {
    let report = Self.report([1, 2, 3].map { Self.member($0) })
    let cases: [(UInt64, Finding.Level)] = [
      (699, .ok), (700, .warning), (799, .warning), (800, .bad),
    ]
    for (used, level) in cases {
      let answers = [
        Self.answer(1, .leader, diskUsed: 10 << 20), Self.answer(2, .follower),
        Self.answer(3, .follower, diskUsed: used << 20),
      ]
      let found = ClusterFindings(answers: answers, report: report).all.filter {
        $0.check == "storage"
      }
      #expect(found.map(\.level) == [.ok, level], "\(used)")
      #expect(found[1].found == "coordinator 3 uses \(used) of 1000 MiB")
      #expect(found[1].advice.isEmpty == (level == .ok))
    }
  }

  @Test("a coordinator that is down has said no version: that is no other version")
  func downIsNoOtherVersion() {
    let members = [
      Self.member(1), Self.member(2), Self.member(3, contactAge: .max, stateVersionMax: 0),
    ]
    let answers = [
      Self.healthy[0], Self.healthy[1], Self.failed(3, .unavailable, "nobody listens"),
    ]
    #expect(
      levels(ClusterFindings(answers: answers, report: Self.report(members)))
        == [
          "coordinators warning", "quorum warning", "lag ok", "lag bad", "versions ok",
          "agreement ok",
        ])
    let upgraded = [Self.member(1), Self.member(2, stateVersionMax: 4), Self.member(3)]
    #expect(
      levels(ClusterFindings(answers: Self.healthy, report: Self.report(upgraded)))
        .contains("versions warning"))
  }
}
