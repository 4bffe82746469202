// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension ClusterChange: JSONDumpable {
  var json: String {
    JSON.object([
      ("action", JSON.name(action)),
      ("replica", JSON.number(replica.rawValue)),
      ("address", JSON.text(address)),
    ])
  }
}

extension WorkerRegister: JSONDumpable {
  var json: String {
    JSON.object([
      ("name", JSON.text(name)),
      ("incarnation", JSON.number(incarnation)),
      ("offers", JSON.list(offers) { $0.json }),
      ("draining", JSON.boolean(draining)),
      ("continues", JSON.optional(continues) { JSON.boolean($0) }),
      ("capabilities", JSON.optional(capabilities) { JSON.number($0) }),
    ])
  }
}

extension WorkerRegistered: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("term", JSON.number(term.rawValue)),
      ("leaseMs", JSON.number(leaseMs)),
    ])
  }
}

extension WorkerHeartbeat: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("nonce", JSON.number(nonce)),
      ("busy", JSON.number(busy)),
      ("engineHealthy", JSON.boolean(engineHealthy)),
      ("full", JSON.optional(full) { JSON.boolean($0) }),
    ])
  }
}

extension WorkerHeartbeatAck: JSONDumpable {
  var json: String {
    JSON.object([
      ("nonce", JSON.number(nonce)),
      ("term", JSON.number(term.rawValue)),
    ])
  }
}

extension Park: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("slot", JSON.number(slot)),
      ("incarnation", JSON.number(incarnation)),
    ])
  }
}

extension Assign: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("term", JSON.number(term.rawValue)),
      ("endpoint", JSON.name(endpoint)),
      ("model", JSON.text(model)),
      ("body", JSON.hexadecimal(body)),
      ("recordSeq", JSON.number(recordSeq)),
      ("recordHash", JSON.hexadecimal(recordHash)),
      ("outputTokensMax", JSON.number(outputTokensMax)),
      ("output", JSON.optional(output) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension Chunk: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("events", JSON.list(events) { $0.json }),
    ])
  }
}

extension AttemptFinished: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("finish", JSON.name(finish)),
      ("usage", usage.json),
      ("lastSeq", JSON.number(lastSeq)),
      ("hash", JSON.hexadecimal(hash)),
      ("error", JSON.number(error)),
      ("errorText", JSON.text(errorText)),
      ("retryElsewhere", JSON.boolean(retryElsewhere)),
      ("cachedTokens", JSON.optional(cachedTokens) { JSON.number($0) }),
      ("word", JSON.optional(word) { $0.json }),
      ("reasoningTokens", JSON.optional(reasoningTokens) { JSON.number($0) }),
    ])
  }
}

extension AttemptCancel: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("term", JSON.number(term.rawValue)),
    ])
  }
}

extension AttemptSettled: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("term", JSON.number(term.rawValue)),
    ])
  }
}

extension AttemptResume: JSONDumpable {
  var json: String {
    JSON.object([
      ("worker", JSON.number(worker.rawValue)),
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("incarnation", JSON.number(incarnation)),
      ("firstSeq", JSON.number(firstSeq)),
      ("lastSeq", JSON.number(lastSeq)),
      ("finished", JSON.boolean(finished)),
    ])
  }
}

extension AttemptContinue: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("term", JSON.number(term.rawValue)),
      ("fromSeq", JSON.number(fromSeq)),
    ])
  }
}

extension AttemptAbandon: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("term", JSON.number(term.rawValue)),
    ])
  }
}

extension RevocationNotice: JSONDumpable {
  var json: String {
    JSON.object([
      ("coordinators", JSON.list(coordinators) { JSON.number($0.rawValue) }),
      ("others", JSON.optional(others) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension TailQuery: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("fromSeq", JSON.number(fromSeq)),
    ])
  }
}

extension Tail: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("events", JSON.list(events) { $0.json }),
    ])
  }
}

extension AttemptGoesOn: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("resumption", JSON.name(resumption)),
    ])
  }
}

extension KeyLimit: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", JSON.number(key.rawValue)),
      ("limit", limit.json),
    ])
  }
}

extension DryRun: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("endpoint", JSON.name(endpoint)),
      ("model", JSON.text(model)),
      ("body", JSON.hexadecimal(body)),
      ("maxInputPrice", JSON.optional(maxInputPrice) { JSON.number($0.rawValue) }),
      ("maxOutputPrice", JSON.optional(maxOutputPrice) { JSON.number($0.rawValue) }),
      ("servedOnly", JSON.boolean(servedOnly)),
    ])
  }
}

extension JobWhyQuery: JSONDumpable {
  var json: String {
    JSON.object([("job", JSON.number(job.rawValue))])
  }
}

extension JobWhyReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("summary", JSON.optional(summary) { $0.json }),
      ("model", JSON.text(model)),
      ("promptBound", JSON.number(promptBound.rawValue)),
      ("outputMax", JSON.number(outputMax.rawValue)),
      ("maxInputPrice", JSON.number(maxInputPrice.rawValue)),
      ("maxOutputPrice", JSON.number(maxOutputPrice.rawValue)),
      ("hold", JSON.number(hold.rawValue)),
      ("refusal", JSON.number(refusal)),
      ("refusalText", JSON.text(refusalText)),
      ("queueAhead", JSON.optional(queueAhead) { JSON.number($0) }),
      ("waitsMs", JSON.optional(waitsMs) { JSON.number($0) }),
      ("candidates", JSON.list(candidates) { $0.json }),
      ("candidatesLeftOut", JSON.number(candidatesLeftOut)),
      ("attempts", JSON.list(attempts) { $0.json }),
      ("remedyWorker", JSON.number(remedyWorker.rawValue)),
      ("remedy", JSON.list(remedy) { $0.json }),
      ("jobClass", JSON.optional(jobClass) { JSON.name($0) }),
      ("preemptions", JSON.optional(preemptions) { JSON.number($0) }),
      ("warm", JSON.optional(warm) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension WorkerWhyQuery: JSONDumpable {
  var json: String {
    JSON.object([("worker", JSON.number(worker.rawValue))])
  }
}

extension WorkerWhyReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("offers", JSON.list(offers) { $0.json }),
      ("leftOut", JSON.number(leftOut)),
    ])
  }
}

extension JournalQuery: JSONDumpable {
  var json: String {
    JSON.object([
      ("after", JSON.number(after.rawValue)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension JournalListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("entries", JSON.list(entries) { $0.json }),
      ("more", JSON.boolean(more)),
      ("base", JSON.number(base.rawValue)),
      ("baseHash", JSON.hexadecimal(baseHash)),
      ("head", JSON.number(head.rawValue)),
      ("headHash", JSON.hexadecimal(headHash)),
      ("logTime", JSON.number(logTime.rawValue)),
      ("sales", JSON.optional(sales) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension AccountList: JSONDumpable {
  var json: String {
    JSON.object([
      ("after", JSON.number(after.rawValue)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension AccountListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("accounts", JSON.list(accounts) { $0.json }),
      ("more", JSON.boolean(more)),
      ("head", JSON.number(head.rawValue)),
    ])
  }
}

extension TransferPost: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("legs", JSON.list(legs) { $0.json }),
    ])
  }
}

extension TransferReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("entries", JSON.list(entries) { $0.json }),
      ("duplicate", JSON.boolean(duplicate)),
    ])
  }
}

extension TransferReverse: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("transfer", JSON.number(transfer.rawValue)),
    ])
  }
}

extension AccountClose: JSONDumpable {
  var json: String {
    JSON.object([("account", JSON.number(account.rawValue))])
  }
}

extension FeeSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("parts", JSON.optional(parts) { JSON.number($0) }),
      ("account", JSON.number(account.rawValue)),
    ])
  }
}

extension FeeReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("parts", JSON.number(parts)),
      ("account", JSON.number(account.rawValue)),
    ])
  }
}

extension BudgetCreate: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("account", JSON.number(account.rawValue)),
      ("parent", JSON.number(parent.rawValue)),
      ("level", JSON.name(level)),
      ("name", JSON.text(name)),
      ("perDay", JSON.optional(perDay) { JSON.number($0.rawValue) }),
      ("perMonth", JSON.optional(perMonth) { JSON.number($0.rawValue) }),
      ("total", JSON.optional(total) { JSON.number($0.rawValue) }),
    ])
  }
}

extension BudgetReport: JSONDumpable {
  var json: String {
    JSON.object([("summary", summary.json)])
  }
}

extension BudgetSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("budget", JSON.number(budget.rawValue)),
      ("perDay", JSON.optional(perDay) { JSON.number($0.rawValue) }),
      ("perMonth", JSON.optional(perMonth) { JSON.number($0.rawValue) }),
      ("total", JSON.optional(total) { JSON.number($0.rawValue) }),
      ("closed", JSON.boolean(closed)),
    ])
  }
}

extension BudgetList: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("after", JSON.number(after.rawValue)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension BudgetListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("budgets", JSON.list(budgets) { $0.json }),
      ("more", JSON.boolean(more)),
    ])
  }
}

extension BudgetKeyCreate: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("account", JSON.number(account.rawValue)),
      ("name", JSON.text(name)),
      ("scopes", JSON.number(scopes.rawValue)),
      ("secretHash", JSON.hexadecimal(secretHash)),
      ("lifetimeMs", JSON.optional(lifetimeMs) { JSON.number($0) }),
      ("budget", JSON.number(budget.rawValue)),
    ])
  }
}

extension ReceiptQuery: JSONDumpable {
  var json: String {
    JSON.object([("job", JSON.number(job.rawValue))])
  }
}

extension Receipt: JSONDumpable {
  var json: String {
    JSON.object([
      ("statement", JSON.hexadecimal(statement)),
      ("signedAt", JSON.number(signedAt)),
      ("certificate", JSON.hexadecimal(certificate)),
      ("signature", JSON.hexadecimal(signature)),
    ])
  }
}

extension DelegationKeySet: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", JSON.number(key.rawValue)),
      ("signer", JSON.optional(signer) { JSON.hexadecimal($0) }),
    ])
  }
}

extension DelegationRevoke: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", JSON.number(key.rawValue)),
      ("delegation", JSON.name(delegation)),
    ])
  }
}

extension DelegationList: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", JSON.number(key.rawValue)),
      ("after", JSON.number(after)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension DelegationListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("clusterID", JSON.name(clusterID)),
      ("key", JSON.number(key.rawValue)),
      ("signer", JSON.optional(signer) { JSON.hexadecimal($0) }),
      ("delegations", JSON.list(delegations) { $0.json }),
      ("more", JSON.boolean(more)),
    ])
  }
}

extension DelegationReport: JSONDumpable {
  var json: String {
    JSON.object([("summary", summary.json)])
  }
}

extension StandingQuery: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension Standing: JSONDumpable {
  var json: String {
    JSON.object([
      ("key", key.json),
      ("life", life.json),
      ("rate", JSON.optional(rate) { $0.json }),
      ("account", JSON.optional(account) { $0.json }),
      ("budgets", JSON.list(budgets) { $0.json }),
      ("left", JSON.optional(left) { JSON.number($0.rawValue) }),
    ])
  }
}

extension HostReport: JSONDumpable {
  var json: String {
    JSON.object([("gpus", JSON.list(gpus) { $0.json })])
  }
}

extension BookQuery: JSONDumpable {
  var json: String {
    JSON.object([("model", JSON.text(model))])
  }
}

extension Book: JSONDumpable {
  var json: String {
    JSON.object([
      ("asks", JSON.list(asks) { $0.json }),
      ("costs", JSON.list(costs) { JSON.number($0.rawValue) }),
      ("more", JSON.boolean(more)),
    ])
  }
}

extension QuoteQuery: JSONDumpable {
  var json: String {
    JSON.object([
      ("model", JSON.text(model)),
      ("promptTokens", JSON.number(promptTokens)),
      ("outputTokens", JSON.number(outputTokens)),
    ])
  }
}

extension PriceQuery: JSONDumpable {
  var json: String {
    JSON.object([
      ("model", JSON.text(model)),
      ("intervals", JSON.number(intervals)),
    ])
  }
}

extension PriceHistory: JSONDumpable {
  var json: String {
    JSON.object([
      ("intervalMs", JSON.number(intervalMs)),
      ("points", JSON.list(points) { $0.json }),
    ])
  }
}

extension AskSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("terms", terms.json),
      ("withdraw", JSON.boolean(withdraw)),
    ])
  }
}

extension AskList: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension AskListing: JSONDumpable {
  var json: String {
    JSON.object([("terms", JSON.list(terms) { $0.json })])
  }
}

extension SalesQuery: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("after", JSON.number(after)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension SalesListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("intervalMs", JSON.number(intervalMs)),
      ("sales", JSON.list(sales) { $0.json }),
      ("more", JSON.boolean(more)),
    ])
  }
}

extension AccountWeightSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("weight", JSON.optional(weight) { JSON.number($0) }),
    ])
  }
}

extension AccountWeightReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("weight", JSON.number(weight)),
    ])
  }
}

extension AccountOwnerSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("owner", JSON.optional(owner) { JSON.text($0) }),
    ])
  }
}

extension AccountOwnerReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("account", JSON.number(account.rawValue)),
      ("owner", JSON.text(owner)),
    ])
  }
}
