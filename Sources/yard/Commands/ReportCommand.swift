internal import ArgumentParser
internal import ExchangeTypes
internal import TokenLedger

/// `yard report`.
struct ReportCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "What the journal comes to: credit issued, fees, suppliers' earnings (scope admin).",
    discussion: """
      Made of the transfers alone: of a file that yard ledger export wrote, without a cluster, it is the same. Jobs and tokens
      are in no transfer: of a cluster the report says what was sold in the week of log time that the state counts, with what
      suppliers sold to themselves apart.

      Example: yard report
               yard report --from books.jsonl
      """)

  @Option(
    help: ArgumentHelp(
      "An export of format json; the cluster's journal if absent.", valueName: "file"))
  var from: String?
  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let (export, volume) = try await read()
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
        "week": volume.map { JSONText($0) } ?? .null,
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
    if let volume {
      table.add("sold in a week", "\(volume.jobs) jobs")
      table.add("  prompt tokens", "\(volume.promptTokens), and \(volume.cachedTokens) cached")
      table.add("  output tokens", "\(volume.outputTokens)")
      table.add("sold to themselves", "\(volume.ownJobs) jobs, \(volume.ownTokens) tokens")
    }
    Terminal.write(table.text)
  }

  /// The journal, and of a cluster what was sold beside it.
  private func read() async throws -> (LedgerExport, SalesVolume?) {
    if let from { return (try LedgerJSON.export(fromFile: from), nil) }
    return try await cluster.withClient { client -> (LedgerExport, SalesVolume?) in
      let export = try await LedgerReader(client: client).export(after: TransferID(0))
      // Nobody else has workers.
      let sellers = export.accounts.map(\.line).filter {
        $0.kind == .supplier || $0.kind == .operator
      }
      return (export, try await SalesVolume(of: sellers.map(\.account), asking: client))
    }
  }
}
