internal import ExchangeCore
internal import ExchangeTypes
internal import TokenLedger
internal import WireProtocol

// Delegations: verified and admitted at their first use, bound, listed and revoked. Why so: decision 29.
//
// The order of refusals: `delegation_replayed` (another cluster's), then of one that is known `delegation_expired` and
// `delegation_revoked`; of one that is not `delegation_revoked` (its parent is not there, or bound to nothing),
// `delegation_forged`, `delegation_expired`, and what `apply` refuses in its own order.
extension Dispatcher {
  /// Most entries of an answer.
  private static let delegationsMax = 32

  /// Why a delegation that is known opens nothing any more; nil if its key is live and what was signed is not over.
  ///
  /// The key dies by log time, which stands still while nobody leads and goes back with a backup; what its holder signed is a time by the
  /// clock, and is asked at each use.
  func ending(of delegation: Delegation, madeKey id: KeyID) -> Failure? {
    if let clock = wallClock, delegation.expires <= clock.secondsSince1970 {
      return Failure(Rejection(.delegationExpired, ["reason": "ended"]))
    }
    let now = isActive ? queue.now : exchange.logTime
    if let key = exchange.key(id) {
      if !key.isDead(at: now) { return nil }
      if !key.revoked { return Failure(Rejection(.delegationExpired, ["reason": "ended"])) }
    }
    return Failure(
      Rejection(.delegationRevoked, ["parent": "\(delegation.parent)", "reason": "revoked"]))
  }

  /// Asks the log for the key of a delegation that is used for the first time.
  ///
  /// Only what is signed by the parent's key and would be accepted now gets there: what anybody can make up is to cost a
  /// look-up, or a check of a signature, and no entry. It comes here once a majority has taken this coordinator for the leader (`recognise`),
  /// in one round for all who asked meanwhile.
  func admit(
    _ credential: Credential?, from origin: StreamOrigin,
    _ answer: @escaping (Result<Caller, Failure>) -> Void
  ) {
    guard let credential, let signed = credential.delegation else {
      preconditionFailure("only delegations are admitted")
    }
    guard isActive else { return answer(.failure(.notLeader)) }
    let command: Command.DelegationAdmit
    switch admission(of: signed) {
    case .success(let found): command = found
    case .failure(let failure): return answer(.failure(failure))
    }
    queue.propose(.delegationAdmit(command)) { [weak self] result in
      if let failure = Failure(result) { return answer(.failure(failure)) }
      guard case .applied(.accepted(.key(let id, _)), _) = result else {
        preconditionFailure("a delegation was accepted as another command: \(result)")
      }
      guard let self, isActive else { return answer(.failure(.notLeader)) }
      // It may have ended since, in the same entry.
      guard let key = exchange.key(id), !key.isDead(at: queue.now) else {
        return answer(
          .failure(
            Failure(
              Rejection(
                .delegationRevoked, ["parent": "\(command.parent)", "reason": "revoked"]))))
      }
      answer(.success(caller(key, credential, from: origin)))
    }
  }

  /// The command that admits a delegation, if it may be proposed now.
  private func admission(
    of signed: SignedDelegation
  ) -> Result<Command.DelegationAdmit, Failure> {
    let delegation = signed.delegation
    func refusal(_ code: ErrorCode, _ details: KeyValuePairs<String, String>) -> Failure {
      Failure(Rejection(code, details))
    }
    guard delegation.cluster == configuration.clusterID else {
      return .failure(refusal(.delegationReplayed, ["cluster": "\(delegation.cluster)"]))
    }
    guard let publicKey = exchange.delegationKey(of: delegation.parent) else {
      let reason = exchange.key(delegation.parent)?.revoked == false ? "not_bound" : "parent"
      return .failure(
        refusal(.delegationRevoked, ["parent": "\(delegation.parent)", "reason": reason]))
    }
    guard signed.isSigned(by: publicKey) else {
      return .failure(refusal(.delegationForged, ["parent": "\(delegation.parent)"]))
    }
    guard let wallClock else {
      return .failure(Failure(.unavailable, "this coordinator does not know the time of day"))
    }
    let now = wallClock.secondsSince1970
    guard delegation.notBefore <= now else {
      return .failure(refusal(.delegationExpired, ["reason": "not_yet_valid"]))
    }
    guard now < delegation.expires else {
      return .failure(refusal(.delegationExpired, ["reason": "ended"]))
    }
    let (lifetime, isTooLong) = (delegation.expires - now).multipliedReportingOverflow(by: 1_000)
    let command = Command.DelegationAdmit(
      parent: delegation.parent, publicKey: publicKey, id: delegation.id, digest: signed.digest,
      name: delegation.name, scopes: delegation.scopes,
      limits: BudgetLimits(
        perDay: delegation.perDay, perMonth: delegation.perMonth, total: delegation.total),
      models: delegation.models, secretHash: delegation.secretHash,
      lifetime: isTooLong ? .max : lifetime)
    if let rejection = exchange.refusal(of: command) { return .failure(Failure(rejection)) }
    return .success(command)
  }

  // MARK: Calls

  /// Binds a key to what signs its delegations, or revokes one: changes of keys, which a former secret may not make.
  func changeDelegations(
    _ message: Message, from caller: Caller, _ answer: @escaping Answer
  ) {
    func named(_ key: KeyID) -> KeyID { key.rawValue == 0 ? caller.key : key }
    switch message {
    case .delegationKeySet(let message):
      let key = named(message.key)
      change(
        .delegationKeySet(.init(caller: caller.key, key: key, publicKey: message.signer)), answer
      ) { [weak self] _ in self?.delegationListing(of: key, after: 0, limit: 0) }
    case .delegationRevoke(let message):
      change(
        .delegationRevoke(
          .init(caller: caller.key, parent: named(message.key), id: message.delegation)), answer
      ) { [weak self] in
        guard case .delegationRevoked(let number) = $0, let self,
          let delegation = exchange.delegation(number: number)
        else { return nil }
        return DelegationReport(summary: summary(of: delegation))
      }
    default:
      preconditionFailure("not a change of delegations: \(message)")
    }
  }

  /// Answers what is known of a key's delegations, if the caller is told of the key.
  func listDelegations(_ message: DelegationList, from caller: Caller, _ answer: Answer) {
    let id = message.key.rawValue == 0 ? caller.key : message.key
    guard let key = exchange.key(id), exchange.isVisible(key, to: caller.key) else {
      return answer(
        Failure(refusing: .notFound, "there is no key \(id) that this key may see"))
    }
    answer(
      delegationListing(
        of: id, after: message.after, limit: min(Int(message.limit), Self.delegationsMax)))
  }

  private func delegationListing(of key: KeyID, after: UInt64, limit: Int) -> DelegationListing {
    let found = limit == 0 ? [] : exchange.delegations(of: key, after: after, limit: limit + 1)
    return DelegationListing(
      clusterID: configuration.clusterID, key: key, signer: exchange.delegationKey(of: key),
      delegations: found.prefix(limit).map(summary), more: found.count > limit)
  }

  private func summary(of delegation: AdmittedDelegation) -> DelegationSummary {
    let now = queue.now
    let key = delegation.use.flatMap { exchange.key($0.key) }
    let isLive = key.map { !$0.isDead(at: now) } ?? false
    return DelegationSummary(
      number: delegation.number, delegation: delegation.id, parent: delegation.parent,
      key: delegation.use?.key ?? KeyID(0), name: key?.name ?? "", scopes: key?.scopes ?? [],
      models: delegation.use?.models ?? [], live: isLive,
      expiresInMs: isLive
        ? key?.expiry.map { $0.rawValue - min($0.rawValue, now.rawValue) } : nil,
      budget: delegation.use.flatMap { exchange.budget(of: $0.key) }
        .flatMap { exchange.budget($0) }.map(summary))
  }
}
