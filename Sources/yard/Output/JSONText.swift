internal import ExchangeTypes
internal import HostFacts
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// A value to be printed as JSON, its members in the order given.
indirect enum JSONText: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByBooleanLiteral, ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral
{
  case null
  case boolean(Bool)
  case unsigned(UInt64)
  case decimal(Double)
  case string(String)
  case array([JSONText])
  case object([(String, JSONText)])
  /// JSON as it is.
  case written([UInt8])

  init(stringLiteral value: String) { self = .string(value) }
  init(integerLiteral value: UInt64) { self = .unsigned(value) }
  init(booleanLiteral value: Bool) { self = .boolean(value) }
  init(arrayLiteral elements: JSONText...) { self = .array(elements) }
  init(dictionaryLiteral elements: (String, JSONText)...) { self = .object(elements) }

  static func number(_ value: some UnsignedInteger) -> JSONText { .unsigned(UInt64(value)) }
  static func id(_ value: some Identifier) -> JSONText { .unsigned(value.rawValue) }

  /// One line of JSON.
  var line: String {
    var writer = JSONWriter()
    write(to: &writer)
    return String(decoding: writer.bytes, as: UTF8.self) + "\n"
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.null()
    case .written(let bytes): writer.verbatim(bytes)
    case .boolean(let value): writer.boolean(value)
    case .unsigned(let value): writer.verbatim(Array(String(value).utf8))
    case .decimal(let value): writer.double(value)
    case .string(let value): writer.string(value)
    case .array(let values):
      writer.beginArray()
      for value in values { value.write(to: &writer) }
      writer.endArray()
    case .object(let members):
      writer.beginObject()
      for (key, value) in members {
        writer.key(key)
        value.write(to: &writer)
      }
      writer.endObject()
    }
  }
}

extension JSONText {
  init(_ report: JobReport) {
    let resumed = report.resumed.map { JSONText.string($0.name) } ?? .null
    let cached = report.cachedTokens.map { JSONText.number($0) } ?? .null
    let reasoning = report.reasoningTokens.map { JSONText.number($0) } ?? .null
    self = .object(
      Self.members(report.summary)
        + [("resumed", resumed), ("cached_tokens", cached), ("reasoning_tokens", reasoning)])
  }

  init(_ job: JobSummary) { self = .object(Self.members(job)) }

  init(_ ended: Ended) {
    let cached = ended.cachedTokens.map { JSONText.number($0) } ?? .null
    let reasoning = ended.reasoningTokens.map { JSONText.number($0) } ?? .null
    self = .object(
      Self.members(ended.summary)
        + [("cached_tokens", cached), ("reasoning_tokens", reasoning)])
  }

  private static func members(_ job: JobSummary) -> [(String, JSONText)] {
    [
      ("job", .id(job.job)), ("state", .string(job.state.name)), ("model", .string(job.model)),
      ("mode", .string(job.mode == .attached ? "attached" : "submitted")),
      ("created_at_ms", .unsigned(job.createdAt.rawValue)),
      ("attempts", .number(job.epoch.rawValue)), ("worker", .id(job.worker)),
      ("prompt_tokens", .unsigned(job.promptTokens.rawValue)),
      ("output_tokens", .unsigned(job.outputTokens.rawValue)),
      ("charge_nano", .unsigned(job.charge.rawValue)),
      ("hold_nano", .unsigned(job.hold.rawValue)), ("events", .unsigned(job.lastSeq)),
      ("finish", job.finish.map { .string($0.name) } ?? .null),
      ("error", job.error == 0 ? .null : .string(errorName(job.error))),
      ("error_text", .string(job.errorText)),
    ]
  }

  init(_ model: ModelSummary) {
    self = [
      "model": .string(model.model), "context": .number(model.context),
      "output_default": .number(model.outputDefault),
      "price_input_nano_per_million": .unsigned(model.priceInputMin.rawValue),
      "price_output_nano_per_million": .unsigned(model.priceOutputMin.rawValue),
      "suppliers": .number(model.suppliers), "slots": .number(model.slots),
      "slots_free": .number(model.slotsFree),
    ]
  }

  init(_ worker: WorkerSummary, _ gpus: [GPUFacts]) {
    self = [
      "worker": .id(worker.worker), "name": .string(worker.name), "account": .id(worker.account),
      "online": .boolean(worker.online), "draining": .boolean(worker.draining),
      "slots": .number(worker.slots), "busy": .number(worker.busy),
      "offers": .array(
        worker.offers.map { offer in
          [
            "model": .string(offer.model), "context": .number(offer.context),
            "slots": .number(offer.slots),
            "price_input_nano_per_million": .unsigned(offer.priceInput.rawValue),
            "price_output_nano_per_million": .unsigned(offer.priceOutput.rawValue),
          ]
        }),
      "gpus": .array(
        gpus.map { gpu -> JSONText in
          var writer = JSONWriter()
          gpu.write(to: &writer)
          return .written(writer.bytes)
        }),
    ]
  }

  init(_ account: AccountSummary) {
    self = [
      "account": .id(account.account), "name": .string(account.name),
      "kind": .string(account.kind.name), "balance_nano": .unsigned(account.balance.rawValue),
      "held_nano": .unsigned(account.held.rawValue),
      "spent_nano": .unsigned(account.spent.rawValue),
      "earned_nano": .unsigned(account.earned.rawValue),
    ]
  }

  init(_ account: AccountSums) {
    self = [
      "account": .id(account.account), "name": .string(account.name),
      "kind": .string(account.kind.name), "debits_nano": .unsigned(account.debits.rawValue),
      "credits_nano": .unsigned(account.credits.rawValue),
      "held_nano": .unsigned(account.held.rawValue),
      "earned_nano": .unsigned(account.earned.rawValue), "closed": .boolean(account.closed),
    ]
  }

  init(_ budget: BudgetSummary) {
    func limit(_ amount: Credits?) -> JSONText { amount.map { .unsigned($0.rawValue) } ?? .null }
    self = [
      "budget": .id(budget.budget),
      "parent": budget.parent == BudgetID(0) ? .null : .id(budget.parent),
      "account": .id(budget.account), "level": .string(budget.level.name),
      "name": .string(budget.name), "key": budget.key == KeyID(0) ? .null : .id(budget.key),
      "per_day_nano": limit(budget.perDay), "per_month_nano": limit(budget.perMonth),
      "total_nano": limit(budget.total), "closed": .boolean(budget.closed),
      "held_nano": .unsigned(budget.held.rawValue),
      "spent_in_day_nano": .unsigned(budget.spentInDay.rawValue),
      "spent_in_month_nano": .unsigned(budget.spentInMonth.rawValue),
      "spent_nano": .unsigned(budget.spent.rawValue),
      "day_ends_in_ms": .unsigned(budget.dayEndsInMs),
      "month_ends_in_ms": .unsigned(budget.monthEndsInMs),
    ]
  }

  init(_ listing: DelegationListing) {
    self = [
      "key": .id(listing.key), "cluster": .string("\(listing.clusterID)"),
      "signer": listing.signer.map { .string(hexadecimal($0)) } ?? .null,
    ]
  }

  init(_ delegation: DelegationSummary) {
    self = [
      "delegation": .string("\(delegation.delegation)"), "parent": .id(delegation.parent),
      "key": delegation.key == KeyID(0) ? .null : .id(delegation.key),
      "name": .string(delegation.name),
      "scopes": .array(delegation.scopes.names.map { .string($0) }),
      "models": .array(delegation.models.map { .string($0) }),
      "live": .boolean(delegation.live),
      "expires_in_ms": delegation.expiresInMs.map { .unsigned($0) } ?? .null,
      "budget": delegation.budget.map { JSONText($0) } ?? .null,
    ]
  }

  init(_ key: KeySummary, _ life: KeyLife?, _ rate: RateSummary?) {
    func count(_ value: UInt64?) -> JSONText { value.map { .unsigned($0) } ?? .null }
    self = [
      "key": .id(key.key), "account": .id(key.account), "name": .string(key.name),
      "scopes": .array(key.scopes.names.map { .string($0) }), "revoked": .boolean(key.revoked),
      "expires_in_ms": count(life?.expiresInMs),
      "former_secret_for_ms": count(life?.formerForMs),
      "last_used_ms_ago": count(life?.lastUsedAgoMs),
      "requests_per_minute": rate?.requests.map { .number($0) } ?? .null,
      "tokens_per_minute": count(rate?.tokens),
    ]
  }

  init(_ standing: Standing) {
    self = [
      "key": JSONText(standing.key, standing.life, standing.rate),
      "account": standing.account.map { JSONText($0) } ?? .null,
      "left_nano": standing.left.map { .unsigned($0.rawValue) } ?? .null,
      "budgets": .array(standing.budgets.map { JSONText($0) }),
    ]
  }

  init(_ status: StatusReport) {
    self = [
      "replica": .id(status.replica), "role": .string(status.role.name),
      "term": .unsigned(status.term.rawValue), "leader": .id(status.leader),
      "leader_address": .string(status.leaderAddress),
      "commit_index": .unsigned(status.commitIndex.rawValue),
      "applied_index": .unsigned(status.appliedIndex.rawValue),
      "last_index": .unsigned(status.lastIndex.rawValue),
      "digest": .string(hexadecimal(status.digest)),
      "state_version": .number(status.stateVersion),
      "state_version_max": status.stateVersionMax.map { .number($0) } ?? .null,
      "diverged_at": status.divergedAt.map { .unsigned($0.rawValue) } ?? .null,
      "disk_used_bytes": status.diskUsed.map { .unsigned($0) } ?? .null,
      "disk_capacity_bytes": status.diskCapacity.map { .unsigned($0) } ?? .null,
      "refusals": .object((status.refusals ?? []).map { ($0.kind, .unsigned($0.count)) }),
      "log_time_ms": .unsigned(status.logTime.rawValue),
      "jobs_queued": .number(status.jobsQueued), "jobs_running": .number(status.jobsRunning),
      "peers": .array(
        status.peers.map { peer in
          [
            "replica": .id(peer.replica), "address": .string(peer.address),
            "voter": .boolean(peer.voter), "match_index": .unsigned(peer.matchIndex.rawValue),
            "contact_age_ms": peer.contactAgeMs == .max ? .null : .unsigned(peer.contactAgeMs),
          ]
        }),
      "software": .string(status.software),
    ]
  }
}
