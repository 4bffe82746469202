// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

import ExchangeTypes
import WireProtocol

extension Hello: JSONDumpable {
  var json: String {
    JSON.object([
      ("versionMin", JSON.number(versionMin)),
      ("versionMax", JSON.number(versionMax)),
      ("role", JSON.name(role)),
      ("clusterID", JSON.name(clusterID)),
      ("node", JSON.number(node)),
      ("name", JSON.text(name)),
      ("incarnation", JSON.number(incarnation)),
      ("features", JSON.list(features) { JSON.text($0) }),
      ("software", JSON.text(software)),
    ])
  }
}

extension Welcome: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("role", JSON.name(role)),
      ("clusterID", JSON.name(clusterID)),
      ("node", JSON.number(node)),
      ("name", JSON.text(name)),
      ("incarnation", JSON.number(incarnation)),
      ("features", JSON.list(features) { JSON.text($0) }),
      ("software", JSON.text(software)),
    ])
  }
}

extension Failure: JSONDumpable {
  var json: String {
    JSON.object([
      ("code", JSON.number(code)),
      ("message", JSON.text(message)),
      ("details", JSON.list(details) { $0.json }),
      ("retryAfterMs", JSON.optional(retryAfterMs) { JSON.number($0) }),
      ("job", JSON.number(job.rawValue)),
      ("charge", JSON.optional(charge) { JSON.number($0.rawValue) }),
    ])
  }
}

extension Ping: JSONDumpable {
  var json: String {
    JSON.object([("nonce", JSON.number(nonce))])
  }
}

extension Pong: JSONDumpable {
  var json: String {
    JSON.object([("nonce", JSON.number(nonce))])
  }
}

extension Goodbye: JSONDumpable {
  var json: String {
    JSON.object([("reason", JSON.text(reason))])
  }
}

extension LeaderNotice: JSONDumpable {
  var json: String {
    JSON.object([
      ("term", JSON.number(term.rawValue)),
      ("leader", JSON.number(leader.rawValue)),
      ("address", JSON.text(address)),
    ])
  }
}

extension RequestVote: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("candidate", JSON.number(candidate.rawValue)),
      ("lastLogIndex", JSON.number(lastLogIndex.rawValue)),
      ("lastLogTerm", JSON.number(lastLogTerm.rawValue)),
      ("disruptLeader", JSON.boolean(disruptLeader)),
      ("preVote", JSON.boolean(preVote)),
    ])
  }
}

extension RequestVoteResult: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("voteGranted", JSON.boolean(voteGranted)),
      ("preVote", JSON.boolean(preVote)),
      ("features", JSON.number(features)),
      ("capacity", JSON.number(capacity)),
    ])
  }
}

extension AppendEntries: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("prevLogIndex", JSON.number(prevLogIndex.rawValue)),
      ("prevLogTerm", JSON.number(prevLogTerm.rawValue)),
      ("leaderCommit", JSON.number(leaderCommit.rawValue)),
      ("entries", JSON.list(entries) { $0.json }),
    ])
  }
}

extension AppendEntriesResult: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("rejected", JSON.number(rejected.rawValue)),
      ("lastLogIndex", JSON.number(lastLogIndex.rawValue)),
      ("features", JSON.number(features)),
      ("capacity", JSON.number(capacity)),
    ])
  }
}

extension InstallSnapshot: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("lastIndex", JSON.number(lastIndex.rawValue)),
      ("lastTerm", JSON.number(lastTerm.rawValue)),
      ("confIndex", JSON.number(confIndex.rawValue)),
      ("servers", JSON.list(servers) { $0.json }),
      ("manifest", JSON.hexadecimal(manifest)),
    ])
  }
}

extension TimeoutNow: JSONDumpable {
  var json: String {
    JSON.object([
      ("version", JSON.number(version)),
      ("term", JSON.number(term.rawValue)),
      ("lastLogIndex", JSON.number(lastLogIndex.rawValue)),
      ("lastLogTerm", JSON.number(lastLogTerm.rawValue)),
    ])
  }
}

extension ReadConfirm: JSONDumpable {
  var json: String {
    JSON.object([
      ("term", JSON.number(term.rawValue)),
      ("nonce", JSON.number(nonce)),
    ])
  }
}

extension ReadConfirmResult: JSONDumpable {
  var json: String {
    JSON.object([
      ("term", JSON.number(term.rawValue)),
      ("nonce", JSON.number(nonce)),
      ("confirmed", JSON.boolean(confirmed)),
    ])
  }
}

extension KeyOffer: JSONDumpable {
  var json: String {
    JSON.object([
      ("wrappingKey", JSON.number(wrappingKey)),
      ("secret", JSON.hexadecimal(secret.bytes)),
    ])
  }
}

extension KeyAccept: JSONDumpable {
  var json: String {
    JSON.object([("wrappingKey", JSON.number(wrappingKey))])
  }
}

extension SnapshotFetch: JSONDumpable {
  var json: String {
    JSON.object([
      ("snapshot", JSON.hexadecimal(snapshot)),
      ("chunk", JSON.number(chunk)),
    ])
  }
}

extension SnapshotChunk: JSONDumpable {
  var json: String {
    JSON.object([
      ("snapshot", JSON.hexadecimal(snapshot)),
      ("chunk", JSON.number(chunk)),
      ("hash", JSON.hexadecimal(hash)),
      ("rows", JSON.hexadecimal(rows)),
    ])
  }
}

extension Submit: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("mode", JSON.name(mode)),
      ("endpoint", JSON.name(endpoint)),
      ("model", JSON.text(model)),
      ("body", JSON.hexadecimal(body)),
      ("maxInputPrice", JSON.optional(maxInputPrice) { JSON.number($0.rawValue) }),
      ("maxOutputPrice", JSON.optional(maxOutputPrice) { JSON.number($0.rawValue) }),
      ("queueTimeoutMs", JSON.number(queueTimeoutMs)),
      ("follow", JSON.boolean(follow)),
      ("retentionMs", JSON.optional(retentionMs) { JSON.number($0) }),
      ("durable", JSON.optional(durable) { JSON.boolean($0) }),
      ("servedOnly", JSON.optional(servedOnly) { JSON.boolean($0) }),
    ])
  }
}

extension Accepted: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("commitIndex", JSON.number(commitIndex.rawValue)),
      ("duplicate", JSON.boolean(duplicate)),
      ("hold", JSON.number(hold.rawValue)),
      ("rate", JSON.optional(rate) { $0.json }),
      ("model", JSON.optional(model) { JSON.text($0) }),
    ])
  }
}

extension Follow: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("fromSeq", JSON.number(fromSeq)),
      ("hash", JSON.optional(hash) { JSON.hexadecimal($0) }),
      ("commitIndex", JSON.number(commitIndex.rawValue)),
      ("attach", JSON.boolean(attach)),
      ("tail", JSON.optional(tail) { $0.json }),
      ("durable", JSON.optional(durable) { JSON.boolean($0) }),
    ])
  }
}

extension Waiting: JSONDumpable {
  var json: String {
    JSON.object([
      ("state", JSON.name(state)),
      ("position", JSON.number(position)),
      ("reason", JSON.text(reason)),
    ])
  }
}

extension Events: JSONDumpable {
  var json: String {
    JSON.object([
      ("job", JSON.number(job.rawValue)),
      ("epoch", JSON.number(epoch.rawValue)),
      ("events", JSON.list(events) { $0.json }),
      ("durableThrough", JSON.number(durableThrough)),
      ("hash", JSON.hexadecimal(hash)),
      ("mac", JSON.hexadecimal(mac)),
    ])
  }
}

extension Ended: JSONDumpable {
  var json: String {
    JSON.object([
      ("summary", summary.json),
      ("hash", JSON.hexadecimal(hash)),
      ("lastSeq", JSON.number(lastSeq)),
      ("untilDelivered", JSON.optional(untilDelivered) { JSON.boolean($0) }),
      ("cachedTokens", JSON.optional(cachedTokens) { JSON.number($0) }),
      ("reasoningTokens", JSON.optional(reasoningTokens) { JSON.number($0) }),
    ])
  }
}

extension Cancel: JSONDumpable {
  var json: String {
    JSON.object([("job", JSON.number(job.rawValue))])
  }
}

extension JobQuery: JSONDumpable {
  var json: String {
    JSON.object([("job", JSON.number(job.rawValue))])
  }
}

extension JobReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("summary", summary.json),
      ("resumed", JSON.optional(resumed) { JSON.name($0) }),
      ("cachedTokens", JSON.optional(cachedTokens) { JSON.number($0) }),
      ("reasoningTokens", JSON.optional(reasoningTokens) { JSON.number($0) }),
    ])
  }
}

extension JobList: JSONDumpable {
  var json: String {
    JSON.object([
      ("after", JSON.number(after.rawValue)),
      ("limit", JSON.number(limit)),
    ])
  }
}

extension JobListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("jobs", JSON.list(jobs) { $0.json }),
      ("more", JSON.boolean(more)),
    ])
  }
}

extension Purge: JSONDumpable {
  var json: String {
    JSON.object([("jobs", JSON.list(jobs) { JSON.number($0.rawValue) })])
  }
}

extension Purged: JSONDumpable {
  var json: String {
    JSON.object([("count", JSON.number(count))])
  }
}

extension CancelMany: JSONDumpable {
  var json: String {
    JSON.object([("jobs", JSON.list(jobs) { JSON.number($0.rawValue) })])
  }
}

extension CancelledMany: JSONDumpable {
  var json: String {
    JSON.object([("count", JSON.number(count))])
  }
}

extension ModelList: JSONDumpable {
  var json: String {
    JSON.object([("beginning", JSON.optional(beginning) { JSON.text($0) })])
  }
}

extension ModelListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("models", JSON.list(models) { $0.json }),
      ("abilities", JSON.optional(abilities) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension WorkerList: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension WorkerListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("workers", JSON.list(workers) { $0.json }),
      ("gpus", JSON.optional(gpus) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension StatusQuery: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension StatusReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("replica", JSON.number(replica.rawValue)),
      ("role", JSON.name(role)),
      ("term", JSON.number(term.rawValue)),
      ("leader", JSON.number(leader.rawValue)),
      ("leaderAddress", JSON.text(leaderAddress)),
      ("commitIndex", JSON.number(commitIndex.rawValue)),
      ("appliedIndex", JSON.number(appliedIndex.rawValue)),
      ("lastIndex", JSON.number(lastIndex.rawValue)),
      ("digest", JSON.hexadecimal(digest)),
      ("stateVersion", JSON.number(stateVersion)),
      ("logTime", JSON.number(logTime.rawValue)),
      ("jobsQueued", JSON.number(jobsQueued)),
      ("jobsRunning", JSON.number(jobsRunning)),
      ("peers", JSON.list(peers) { $0.json }),
      ("software", JSON.text(software)),
      ("divergedAt", JSON.optional(divergedAt) { JSON.number($0.rawValue) }),
      ("stateVersionMax", JSON.optional(stateVersionMax) { JSON.number($0) }),
      ("refusals", JSON.optional(refusals) { JSON.list($0) { $0.json } }),
      ("diskUsed", JSON.optional(diskUsed) { JSON.number($0) }),
      ("diskCapacity", JSON.optional(diskCapacity) { JSON.number($0) }),
    ])
  }
}

extension AccountCreate: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("name", JSON.text(name)),
      ("kind", JSON.name(kind)),
    ])
  }
}

extension AccountReport: JSONDumpable {
  var json: String {
    JSON.object([("summary", summary.json)])
  }
}

extension AccountCredit: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("account", JSON.number(account.rawValue)),
      ("amount", JSON.number(amount.rawValue)),
    ])
  }
}

extension AccountQuery: JSONDumpable {
  var json: String {
    JSON.object([("account", JSON.number(account.rawValue))])
  }
}

extension KeyCreate: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("account", JSON.number(account.rawValue)),
      ("name", JSON.text(name)),
      ("scopes", JSON.number(scopes.rawValue)),
      ("secretHash", JSON.hexadecimal(secretHash)),
      ("lifetimeMs", JSON.optional(lifetimeMs) { JSON.number($0) }),
      ("limit", JSON.optional(limit) { $0.json }),
    ])
  }
}

extension KeyReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("summary", summary.json),
      ("life", JSON.optional(life) { $0.json }),
      ("rate", JSON.optional(rate) { $0.json }),
    ])
  }
}

extension KeyList: JSONDumpable {
  var json: String {
    JSON.object([("account", JSON.number(account.rawValue))])
  }
}

extension KeyListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("keys", JSON.list(keys) { $0.json }),
      ("lives", JSON.optional(lives) { JSON.list($0) { $0.json } }),
      ("rates", JSON.optional(rates) { JSON.list($0) { $0.json } }),
    ])
  }
}

extension KeyRevoke: JSONDumpable {
  var json: String {
    JSON.object([("key", JSON.number(key.rawValue))])
  }
}

extension Invite: JSONDumpable {
  var json: String {
    JSON.object([
      ("role", JSON.name(role)),
      ("name", JSON.optional(name) { JSON.text($0) }),
      ("secretHash", JSON.hexadecimal(secretHash)),
      ("lifetimeMs", JSON.number(lifetimeMs)),
    ])
  }
}

extension InvitationReport: JSONDumpable {
  var json: String {
    JSON.object([("summary", summary.json)])
  }
}

extension Join: JSONDumpable {
  var json: String {
    JSON.object([
      ("invitation", JSON.number(invitation.rawValue)),
      ("secret", JSON.hexadecimal(secret.bytes)),
      ("name", JSON.optional(name) { JSON.text($0) }),
      ("request", JSON.hexadecimal(request)),
    ])
  }
}

extension CertificateIssued: JSONDumpable {
  var json: String {
    JSON.object([
      ("role", JSON.name(role)),
      ("name", JSON.text(name)),
      ("certificate", JSON.text(certificate)),
      ("authorities", JSON.text(authorities)),
    ])
  }
}

extension CertificateRenew: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension CertificateRevoke: JSONDumpable {
  var json: String {
    JSON.object([
      ("role", JSON.optional(role) { JSON.name($0) }),
      ("name", JSON.text(name)),
      ("serial", JSON.hexadecimal(serial)),
    ])
  }
}

extension NodeList: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension NodeListing: JSONDumpable {
  var json: String {
    JSON.object([
      ("invitations", JSON.list(invitations) { $0.json }),
      ("certificates", JSON.list(certificates) { $0.json }),
      ("revocations", JSON.list(revocations) { $0.json }),
    ])
  }
}

extension KeyRotate: JSONDumpable {
  var json: String {
    JSON.object([
      ("requestKey", JSON.name(requestKey)),
      ("key", JSON.number(key.rawValue)),
      ("secretHash", JSON.hexadecimal(secretHash)),
      ("graceMs", JSON.number(graceMs)),
    ])
  }
}

extension KeyRequest: JSONDumpable {
  var json: String {
    JSON.object([("wrappingKey", JSON.number(wrappingKey))])
  }
}

extension RetentionSet: JSONDumpable {
  var json: String {
    JSON.object([
      ("keptMs", JSON.optional(keptMs) { JSON.number($0) }),
      ("untilDelivered", JSON.boolean(untilDelivered)),
    ])
  }
}

extension RetentionReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("keptMs", JSON.number(keptMs)),
      ("untilDelivered", JSON.boolean(untilDelivered)),
    ])
  }
}

extension StateStatement: JSONDumpable {
  var json: String {
    JSON.object([
      ("versionMax", JSON.number(versionMax)),
      ("index", JSON.number(index.rawValue)),
      ("digest", JSON.hexadecimal(digest)),
      ("asks", JSON.boolean(asks)),
    ])
  }
}

extension ClusterQuery: JSONDumpable {
  var json: String {
    JSON.object([])
  }
}

extension ClusterReport: JSONDumpable {
  var json: String {
    JSON.object([
      ("term", JSON.number(term.rawValue)),
      ("leader", JSON.number(leader.rawValue)),
      ("lastIndex", JSON.number(lastIndex.rawValue)),
      ("stateVersion", JSON.number(stateVersion)),
      ("underWay", JSON.boolean(underWay)),
      ("members", JSON.list(members) { $0.json }),
      ("lost", JSON.optional(lost) { JSON.list($0) { JSON.number($0.rawValue) } }),
    ])
  }
}
