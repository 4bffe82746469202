internal import ArgumentParser
internal import ExchangeTypes
internal import JobDispatch
internal import TokenLedger

/// `yard report`.
struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "What the journal comes to: credit issued, fees, earnings, jobs and tokens (scope admin).",
    discussion: """
      Made of the journal alone. The cluster keeps the newest 100,000 of its lines: of the whole history it is made of what yard
      ledger archive wrote, and needs no cluster then. Several files must be pieces that join, the oldest first; a directory
      stands for those in it. What consumer and supplier of one owner did with each other is counted apart.

      Example: yard report
               yard report --from /var/lib/switchyard/journal newest.jsonl
      """)

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp(
      "Exports of format json, or archives; the cluster's journal if absent.", valueName: "file"))
  var from: [String] = []
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    var report = LedgerReport()
    let audit: JournalAudit
    if from.isEmpty {
      let export = try await cluster.withClient {
        try await LedgerReader(client: $0).export(after: TransferID(0))
      }
      var whole = JournalAudit()
      try whole.take(export, named: "what the cluster says")
      for transfer in export.transfers { report.add(transfer) }
      audit = whole
    } else {
      audit = try LedgerArchive.audit(from) { report.add($0) }
    }
    if cluster.isJSON {
      let reply = MoneyAnswer.report(report, from: audit.first, through: audit.head.transfer)
      return Terminal.write(String(decoding: reply.body, as: UTF8.self) + "\n")
    }
    var table = Table("transfers", "\(audit.first) to \(audit.head.transfer)")
    table.add("credit issued", report.issued.text)
    table.add("redeemed", report.redeemed.text)
    table.add("paid jobs", "\(report.jobs)")
    table.add("suppliers earned", report.earned.text)
    for supplier in report.suppliers {
      table.add("  account \(supplier.account)", supplier.earned.text)
    }
    table.add("fees", report.fees.text)
    table.add("moved by hand", report.moved.text)
    for (name, volume) in [("sold", report.sold), ("own use", report.ownUse)] {
      table.add(name, "\(volume.jobs) jobs, charged \(volume.charges.text)")
      table.add("  prompt tokens", "\(volume.promptTokens), of them \(volume.cachedTokens) cached")
      table.add("  output tokens", "\(volume.outputTokens)")
    }
    if audit.first > TransferID(1) {
      table.add("taken back of what was before", report.takenBackBefore.text)
    }
    Terminal.write(table.text)
  }
}
