// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension Event: JSONDumpable {
  var json: String {
    JSON.object([
      ("seq", JSON.number(seq)),
      ("choice", JSON.number(choice)),
      ("kind", JSON.name(kind)),
      ("tokenCount", JSON.number(tokenCount)),
      ("ids", JSON.list(ids) { JSON.number($0) }),
      ("bytes", JSON.hexadecimal(bytes)),
    ])
  }
}

extension OutputPart: JSONDumpable {
  var json: String {
    JSON.object([
      ("bytes", JSON.number(bytes)),
      ("tokens", JSON.number(tokens)),
      ("ids", JSON.list(ids) { JSON.number($0) }),
    ])
  }
}

extension TailClaim: JSONDumpable {
  var json: String {
    JSON.object([
      ("epoch", JSON.number(epoch.rawValue)),
      ("durableThrough", JSON.number(durableThrough)),
      ("mac", JSON.hexadecimal(mac)),
    ])
  }
}

extension Usage: JSONDumpable {
  var json: String {
    JSON.object([
      ("promptTokens", JSON.optional(promptTokens) { JSON.number($0) }),
      ("outputTokens", JSON.optional(outputTokens) { JSON.number($0) }),
    ])
  }
}

extension WorkerWord: JSONDumpable {
  var json: String {
    JSON.object([
      ("firstSeq", JSON.number(firstSeq)),
      ("digest", JSON.optional(digest) { JSON.text($0) }),
      ("signature", JSON.hexadecimal(signature)),
    ])
  }
}

extension OfferTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("model", JSON.text(model)),
      ("context", JSON.number(context)),
      ("outputDefault", JSON.number(outputDefault)),
      ("slots", JSON.number(slots)),
      ("priceInput", JSON.number(priceInput.rawValue)),
      ("priceOutput", JSON.number(priceOutput.rawValue)),
      ("basis", JSON.name(basis)),
      ("bytesPerTokenFloor", JSON.number(bytesPerTokenFloor)),
      ("endpoints", JSON.list(endpoints) { JSON.name($0) }),
    ])
  }
}

extension ErrorDetail: JSONDumpable {
  var json: String {
    JSON.object([
      ("name", JSON.text(name)),
      ("value", JSON.text(value)),
    ])
  }
}

extension JobSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("state", JSON.name(state)),
      ("model", JSON.text(model)),
      ("mode", JSON.name(mode)),
      ("createdAt", JSON.number(createdAt.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("worker", JSON.number(worker.rawValue)),
      ("promptTokens", JSON.number(promptTokens.rawValue)),
      ("outputTokens", JSON.number(outputTokens.rawValue)),
      ("charge", JSON.number(charge.rawValue)),
      ("hold", JSON.number(hold.rawValue)),
      ("lastSeq", JSON.number(lastSeq)),
      ("finish", JSON.optional(finish) { JSON.name($0) }),
      ("error", JSON.number(error)),
      ("errorText", JSON.text(errorText)),
    ])
  }
}

extension ModelSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("model", JSON.text(model)),
      ("context", JSON.number(context)),
      ("outputDefault", JSON.number(outputDefault)),
      ("priceInputMin", JSON.number(priceInputMin.rawValue)),
      ("priceOutputMin", JSON.number(priceOutputMin.rawValue)),
      ("suppliers", JSON.number(suppliers)),
      ("slots", JSON.number(slots)),
      ("slotsFree", JSON.number(slotsFree)),
    ])
  }
}

extension ModelAbilities: JSONDumpable {
  var json: String {
    JSON.object([
      ("endpoints", JSON.list(endpoints) { JSON.name($0) }),
      ("capabilities", JSON.number(capabilities)),
    ])
  }
}

extension WorkerSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("name", JSON.text(name)),
      ("account", JSON.number(account.rawValue)),
      ("online", JSON.boolean(online)),
      ("draining", JSON.boolean(draining)),
      ("slots", JSON.number(slots)),
      ("busy", JSON.number(busy)),
      ("offers", JSON.list(offers) { $0.json }),
    ])
  }
}

extension AccountSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("name", JSON.text(name)),
      ("kind", JSON.name(kind)),
      ("balance", JSON.number(balance.rawValue)),
      ("held", JSON.number(held.rawValue)),
      ("spent", JSON.number(spent.rawValue)),
      ("earned", JSON.number(earned.rawValue)),
    ])
  }
}

extension KeySummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", JSON.number(key.rawValue)),
      ("account", JSON.number(account.rawValue)),
      ("scopes", JSON.number(scopes.rawValue)),
      ("name", JSON.text(name)),
      ("revoked", JSON.boolean(revoked)),
    ])
  }
}

extension KeyLife: JSONDumpable {
  var json: String {
    JSON.object([
      ("expiresInMs", JSON.optional(expiresInMs) { JSON.number($0) }),
      ("formerForMs", JSON.optional(formerForMs) { JSON.number($0) }),
      ("lastUsedAgoMs", JSON.optional(lastUsedAgoMs) { JSON.number($0) }),
    ])
  }
}

extension RateTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("requests", JSON.optional(requests) { JSON.number($0) }),
      ("tokens", JSON.optional(tokens) { JSON.number($0) }),
    ])
  }
}

extension RateSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("requests", JSON.optional(requests) { JSON.number($0) }),
      ("requestsLeft", JSON.number(requestsLeft)),
      ("tokens", JSON.optional(tokens) { JSON.number($0) }),
      ("tokensLeft", JSON.number(tokensLeft)),
    ])
  }
}

extension InvitationSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("invitation", JSON.number(invitation.rawValue)),
      ("role", JSON.name(role)),
      ("name", JSON.optional(name) { JSON.text($0) }),
      ("expiresAt", JSON.number(expiresAt.rawValue)),
      ("certificate", JSON.number(certificate.rawValue)),
    ])
  }
}

extension CertificateSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("certificate", JSON.number(certificate.rawValue)),
      ("role", JSON.name(role)),
      ("name", JSON.text(name)),
      ("issuedAt", JSON.number(issuedAt.rawValue)),
      ("expiresAt", JSON.number(expiresAt.rawValue)),
      ("revoked", JSON.boolean(revoked)),
    ])
  }
}

extension RevocationSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("role", JSON.optional(role) { JSON.name($0) }),
      ("name", JSON.text(name)),
      ("serial", JSON.hexadecimal(serial)),
      ("at", JSON.number(at.rawValue)),
    ])
  }
}

extension CoordinatorAddress: JSONDumpable {
  var json: String {
    JSON.object([
      ("replica", JSON.number(replica.rawValue)),
      ("address", JSON.text(address)),
    ])
  }
}

extension RefusalCount: JSONDumpable {
  var json: String {
    JSON.object([
      ("kind", JSON.text(kind)),
      ("count", JSON.number(count)),
    ])
  }
}

extension GPUFacts: JSONDumpable {
  var json: String {
    JSON.object([
      ("index", JSON.number(index)),
      ("uuid", JSON.text(uuid)),
      ("name", JSON.text(name)),
      ("partition", JSON.text(partition)),
      ("utilization", JSON.optional(utilization) { JSON.number($0) }),
      ("memoryUsed", JSON.optional(memoryUsed) { JSON.number($0) }),
      ("memoryTotal", JSON.optional(memoryTotal) { JSON.number($0) }),
      ("power", JSON.optional(power) { JSON.number($0) }),
      ("powerLimit", JSON.optional(powerLimit) { JSON.number($0) }),
      ("temperature", JSON.optional(temperature) { JSON.number($0) }),
      ("foreignProcesses", JSON.optional(foreignProcesses) { JSON.number($0) }),
      ("foreignMemory", JSON.optional(foreignMemory) { JSON.number($0) }),
    ])
  }
}

extension WorkerGPU: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("gpu", gpu.json),
    ])
  }
}

extension MemberSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("replica", JSON.number(replica.rawValue)),
      ("address", JSON.text(address)),
      ("role", JSON.name(role)),
      ("matchIndex", JSON.number(matchIndex.rawValue)),
      ("contactAgeMs", JSON.number(contactAgeMs)),
      ("stateVersionMax", JSON.number(stateVersionMax)),
    ])
  }
}

extension PeerSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("replica", JSON.number(replica.rawValue)),
      ("address", JSON.text(address)),
      ("voter", JSON.boolean(voter)),
      ("matchIndex", JSON.number(matchIndex.rawValue)),
      ("contactAgeMs", JSON.number(contactAgeMs)),
    ])
  }
}

extension LogEntry: JSONDumpable {
  var json: String {
    JSON.object([
      ("term", JSON.number(term.rawValue)),
      ("kind", JSON.name(kind)),
      ("payload", JSON.hexadecimal(payload)),
    ])
  }
}

extension RaftServer: JSONDumpable {
  var json: String {
    JSON.object([
      ("replica", JSON.number(replica.rawValue)),
      ("address", JSON.text(address)),
      ("role", JSON.name(role)),
    ])
  }
}

extension JournalSale: JSONDumpable {
  var json: String {
    JSON.object([
      ("transfer", JSON.number(transfer.rawValue)),
      ("promptTokens", JSON.number(promptTokens.rawValue)),
      ("cachedTokens", JSON.number(cachedTokens.rawValue)),
      ("outputTokens", JSON.number(outputTokens.rawValue)),
      ("charge", JSON.number(charge.rawValue)),
      ("own", JSON.boolean(own)),
    ])
  }
}

extension TransferEntry: JSONDumpable {
  var json: String {
    JSON.object([
      ("transfer", JSON.number(transfer.rawValue)),
      ("debit", JSON.number(debit.rawValue)),
      ("credit", JSON.number(credit.rawValue)),
      ("amount", JSON.number(amount.rawValue)),
      ("kind", JSON.name(kind)),
      ("job", JSON.optional(job) { JSON.number($0.rawValue) }),
      ("time", JSON.number(time.rawValue)),
      ("group", JSON.optional(group) { JSON.number($0.rawValue) }),
      ("reverses", JSON.optional(reverses) { JSON.number($0.rawValue) }),
    ])
  }
}

extension TransferLeg: JSONDumpable {
  var json: String {
    JSON.object([
      ("debit", JSON.number(debit.rawValue)),
      ("credit", JSON.number(credit.rawValue)),
      ("amount", JSON.number(amount.rawValue)),
    ])
  }
}

extension AccountSums: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("name", JSON.text(name)),
      ("kind", JSON.name(kind)),
      ("debits", JSON.number(debits.rawValue)),
      ("credits", JSON.number(credits.rawValue)),
      ("held", JSON.number(held.rawValue)),
      ("earned", JSON.number(earned.rawValue)),
      ("closed", JSON.boolean(closed)),
    ])
  }
}

extension BudgetSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("budget", JSON.number(budget.rawValue)),
      ("parent", JSON.number(parent.rawValue)),
      ("account", JSON.number(account.rawValue)),
      ("level", JSON.name(level)),
      ("name", JSON.text(name)),
      ("key", JSON.number(key.rawValue)),
      ("perDay", JSON.optional(perDay) { JSON.number($0.rawValue) }),
      ("perMonth", JSON.optional(perMonth) { JSON.number($0.rawValue) }),
      ("total", JSON.optional(total) { JSON.number($0.rawValue) }),
      ("closed", JSON.boolean(closed)),
      ("held", JSON.number(held.rawValue)),
      ("spentInDay", JSON.number(spentInDay.rawValue)),
      ("spentInMonth", JSON.number(spentInMonth.rawValue)),
      ("spent", JSON.number(spent.rawValue)),
      ("dayEndsInMs", JSON.number(dayEndsInMs)),
      ("monthEndsInMs", JSON.number(monthEndsInMs)),
    ])
  }
}

extension DelegationSummary: JSONDumpable {
  var json: String {
    JSON.object([
      ("number", JSON.number(number)),
      ("delegation", JSON.name(delegation)),
      ("parent", JSON.number(parent.rawValue)),
      ("key", JSON.number(key.rawValue)),
      ("name", JSON.text(name)),
      ("scopes", JSON.number(scopes.rawValue)),
      ("models", JSON.list(models) { JSON.text($0) }),
      ("live", JSON.boolean(live)),
      ("expiresInMs", JSON.optional(expiresInMs) { JSON.number($0) }),
      ("budget", JSON.optional(budget) { $0.json }),
    ])
  }
}

extension ChangeTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("field", JSON.text(field)),
      ("value", JSON.text(value)),
    ])
  }
}

extension WarmPrefix: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("bytes", JSON.number(bytes)),
    ])
  }
}

extension CandidateTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("name", JSON.text(name)),
      ("priceInput", JSON.number(priceInput.rawValue)),
      ("priceOutput", JSON.number(priceOutput.rawValue)),
      ("context", JSON.number(context)),
      ("slots", JSON.number(slots)),
      ("busy", JSON.number(busy)),
      ("free", JSON.number(free)),
      ("place", JSON.number(place)),
      ("obstacle", JSON.text(obstacle)),
      ("detail", JSON.text(detail)),
      ("hasFailed", JSON.boolean(hasFailed)),
      ("firstOutputMs", JSON.optional(firstOutputMs) { JSON.number($0) }),
      ("tokensPerSecond", JSON.optional(tokensPerSecond) { JSON.number($0) }),
    ])
  }
}

extension AttemptTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("epoch", JSON.number(epoch.rawValue)),
      ("worker", JSON.number(worker.rawValue)),
      ("state", JSON.text(state)),
      ("error", JSON.number(error)),
      ("priceInput", JSON.optional(priceInput) { JSON.number($0.rawValue) }),
      ("priceOutput", JSON.optional(priceOutput) { JSON.number($0.rawValue) }),
    ])
  }
}

extension ReasonCount: JSONDumpable {
  var json: String {
    JSON.object([
      ("reason", JSON.text(reason)),
      ("count", JSON.number(count)),
    ])
  }
}

extension PriceStep: JSONDumpable {
  var json: String {
    JSON.object([
      ("priceInput", JSON.number(priceInput.rawValue)),
      ("priceOutput", JSON.number(priceOutput.rawValue)),
      ("jobs", JSON.number(jobs)),
    ])
  }
}

extension OfferOutlook: JSONDumpable {
  var json: String {
    JSON.object([
      ("offer", offer.json),
      ("model", JSON.text(model)),
      ("queued", JSON.number(queued)),
      ("seen", JSON.number(seen)),
      ("taken", JSON.number(taken)),
      ("reasons", JSON.list(reasons) { $0.json }),
      ("cheapest", JSON.optional(cheapest) { JSON.number($0.rawValue) }),
      ("prices", JSON.list(prices) { $0.json }),
    ])
  }
}

extension AskEntry: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("supplier", JSON.text(supplier)),
      ("worker", JSON.number(worker.rawValue)),
      ("name", JSON.text(name)),
      ("priceInput", JSON.number(priceInput.rawValue)),
      ("priceCachedInput", JSON.number(priceCachedInput.rawValue)),
      ("priceOutput", JSON.number(priceOutput.rawValue)),
      ("context", JSON.number(context)),
      ("outputDefault", JSON.number(outputDefault)),
      ("slots", JSON.number(slots)),
      ("slotsFree", JSON.number(slotsFree)),
      ("reserve", JSON.number(reserve)),
      ("admits", JSON.boolean(admits)),
    ])
  }
}

extension PriceEntry: JSONDumpable {
  var json: String {
    JSON.object([
      ("start", JSON.number(start.rawValue)),
      ("jobs", JSON.number(jobs)),
      ("promptTokens", JSON.number(promptTokens)),
      ("inputMean", JSON.number(inputMean.rawValue)),
      ("inputLow", JSON.number(inputLow.rawValue)),
      ("inputHigh", JSON.number(inputHigh.rawValue)),
      ("cachedTokens", JSON.number(cachedTokens)),
      ("cachedMean", JSON.number(cachedMean.rawValue)),
      ("cachedLow", JSON.number(cachedLow.rawValue)),
      ("cachedHigh", JSON.number(cachedHigh.rawValue)),
      ("outputTokens", JSON.number(outputTokens)),
      ("outputMean", JSON.number(outputMean.rawValue)),
      ("outputLow", JSON.number(outputLow.rawValue)),
      ("outputHigh", JSON.number(outputHigh.rawValue)),
      ("ownTokens", JSON.number(ownTokens)),
    ])
  }
}

extension PostedTerms: JSONDumpable {
  var json: String {
    JSON.object([
      ("model", JSON.text(model)),
      ("priceInput", JSON.optional(priceInput) { JSON.number($0.rawValue) }),
      ("priceCachedInput", JSON.optional(priceCachedInput) { JSON.number($0.rawValue) }),
      ("priceOutput", JSON.optional(priceOutput) { JSON.number($0.rawValue) }),
      ("reserve", JSON.number(reserve)),
      ("own", JSON.list(own) { JSON.number($0.rawValue) }),
      ("only", JSON.list(only) { JSON.number($0.rawValue) }),
      ("refuse", JSON.list(refuse) { JSON.number($0.rawValue) }),
    ])
  }
}

extension SalesEntry: JSONDumpable {
  var json: String {
    JSON.object([
      ("number", JSON.number(number)),
      ("start", JSON.number(start.rawValue)),
      ("model", JSON.text(model)),
      ("jobs", JSON.number(jobs)),
      ("promptTokens", JSON.number(promptTokens)),
      ("cachedTokens", JSON.number(cachedTokens)),
      ("outputTokens", JSON.number(outputTokens)),
      ("earned", JSON.number(earned.rawValue)),
      ("ownJobs", JSON.number(ownJobs)),
      ("ownTokens", JSON.number(ownTokens)),
    ])
  }
}
