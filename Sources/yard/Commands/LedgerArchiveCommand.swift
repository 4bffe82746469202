internal import ArgumentParser
internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

extension LedgerCommand {
  struct Archive: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Add what has been posted since to a directory of the whole journal (scope admin).",
      discussion: """
        The cluster keeps the newest 100,000 transfers and drops the others, archived or not: run this more often than so
        many are posted, as from a timer. Each run adds one piece, an export that joins the newest one there is, checked
        before it gets its name and then never changed. All pieces together can be audited without the cluster.

        A piece has a line for every account beside its transfers: few and large ones (--at-least) take less room.

        Example: yard ledger archive /var/lib/switchyard/journal --at-least 20000
                 yard ledger audit /var/lib/switchyard/journal
        """)

    @Argument(help: ArgumentHelp("The directory; made if there is none.", valueName: "dir"))
    var directory: String
    @Option(help: "Add nothing while fewer transfers than this wait.") var atLeast: UInt64 = 1
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let archive = try LedgerArchive(directory)
      let newest = try archive.newest()
      let end = newest?.head
      let export = try await cluster.withClient { client -> LedgerExport? in
        let reader = LedgerReader(client: client)
        let kept = try await reader.page(after: end?.transfer ?? TransferID(0), limit: 1)
        let last = end?.transfer ?? kept.base
        guard last >= kept.base else {
          throw CommandError(
            .refused,
            "transfers \(last.rawValue + 1) to \(kept.base) are neither in \(directory) nor in the cluster any more: "
              + "archive more often, and go on in another directory")
        }
        guard last <= kept.head else {
          throw CommandError(
            .refused,
            "the cluster's journal ends at transfer \(kept.head), and \(directory) at \(last): it is another cluster's, "
              + "or the cluster was restored; go on in another directory")
        }
        guard last < kept.head || end == nil || kept.headHash == end?.hash else {
          throw CommandError(
            .refused,
            "the chain has another hash after transfer \(last) than \(directory): it is another cluster's, or the cluster "
              + "was restored; go on in another directory")
        }
        guard kept.head.rawValue - last.rawValue >= max(1, atLeast) else { return nil }
        return try await reader.export(after: last, from: end)
      }
      guard let export else { return Terminal.note("nothing to add to \(directory)") }
      var audit = newest ?? JournalAudit()
      try audit.take(export, named: "what the cluster says")
      let path = try archive.add(export)
      guard cluster.isJSON else {
        return Terminal.write("\(export.transfers.count) transfers are in \(path)\n")
      }
      let line: JSONText = [
        "piece": .string(path), "transfers": .number(UInt64(export.transfers.count)),
        "head": .id(export.head.transfer), "head_hash": .string(hexadecimal(export.head.hash)),
      ]
      Terminal.write(line.line)
    }
  }
}
