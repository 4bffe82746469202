internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

/// How an export is written.
enum LedgerFormat: String, CaseIterable {
  case json, csv, beancount

  func text(of export: LedgerExport) -> String {
    switch self {
    case .json: LedgerJSON.text(of: export)
    case .csv: LedgerCSV.text(of: export)
    case .beancount: Beancount.text(of: export)
    }
  }
}

/// The transfers as RFC 4180 has them; amounts in nano-credits, absent values empty.
enum LedgerCSV {
  static func text(of export: LedgerExport) -> String {
    var lines = [
      "transfer,time_ms,kind,debit,credit,amount_nano,job,group,reverses,prompt_tokens,cached_tokens,output_tokens,charge_nano,own_use"
    ]
    for transfer in export.transfers {
      lines.append((fields(transfer) + soldFields(transfer.sale)).joined(separator: ","))
    }
    return lines.map { $0 + "\r\n" }.joined()
  }

  private static func fields(_ transfer: Transfer) -> [String] {
    [
      "\(transfer.id)", "\(transfer.time.rawValue)", transfer.kind.name, "\(transfer.debit)",
      "\(transfer.credit)", "\(transfer.amount.rawValue)", transfer.job.map { "\($0)" } ?? "",
      transfer.group.map { "\($0)" } ?? "", transfer.reverses.map { "\($0)" } ?? "",
    ]
  }

  private static func soldFields(_ sale: Sale?) -> [String] {
    guard let sale else { return ["", "", "", "", ""] }
    return [
      "\(sale.promptTokens.rawValue)", "\(sale.cachedTokens.rawValue)",
      "\(sale.outputTokens.rawValue)", "\(sale.charge.rawValue)", "\(sale.isOwn)",
    ]
  }
}

/// The books as Beancount's input language has them (beancount.github.io/docs/beancount_language_syntax.html).
///
/// A date is 1970-01-01 and the whole days of log time. Issuance is equity, every other account an asset that it
/// is owed; a balance is asserted to the nano-credit for each on the day after the last transfer. A sale moves nothing and is a `custom` line.
enum Beancount {
  static func text(of export: LedgerExport) -> String {
    let first = CalendarDay(logTime: LogTime(milliseconds: 0))
    let last = CalendarDay(logTime: export.transfers.last?.time ?? LogTime(milliseconds: 0))
    var text = """
      option "title" "Switchyard: transfers \(export.base.transfer.rawValue + 1) to \(export.head.transfer)"
      option "operating_currency" "CREDIT"
      \(first) commodity CREDIT\n
      """
    for account in export.accounts {
      text += "\(first) open \(name(account)) CREDIT\n  name: \(quoted(account.name))\n"
    }
    let opened = export.accounts.filter { $0.opening.debits != $0.opening.credits }
    if !opened.isEmpty {
      text += "\n\(first) * \"opening balances\"\n"
      for account in opened {
        text += "  \(name(account))  \(balance(account.opening)) CREDIT\n"
      }
    }
    let names = export.accounts.map { name($0) }
    func nameOf(_ account: AccountID) -> String {
      account.rawValue <= UInt64(names.count) && account.rawValue > 0
        ? names[Int(account.rawValue) - 1] : "Equity:Unknown:N\(account)"
    }
    for transfer in export.transfers {
      let job = transfer.job.map { " \"job \($0)\"" } ?? ""
      if let sale = transfer.sale {
        text += """
          \n\(CalendarDay(logTime: transfer.time)) custom "sale"\(job) \(nameOf(transfer.debit)) \(nameOf(transfer.credit)) \(sale.charge) CREDIT
            transfer: \(transfer.id)
            prompt_tokens: \(sale.promptTokens.rawValue)
            cached_tokens: \(sale.cachedTokens.rawValue)
            output_tokens: \(sale.outputTokens.rawValue)
            own_use: \(sale.isOwn ? "TRUE" : "FALSE")\n
          """
        continue
      }
      let group = transfer.group.map { " ^group-\($0)" } ?? ""
      text += "\n\(CalendarDay(logTime: transfer.time)) * \"\(transfer.kind.name)\"\(job)\(group)\n"
      text += "  transfer: \(transfer.id)\n"
      if let reverses = transfer.reverses { text += "  reverses: \(reverses)\n" }
      text += "  \(nameOf(transfer.debit))  -\(transfer.amount) CREDIT\n"
      text += "  \(nameOf(transfer.credit))  \(transfer.amount) CREDIT\n"
    }
    text += "\n"
    for account in export.accounts {
      text +=
        "\(last.next) balance \(name(account))  \(balance(account.closing)) ~ 0 CREDIT\n"
    }
    return text
  }

  private static func name(_ line: JournalAudit.Line) -> String {
    let kind = line.kind.name
    let group = line.kind == .issuance ? "Equity" : "Assets"
    return "\(group):\(kind.prefix(1).uppercased())\(kind.dropFirst()):N\(line.account)"
  }

  private static func balance(_ sums: JournalAudit.Sums) -> String {
    if let owned = sums.credits.subtracting(sums.debits) { return "\(owned)" }
    return "-\(sums.debits.subtracting(sums.credits) ?? .zero)"
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for character in text {
      switch character {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case _ where character.isNewline: quoted += " "
      default: quoted.append(character)
      }
    }
    return quoted + "\""
  }
}

/// A day of the Gregorian calendar, written as ISO 8601 does.
struct CalendarDay: CustomStringConvertible {
  /// Days since 1970-01-01.
  let number: UInt64

  init(number: UInt64) { self.number = number }
  init(logTime: LogTime) { number = logTime.rawValue / 86_400_000 }

  var next: CalendarDay { CalendarDay(number: number + 1) }

  /// By the algorithm of Howard Hinnant, "chrono-compatible low-level date algorithms", `civil_from_days`.
  var description: String {
    let shifted = number + 719_468
    let era = shifted / 146_097
    let dayOfEra = shifted % 146_097
    let yearOfEra =
      (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
    let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
    let shiftedMonth = (5 * dayOfYear + 2) / 153
    let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
    let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
    let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    func digits(_ value: UInt64, _ width: Int) -> String {
      let text = String(value)
      return String(repeating: "0", count: max(0, width - text.count)) + text
    }
    return "\(digits(year, 4))-\(digits(month, 2))-\(digits(day, 2))"
  }
}
