internal import ArgumentParser
internal import ExchangeTypes
internal import Foundation
internal import JobDispatch
internal import TokenLedger
internal import WireProtocol

/// `yard ledger`.
struct LedgerCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "The books: show, move, take back, export, archive, audit.",
    discussion: """
      Example: yard ledger export --format json --to books.jsonl
               yard ledger audit books.jsonl
      """,
    subcommands: [
      Show.self, Move.self, Reverse.self, Fee.self, Export.self, Archive.self, Audit.self,
    ])

  struct Show: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List transfers, oldest first (scope admin).",
      discussion: "Example: yard ledger show --after 100 --limit 20")

    @Option(help: "The transfer after which to begin.") var after: UInt64 = 0
    @Option(help: "How many at most, 1 to 512.") var limit: UInt32 = 100
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      guard (1...512).contains(limit) else { throw ValidationError("--limit takes 1 to 512") }
    }

    func run() async throws {
      let listing = try await cluster.withClient {
        try await LedgerReader(client: $0).page(after: TransferID(after), limit: limit)
      }
      LedgerCommand.print(listing.transfers, asJSON: cluster.isJSON)
    }
  }

  struct Move: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      commandName: "transfer",
      abstract: "Move credit between accounts, all of it or nothing (scope admin).",
      discussion: """
        Each move is FROM:TO:AMOUNT, by the numbers of accounts. Out of issuance (2) is credit, into it a redemption.

        Example: yard ledger transfer 4:2:12.5
                 yard ledger transfer 3:7:0.5 7:4:0.5
        """)

    @Argument(help: ArgumentHelp("What is moved, in this order.", valueName: "from:to:credits"))
    var moves: [String]
    @OptionGroup var request: RequestOptions
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      _ = try moves.map(Self.leg)
      guard moves.count <= 16 else { throw ValidationError("at most 16 moves go together") }
    }

    private static func leg(_ text: String) throws -> TransferLeg {
      let parts = text.split(separator: ":", omittingEmptySubsequences: false)
      guard parts.count == 3, let debit = UInt64(parts[0]), let credit = UInt64(parts[1]) else {
        throw ValidationError("'\(text)' is not FROM:TO:AMOUNT, such as 3:4:12.5")
      }
      return TransferLeg(
        debit: AccountID(debit), credit: AccountID(credit),
        amount: try Amount.parse(String(parts[2])))
    }

    func run() async throws {
      let post = TransferPost(requestKey: request.key, legs: try moves.map(Self.leg))
      let report = try await request.once { try await cluster.ask(post, LedgerCommand.transfers) }
      LedgerCommand.print(report.entries.map { Transfer($0) }, asJSON: cluster.isJSON)
    }
  }

  struct Reverse: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Take a transfer back, with all that were posted with it (scope admin).",
      discussion: "Example: yard ledger reverse 17")

    @Argument(help: "The transfer's number.") var transfer: UInt64
    @OptionGroup var request: RequestOptions
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let reverse = TransferReverse(requestKey: request.key, transfer: TransferID(transfer))
      let report = try await request.once {
        try await cluster.ask(reverse, LedgerCommand.transfers)
      }
      LedgerCommand.print(report.entries.map { Transfer($0) }, asJSON: cluster.isJSON)
    }
  }

  struct Fee: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Show or set what the operator takes of the charge of later jobs (scope admin).",
      discussion: """
        In parts of a million of the charge; it comes out of the supplier's share.

        Example: yard account create fees --kind fees
                 yard ledger fee 25000 --to 6
        """)

    @Argument(help: ArgumentHelp("Parts of a million; without it, shows what holds.")) var parts:
      UInt32?
    @Option(help: "The account of kind fees that gets it.") var to: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let report = try await cluster.ask(FeeSet(parts: parts, account: AccountID(to))) {
        if case .feeReport(let report) = $0 { report } else { nil }
      }
      if cluster.isJSON {
        let line: JSONText = ["parts": .number(report.parts), "account": .id(report.account)]
        Terminal.write(line.line)
      } else if report.parts == 0 {
        Terminal.write("the operator takes nothing\n")
      } else {
        Terminal.write(
          "the operator takes \(report.parts) of a million, to account \(report.account)\n")
      }
    }
  }

  struct Export: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Write the journal, with every account at both of its ends (scope admin).",
      discussion: """
        json can be audited, beancount can be checked with bean-check, csv is the transfers alone. The journal keeps the
        newest transfers; yard ledger archive keeps all of them.

        Example: yard ledger export --format beancount --to books.beancount
        """)

    @Option(help: "json, csv or beancount.") var format: LedgerFormat = .json
    @Option(help: ArgumentHelp("The file; standard output if absent.", valueName: "file"))
    var to: String?
    @Option(help: "The transfer after which to begin; all that is kept if absent.")
    var after: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let export = try await cluster.withClient {
        try await LedgerReader(client: $0).export(after: TransferID(after))
      }
      let text = format.text(of: export)
      guard let to else { return Terminal.write(text) }
      do { try Data(text.utf8).write(to: URL(fileURLWithPath: to), options: .atomic) } catch {
        throw CommandError(.refused, "\(to) cannot be written: \(error)")
      }
      Terminal.note(
        "\(export.transfers.count) transfers and \(export.accounts.count) accounts are in \(to)")
    }
  }

  struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check exported books by themselves: no cluster, no key.",
      discussion: """
        Computes every balance and the journal's chain again. Several files must be pieces that join, the oldest first; a
        directory stands for the pieces that yard ledger archive wrote there. It is whole if it begins with transfer 1.

        Example: yard ledger audit books.jsonl
        """)

    @Argument(help: ArgumentHelp("Exports of format json, or archives.", valueName: "file"))
    var files: [String]
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func run() throws {
      let audit = try LedgerArchive.audit(files) { _ in }
      let (first, head) = (audit.first, audit.head)
      if output == .json {
        let line: JSONText = [
          "first_transfer": .id(first), "transfers": .unsigned(audit.count),
          "accounts": .number(UInt64(audit.accounts)), "head": .id(head.transfer),
          "head_hash": .string(hexadecimal(head.hash)),
        ]
        return Terminal.write(line.line)
      }
      Terminal.write(
        "\(audit.count) transfers, from \(first) on, between \(audit.accounts) accounts are as the journal says\n"
          + "chain hash after transfer \(head.transfer): \(hexadecimal(head.hash))\n")
      guard first > TransferID(1) else { return }
      Terminal.write(
        "what accounts had before transfer \(first) is the exporter's word; the pieces before it would show it\n"
      )
    }
  }

  private static func transfers(_ message: Message) -> TransferReport? {
    if case .transferReport(let report) = message { report } else { nil }
  }

  private static func print(_ transfers: [Transfer], asJSON: Bool) {
    if asJSON {
      for transfer in transfers { Terminal.write(JSONText(transfer).line) }
      return
    }
    var table = Table("TRANSFER", "KIND", "FROM", "TO", "CREDITS", "JOB", "TAKES BACK", "TOKENS")
    for transfer in transfers {
      table.add(
        "\(transfer.id)", transfer.kind.name, "\(transfer.debit)", "\(transfer.credit)",
        "\(transfer.amount)", transfer.job.map { "\($0)" } ?? "",
        transfer.reverses.map { "\($0)" } ?? "",
        transfer.sale.map { "\($0.promptTokens.rawValue) and \($0.outputTokens.rawValue)" } ?? "")
    }
    Terminal.write(table.text)
  }
}

extension LedgerFormat: ExpressibleByArgument {}
