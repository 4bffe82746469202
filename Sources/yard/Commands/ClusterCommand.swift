internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import WireProtocol

/// `yard cluster`.
struct ClusterCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cluster",
    abstract: "List, add, replace and remove coordinators, and move leadership.",
    discussion: """
      One change at a time, with a key of scope admin. A new coordinator has no vote until it is promoted, which waits
      until it has caught up. Ids only rise: one that has lost its data comes back under a new one.

      Example, to replace coordinator 2:
        yard cluster remove 2
        yard cluster prepare ./cluster 4        where the authority's key is; copy ./cluster/coordinator-4 over
        yard coordinator --id 4 --join --listen 10.0.0.2:7400 --peers 1=…,3=…,4=10.0.0.2:7400 --dir …
        yard cluster add 4 10.0.0.2:7400 && yard cluster promote 4
      """,
    subcommands: [
      Status.self, Add.self, Promote.self, Demote.self, Remove.self, Transfer.self, Prepare.self,
    ])

  struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the coordinators, as the leader sees them.",
      discussion: "Example: yard cluster status")

    @OptionGroup var cluster: ClusterOptions

    func run() async throws { try await ClusterCommand.ask(ClusterQuery(), cluster) }
  }

  struct Add: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add a coordinator without a vote.",
      discussion: "Example: yard cluster add 4 10.0.0.4:7400")

    @Argument(help: "Its id, above all that were ever given.") var id: UInt64
    @Argument(help: ArgumentHelp("Where the others reach it.", valueName: "host:port"))
    var address: HostPort
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      try await ClusterCommand.change(.add, id, cluster, address: address.text)
    }
  }

  struct Promote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Give a coordinator a vote, once it has caught up.",
      discussion: "Example: yard cluster promote 4")

    @Argument(help: "Its id.") var id: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws { try await ClusterCommand.change(.promote, id, cluster) }
  }

  struct Demote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a coordinator's vote; it goes on receiving the log.",
      discussion: "Example: yard cluster demote 4")

    @Argument(help: "Its id.") var id: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws { try await ClusterCommand.change(.demote, id, cluster) }
  }

  struct Remove: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Remove a coordinator; its id is never given again.",
      discussion: "Stop its process afterwards. Example: yard cluster remove 2")

    @Argument(help: "Its id.") var id: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws { try await ClusterCommand.change(.remove, id, cluster) }
  }

  struct Transfer: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Hand leadership to a coordinator.",
      discussion: "Example: yard cluster transfer 3")

    @Argument(help: "Who is to lead.") var id: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws { try await ClusterCommand.change(.transfer, id, cluster) }
  }

  struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make the directory of one more coordinator.",
      discussion: """
        Works on the directory that yard init made, where the authority's key and a coordinator's key ring are; asks no
        coordinator. Copy the new directory to its machine.

        Example: yard cluster prepare ./cluster 4
        """)

    @Argument(help: ArgumentHelp("The directory that yard init made.", valueName: "dir"))
    var directory: String
    @Argument(help: "The new coordinator's id.") var id: UInt64
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func run() throws {
      let node = try ClusterDirectory(path: directory).prepare(coordinator: id)
      let line: JSONText = ["directory": .string(node.path)]
      Terminal.write(output == .json ? line.line : "\(node.path)\n")
    }
  }

  fileprivate static func change(
    _ action: ClusterAction, _ id: UInt64, _ cluster: ClusterOptions, address: String = ""
  ) async throws {
    guard id > 0 else { throw CommandError(.usage, "ids of coordinators begin with 1") }
    try await ask(
      ClusterChange(action: action, replica: ReplicaID(id), address: address), cluster)
  }

  /// Asks, and prints how things stand then.
  fileprivate static func ask(_ message: any WireMessage, _ cluster: ClusterOptions) async throws {
    let report = try await cluster.ask(message) {
      if case .clusterReport(let report) = $0 { report } else { nil }
    }
    if cluster.isJSON { return Terminal.write(JSONText(report).line) }
    var table = Table("ID", "ADDRESS", "ROLE", "BEHIND", "HEARD", "VERSIONS")
    for member in report.members {
      let isLeader = member.replica == report.leader
      let behind =
        isLeader
        ? 0 : report.lastIndex.rawValue - min(member.matchIndex, report.lastIndex).rawValue
      table.add(
        "\(member.replica)", member.address, isLeader ? "leader" : member.role.name,
        member.role == .retired ? "-" : "\(behind)",
        report.hasLostVotes(member)
          ? "lost its disk" : member.contactAgeMs == .max ? "-" : "\(member.contactAgeMs) ms ago",
        member.stateVersionMax == 0
          ? "-" : "\(report.stateVersion) of \(member.stateVersionMax)")
    }
    Terminal.write(table.text)
    if report.underWay { Terminal.note("yard: a change is under way") }
  }
}

extension ClusterReport {
  /// Whether a member answers and has forgotten its votes: it counts for nothing.
  func hasLostVotes(_ member: MemberSummary) -> Bool {
    lost?.contains(member.replica) ?? false
  }
}

extension JSONText {
  fileprivate init(_ report: ClusterReport) {
    self = [
      "term": .unsigned(report.term.rawValue), "leader": .id(report.leader),
      "last_index": .unsigned(report.lastIndex.rawValue),
      "state_version": .number(report.stateVersion), "under_way": .boolean(report.underWay),
      "members": .array(
        report.members.map { member in
          [
            "replica": .id(member.replica), "address": .string(member.address),
            "role": .string(member.role.name),
            "match_index": .unsigned(member.matchIndex.rawValue),
            "contact_age_ms": member.contactAgeMs == .max
              ? .null : .unsigned(member.contactAgeMs),
            "state_version_max": .number(member.stateVersionMax),
            "lost_votes": .boolean(report.hasLostVotes(member)),
          ]
        }),
    ]
  }
}
