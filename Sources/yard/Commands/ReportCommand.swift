internal import ArgumentParser
internal import ExchangeTypes
internal import TokenLedger

/// `yard report`.
struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract:
      "What the journal comes to: credit issued, fees, earnings, jobs and tokens (scope admin).",
    discussion: """
      Made of the journal alone: of a file that yard ledger export wrote, without a cluster, it is the same. What consumer and
      supplier of one owner did with each other is counted apart.

      Example: yard report
               yard report --from books.jsonl
      """)

  @Option(
    help: ArgumentHelp(
      "An export of format json; the cluster's journal if absent.", valueName: "file"))
  var from: String?
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let export = try await read()
    do throws(JournalAudit.Fault) { try export.audit() } catch {
      throw CommandError(.refused, "the books are wrong: \(error.sentence)")
    }
    var report = LedgerReport()
    for transfer in export.transfers { report.add(transfer) }
    let first = TransferID(export.base.transfer.rawValue + 1)
    if cluster.isJSON {
      let line: JSONText = [
        "first_transfer": .id(first), "last_transfer": .id(export.head.transfer),
        "issued": .string(report.issued.text), "redeemed": .string(report.redeemed.text),
        "fees": .string(report.fees.text), "earned": .string(report.earned.text),
        "moved": .string(report.moved.text), "paid_jobs": .number(UInt64(report.jobs)),
        "suppliers": .array(
          report.suppliers.map { ["account": .id($0.account), "earned": .string($0.earned.text)] }),
        "sold": JSONText(report.sold), "own_use": JSONText(report.ownUse),
      ]
      return Terminal.write(line.line)
    }
    var table = Table("transfers", "\(first) to \(export.head.transfer)")
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
    Terminal.write(table.text)
  }

  private func read() async throws -> LedgerExport {
    if let from { return try LedgerJSON.export(fromFile: from) }
    return try await cluster.withClient {
      try await LedgerReader(client: $0).export(after: TransferID(0))
    }
  }
}

extension JSONText {
  fileprivate init(_ volume: LedgerReport.Volume) {
    self = [
      "jobs": .unsigned(volume.jobs),
      "prompt_tokens": .written(Array("\(volume.promptTokens)".utf8)),
      "cached_tokens": .written(Array("\(volume.cachedTokens)".utf8)),
      "output_tokens": .written(Array("\(volume.outputTokens)".utf8)),
      "charges": .string(volume.charges.text),
    ]
  }
}
