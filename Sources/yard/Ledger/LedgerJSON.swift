internal import ExchangeTypes
internal import Foundation
internal import OpenAIFormat
internal import TokenLedger
internal import WireProtocol

/// An export as lines of JSON: a head, a line for each account, a line for each transfer.
///
/// The only format that can be read back: what an audit reads.
enum LedgerJSON {
  /// The format's version, in the head.
  static let version: UInt64 = 1

  static func text(of export: LedgerExport) -> String {
    let head: JSONText = [
      "ledger": .unsigned(version), "base": .id(export.base.transfer),
      "base_hash": .string(hexadecimal(export.base.hash)), "head": .id(export.head.transfer),
      "head_hash": .string(hexadecimal(export.head.hash)),
      "log_time_ms": .unsigned(export.logTime.rawValue),
      "accounts": .number(UInt64(export.accounts.count)),
    ]
    var text = head.line
    for line in export.accounts {
      let value: JSONText = [
        "account": .id(line.account), "name": .string(line.name),
        "kind": .string(line.kind.name),
        "opening_debits_nano": .unsigned(line.opening.debits.rawValue),
        "opening_credits_nano": .unsigned(line.opening.credits.rawValue),
        "closing_debits_nano": .unsigned(line.closing.debits.rawValue),
        "closing_credits_nano": .unsigned(line.closing.credits.rawValue),
      ]
      text += value.line
    }
    for transfer in export.transfers { text += JSONText(transfer).line }
    return text
  }

  /// Reads a file that has what `text` writes.
  ///
  /// - Throws: `CommandError`.
  static func export(fromFile file: String) throws -> LedgerExport {
    let text: String
    do { text = try String(contentsOfFile: file, encoding: .utf8) } catch {
      throw CommandError(.refused, "\(file) cannot be read: \(error)")
    }
    return try export(from: text, named: file)
  }

  /// Reads what `text` writes.
  ///
  /// - Throws: `CommandError` with the number of the line that is not one.
  static func export(from text: String, named file: String) throws -> LedgerExport {
    var export = LedgerExport()
    var accounts: Int?
    let decoder = JSONDecoder()
    decoder.keyDecodingStrategy = .convertFromSnakeCase
    for (number, line) in text.split(separator: "\n").enumerated() {
      let data = Data(line.utf8)
      do {
        guard let expected = accounts else {
          let head = try decoder.decode(Head.self, from: data)
          guard head.ledger == version, let base = hash(head.baseHash),
            let end = hash(head.headHash)
          else { throw Malformed() }
          export.base = JournalPosition(transfer: TransferID(head.base), hash: base)
          export.head = JournalPosition(transfer: TransferID(head.head), hash: end)
          export.logTime = LogTime(milliseconds: head.logTimeMs)
          accounts = Int(clamping: head.accounts)
          continue
        }
        if export.accounts.count < expected {
          export.accounts.append(try decoder.decode(AccountLine.self, from: data).value())
        } else {
          export.transfers.append(try decoder.decode(TransferLine.self, from: data).value())
        }
      } catch {
        throw CommandError(.refused, "\(file):\(number + 1): not a line of an exported ledger")
      }
    }
    guard accounts != nil else { throw CommandError(.refused, "\(file): not an exported ledger") }
    // One text for one value: what else stands in a line would be read by people and checked by nobody.
    let own = self.text(of: export).split(separator: "\n")
    for (number, pair) in zip(own, text.split(separator: "\n")).enumerated() where pair.0 != pair.1
    {
      throw CommandError(.refused, "\(file):\(number + 1): not as an export writes it")
    }
    return export
  }

  private struct Malformed: Error {}

  private struct Head: Decodable {
    let ledger, base, head, logTimeMs, accounts: UInt64
    let baseHash, headHash: String
  }

  private struct AccountLine: Decodable {
    let account: UInt64
    let name, kind: String
    let openingDebitsNano, openingCreditsNano: UInt64
    let closingDebitsNano, closingCreditsNano: UInt64

    func value() throws -> JournalAudit.Line {
      guard let kind = AccountKind.allCases.first(where: { $0.name == kind }) else {
        throw Malformed()
      }
      return JournalAudit.Line(
        account: AccountID(account), name: name, kind: kind,
        opening: .init(
          debits: Credits(nano: openingDebitsNano), credits: Credits(nano: openingCreditsNano)),
        closing: .init(
          debits: Credits(nano: closingDebitsNano), credits: Credits(nano: closingCreditsNano)))
    }
  }

  private struct TransferLine: Decodable {
    let transfer, debit, credit, amountNano, timeMs: UInt64
    let kind: String
    let job, group, reverses: UInt64?
    let promptTokens, cachedTokens, outputTokens, chargeNano: UInt64?
    let ownUse: Bool?

    func value() throws -> Transfer {
      guard let kind = Transfer.Kind.allCases.first(where: { $0.name == kind }) else {
        throw Malformed()
      }
      return Transfer(
        id: TransferID(transfer), debit: AccountID(debit), credit: AccountID(credit),
        amount: Credits(nano: amountNano), kind: kind, job: job.map { JobID($0) },
        time: LogTime(milliseconds: timeMs), group: group.map { TransferID($0) },
        reverses: reverses.map { TransferID($0) }, sale: try sale(kind))
    }

    /// What a line of this kind says of a sale; of any other such words stand in no export.
    private func sale(_ kind: Transfer.Kind) throws -> Sale? {
      guard kind == .sale else { return nil }
      guard let promptTokens, let cachedTokens, let outputTokens, let chargeNano, let ownUse else {
        throw Malformed()
      }
      return Sale(
        promptTokens: TokenCount(promptTokens), cachedTokens: TokenCount(cachedTokens),
        outputTokens: TokenCount(outputTokens), charge: Credits(nano: chargeNano), isOwn: ownUse)
    }
  }

  /// A hash of 32 bytes.
  private static func hash(_ text: String) -> [UInt8]? {
    bytes(ofHexadecimal: text).flatMap { $0.count == 32 ? $0 : nil }
  }
}

extension JSONText {
  init(_ transfer: Transfer) {
    var members: [(String, JSONText)] = [
      ("transfer", .id(transfer.id)), ("debit", .id(transfer.debit)),
      ("credit", .id(transfer.credit)), ("amount_nano", .unsigned(transfer.amount.rawValue)),
      ("kind", .string(transfer.kind.name)), ("job", transfer.job.map { .id($0) } ?? .null),
      ("time_ms", .unsigned(transfer.time.rawValue)),
      ("group", transfer.group.map { .id($0) } ?? .null),
      ("reverses", transfer.reverses.map { .id($0) } ?? .null),
    ]
    if let sale = transfer.sale {
      members += [
        ("prompt_tokens", .unsigned(sale.promptTokens.rawValue)),
        ("cached_tokens", .unsigned(sale.cachedTokens.rawValue)),
        ("output_tokens", .unsigned(sale.outputTokens.rawValue)),
        ("charge_nano", .unsigned(sale.charge.rawValue)), ("own_use", .boolean(sale.isOwn)),
      ]
    }
    self = .object(members)
  }
}
