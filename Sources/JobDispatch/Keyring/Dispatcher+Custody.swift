internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
internal import RaftEngine

// The keyring: what happens is told to `KeyCustody`, and what it answers is done. On every coordinator, whoever
// leads.
extension Dispatcher {
  /// Takes a message of another coordinator about a wrapping key.
  func received(_ message: KeyringMessage, from peer: ReplicaID) {
    // Who was removed may still have a link: it gets no key, and is believed none.
    guard replica.membership.servers.contains(where: { $0.id == peer && !$0.isRetired }) else {
      return
    }
    switch message {
    case .offer(let key, let secret):
      offeredKeys[key] = secret
      custody(.offered(key, by: peer))
      offeredKeys[key] = nil
    case .accept(let key): custody(.accepted(key, by: peer))
    case .ask(let key): custody(.asked(key, by: peer))
    }
  }

  /// Tells the custody what the state says of keys, and that leadership has begun or ended.
  func tellCustody(leading term: Term? = nil) {
    custody(.state(custodyNeeds))
    if let term { custody(.began(term)) }
  }

  private var custodyNeeds: KeyCustody.Needs { Self.custodyNeeds(of: exchange) }

  /// Takes the state once: each look at it from this room copies its references, and this is looked at in every tick.
  private static func custodyNeeds(of exchange: Exchange) -> KeyCustody.Needs {
    .init(
      current: exchange.wrappingKey, since: exchange.wrappingKeySince,
      keys: exchange.wrappingKeysNeeded,
      rotates: exchange.stateVersion >= Exchange.privacyStateVersion)
  }

  /// Changes wrapping keys by another schedule from now on, the one in use included.
  public func changeKeys(_ schedule: KeyCustody.Schedule) {
    keys.schedule = schedule
    shell?.wantsEndOfTurn()
  }

  /// When `tickCustody` is due.
  var custodyDeadline: UInt64 { keys.deadline(now: clock.now, logTime: queue.now) }

  func tickCustody(now: UInt64) {
    if keys.isBehind(custodyNeeds) {
      tellCustody()
    } else if now >= custodyDeadline {
      custody(.tick)
    }
  }

  func custody(_ event: KeyCustody.Event) {
    keys.members = replica.membership.servers.filter { !$0.isRetired }.map(\.id)
    keys.voters = replica.voters
    for action in keys.handle(event, now: clock.now, logTime: queue.now) { perform(action) }
  }

  private func perform(_ action: KeyCustody.Action) {
    switch action {
    case .draw(let key):
      keyring.draw(key) { [weak self] in self?.keyringChanged($0 ? .kept(key) : .notKept(key)) }
    case .keep(let key):
      guard let secret = offeredKeys[key] else { preconditionFailure("a key that nobody offered") }
      keyring.keep(key, secret) { [weak self] in
        self?.keyringChanged($0 ? .kept(key) : .notKept(key))
      }
    case .destroy(let keys):
      keyring.destroy(keys) { [weak self] in
        self?.keyringChanged($0 ? .destroyed(keys) : .notDestroyed(keys))
      }
    case .offer(let key, let peer):
      guard let secret = keyring.secret(of: key) else { return }
      shell?.send(.keyring(.offer(key: key, secret: secret)), to: peer)
    case .accept(let key, let peer):
      shell?.send(.keyring(.accept(key: key)), to: peer)
    case .ask(let key, let peer):
      shell?.send(.keyring(.ask(key: key)), to: peer)
    case .announce(let key):
      queue.propose(.wrappingKeyAnnounce(.init(key: key))) { [weak self] result in
        if case .applied(.accepted, _) = result { return }
        self?.custody(.notAnnounced)
      }
    case .lead:
      leadershipBegan()
    case .change: makeChange()
    case .refuseChange: refuseChange()
    }
  }

  /// A change of the keyring has ended.
  private func keyringChanged(_ event: KeyCustody.Event) {
    custody(event)
    shell?.wantsEndOfTurn()
  }
}
