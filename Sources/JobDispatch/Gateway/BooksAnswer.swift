public import ExchangeTypes
internal import OpenAIFormat
public import TokenLedger
public import WireProtocol

// Answers about all accounts, what moved between them, and what that comes to.
extension MoneyAnswer {
  /// The answer of `POST /v1/transfers`.
  public static func transfers(_ report: TransferReport) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "list")
    writer.key("duplicate")
    writer.boolean(report.duplicate)
    writer.key("data")
    writer.beginArray()
    for entry in report.entries { writer.write(entry) }
    writer.endArray()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/ledger`: a page of the journal, with the chain's hash at both ends of what is kept.
  public static func ledger(_ listing: JournalListing) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "list")
    writer.key("has_more")
    writer.boolean(listing.more)
    writer.member("base", number: listing.base.rawValue)
    writer.member("base_hash", hexadecimal(listing.baseHash))
    writer.member("head", number: listing.head.rawValue)
    writer.member("head_hash", hexadecimal(listing.headHash))
    writer.member("log_time_ms", number: listing.logTime.rawValue)
    writer.key("data")
    writer.beginArray()
    for (entry, transfer) in zip(listing.entries, listing.transfers) {
      writer.write(entry, transfer.sale)
    }
    writer.endArray()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/report`, which `yard report` prints as well.
  ///
  /// - Parameters:
  ///   - report: what the journal comes to.
  ///   - first: its first transfer.
  ///   - last: its last transfer.
  /// - Returns: the answer.
  public static func report(
    _ report: LedgerReport, from first: TransferID, through last: TransferID
  ) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "report")
    writer.member("first_transfer", number: first.rawValue)
    writer.member("last_transfer", number: last.rawValue)
    writer.member("issued", report.issued.text)
    writer.member("redeemed", report.redeemed.text)
    writer.member("fees", report.fees.text)
    writer.member("earned", report.earned.text)
    writer.member("moved", report.moved.text)
    writer.member("taken_back_before", report.takenBackBefore.text)
    writer.member("paid_jobs", number: UInt64(report.jobs))
    writer.key("suppliers")
    writer.beginArray()
    for (account, sum) in report.suppliers {
      writer.beginObject()
      writer.member("account", number: account.rawValue)
      writer.member("earned", sum.text)
      writer.endObject()
    }
    writer.endArray()
    for (name, volume) in [("sold", report.sold), ("own_use", report.ownUse)] {
      writer.key(name)
      writer.write(volume)
    }
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/accounts`.
  public static func accounts(_ listing: AccountListing) -> HTTPReply {
    list(listing.accounts, more: listing.more) { writer, account in
      writer.beginObject()
      writer.member("id", number: account.account.rawValue)
      writer.member("object", "account")
      writer.member("name", account.name)
      writer.member("kind", account.kind.name)
      writer.member("debits", "\(account.debits)")
      writer.member("credits", "\(account.credits)")
      writer.member("held", "\(account.held)")
      writer.member("earned", "\(account.earned)")
      writer.key("closed")
      writer.boolean(account.closed)
      writer.endObject()
    }
  }

  /// The answer of `POST /v1/accounts` and of `DELETE /v1/accounts/{id}`.
  public static func account(_ summary: AccountSummary) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("id", number: summary.account.rawValue)
    writer.member("object", "account")
    writer.member("name", summary.name)
    writer.member("kind", summary.kind.name)
    writer.member("balance", "\(summary.balance)")
    writer.member("held", "\(summary.held)")
    writer.member("spent", "\(summary.spent)")
    writer.member("earned", "\(summary.earned)")
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET` and of `PUT /v1/accounts/{id}/owner`.
  public static func owner(_ report: AccountOwnerReport) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "owner")
    writer.member("account", number: report.account.rawValue)
    writer.key("owner")
    if report.owner.isEmpty { writer.null() } else { writer.string(report.owner) }
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/fee` and of `PUT /v1/fee`.
  public static func fee(_ report: FeeReport) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", "fee")
    writer.member("parts", number: UInt64(report.parts))
    writer.key("account")
    if report.account.rawValue == 0 {
      writer.null()
    } else {
      writer.verbatim("\(report.account)".utf8)
    }
    writer.endObject()
    return .json(writer.bytes)
  }
}

extension JSONWriter {
  fileprivate mutating func write(_ volume: LedgerReport.Volume) {
    beginObject()
    member("jobs", number: volume.jobs)
    for (name, tokens) in [
      ("prompt_tokens", volume.promptTokens), ("cached_tokens", volume.cachedTokens),
      ("output_tokens", volume.outputTokens),
    ] {
      key(name)
      verbatim("\(tokens)".utf8)
    }
    member("charges", volume.charges.text)
    endObject()
  }

  fileprivate mutating func write(_ entry: TransferEntry, _ sale: Sale? = nil) {
    beginObject()
    member("id", number: entry.transfer.rawValue)
    member("object", "transfer")
    member("from", number: entry.debit.rawValue)
    member("to", number: entry.credit.rawValue)
    member("amount", "\(entry.amount)")
    member("kind", entry.kind.name)
    for (name, value) in [
      ("job", entry.job?.rawValue), ("group", entry.group?.rawValue),
      ("reverses", entry.reverses?.rawValue),
    ] {
      key(name)
      if let value { verbatim("\(value)".utf8) } else { null() }
    }
    member("log_time_ms", number: entry.time.rawValue)
    if let sale {
      member("prompt_tokens", number: sale.promptTokens.rawValue)
      member("cached_tokens", number: sale.cachedTokens.rawValue)
      member("output_tokens", number: sale.outputTokens.rawValue)
      member("charge", "\(sale.charge)")
      key("own_use")
      boolean(sale.isOwn)
    }
    endObject()
  }
}
