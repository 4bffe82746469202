internal import Consensus
internal import ExchangeCore
internal import ExchangeTypes
public import WireProtocol

// Streams that peers open: who they are, and who answers them.
extension Dispatcher {
  /// A peer has opened a stream for `service`; answers the owner that is told what arrives on it.
  ///
  /// The caller keeps the owner until it has told it `closed`.
  ///
  /// - Parameters:
  ///   - service: what the stream is for; `control`, `raft` and `snapshot` are not the dispatcher's.
  ///   - channel: the stream.
  ///   - credential: what the peer presented, or nil.
  ///   - authorization: the header it came in, to be passed on to the leader.
  ///   - origin: who is at the other end, as the connection shows it.
  /// - Returns: who is told what arrives.
  public func open(
    _ service: Service, on channel: any MessageChannel, credential: Credential?,
    authorization: String, from origin: StreamOrigin = StreamOrigin()
  ) -> any MessageChannelOwner {
    switch service {
    case .enrol:
      return FirstMessage(channel: channel) { [weak self] message in
        self?.enrol(message, on: channel, from: origin)
      }
    case .call, .job:
      if isActive { return openHere(service, on: channel, credential, from: origin) }
      if let failure = finalRefusal(of: credential) { return refuse(channel, failure) }
      return FirstMessage(channel: channel) { [weak self] message in
        self?.openElsewhere(
          service, with: message, on: channel, credential, authorization: authorization,
          from: origin)
      }
    case .worker, .slot:
      guard isActive else { return refuse(channel, divergenceFailure ?? .notLeader) }
      return openHere(service, on: channel, credential, from: origin)
    case .control, .raft, .snapshot:
      return refuse(channel, Failure(.malformedRequest, "this stream is not for the dispatcher"))
    }
  }

  private func openHere(
    _ service: Service, on channel: any MessageChannel, _ credential: Credential?,
    from origin: StreamOrigin
  ) -> any MessageChannelOwner {
    if case .success(let caller) = authenticate(credential, from: origin) {
      return openHere(service, on: channel, caller, from: origin)
    }
    if let failure = finalRefusal(of: credential) { return refuse(channel, failure) }
    let newcomer = Newcomer(channel: channel)
    recognise(credential, from: origin) { [weak self, weak newcomer] result in
      guard let self, let newcomer, !newcomer.isOver else { return }
      newcomer.continue {
        switch result {
        case .success(let caller): self.openHere(service, on: channel, caller, from: origin)
        case .failure(let failure): self.refuse(channel, failure)
        }
      }
    }
    return newcomer
  }

  /// Finds out who a caller is that is not known here: a delegation is new, or another leads by now and knows the key.
  private func recognise(
    _ credential: Credential?, from origin: StreamOrigin,
    _ answer: @escaping (Result<Caller, Failure>) -> Void
  ) {
    confirmed { [weak self] isLeader in
      guard isLeader, let self else { return answer(.failure(.notLeader)) }
      if let result = authenticate(credential, from: origin) { return answer(result) }
      admit(credential, from: origin, answer)
    }
  }

  private func openHere(
    _ service: Service, on channel: any MessageChannel, _ caller: Caller,
    from origin: StreamOrigin
  ) -> any MessageChannelOwner {
    let owner: any MessageChannelOwner & LeaderBound
    switch service {
    case .worker:
      owner = WorkerStream(channel: channel, caller: caller, origin: origin, dispatcher: self)
    case .slot:
      owner = SlotStream(channel: channel, caller: caller, origin: origin, dispatcher: self)
    case .job: owner = JobStream(channel: channel, caller: caller, dispatcher: self)
    default: owner = CallStream(channel: channel, caller: caller, dispatcher: self)
    }
    remember(owner)
    return owner
  }

  /// On a coordinator that does not lead: status is its own to tell, everything else is the leader's.
  private func openElsewhere(
    _ service: Service, with message: Message, on channel: any MessageChannel,
    _ credential: Credential?, authorization: String, from origin: StreamOrigin
  ) -> (any MessageChannelOwner)? {
    if isActive {
      let owner = openHere(service, on: channel, credential, from: origin)
      owner.received(message, on: channel)
      return owner
    }
    if case .statusQuery = message {
      switch authenticate(credential, from: origin) {
      case .success: channel.send(statusReport)
      case .failure, nil:
        channel.send(
          finalRefusal(of: credential)
            ?? Failure(
              .unavailable, "this coordinator does not lead, and does not know the key",
              retryAfterMs: 100))
      }
      channel.finish()
      return nil
    }
    if let failure = divergenceFailure {
      channel.send(failure)
      channel.finish()
      return nil
    }
    if let absence = leaderAbsence {
      return waitForLeader(absence, message, on: channel) { [weak self] message in
        self?.openElsewhere(
          service, with: message, on: channel, credential, authorization: authorization,
          from: origin)
      }
    }
    return relay(service, message, on: channel, authorization: authorization)
  }

  /// Whether nobody answers or passes on what a leader should.
  private var isLeaderless: Bool {
    guard !isActive, replica.divergence == nil else { return false }
    switch replica.role {
    case .leader, .elected, .candidate, .follower(leader: nil): return true
    case .follower: return false
    }
  }

  /// Why nobody does; nil once somebody does.
  private var leaderAbsence: Failure? {
    guard isLeaderless else { return nil }
    guard replica.role == .leader else { return .noLeader }
    return Failure(
      .unavailable, "this coordinator leads, and waits for wrapping keys of its peers",
      retryAfterMs: 100)
  }

  /// Lets a stream wait for a leader, if there is room.
  private func waitForLeader(
    _ absence: Failure, _ message: Message, on channel: any MessageChannel,
    _ open: @escaping (Message) -> (any MessageChannelOwner)?
  ) -> any MessageChannelOwner {
    let newcomer = Newcomer(channel: channel)
    let stream = AwaitedLeader.Stream(
      newcomer: newcomer, message: message, refusal: absence, open: open)
    if !awaitedLeader.add(stream, now: clock.now) {
      newcomer.continue { refuse(channel, absence) }
    }
    shell?.wantsEndOfTurn()
    return newcomer
  }

  /// Opens the streams that wait for a leader, once there is one, and refuses those that have waited long enough.
  func admitWaiting() {
    guard !awaitedLeader.isEmpty else { return }
    for _ in 0..<AwaitedLeader.perTurn {
      guard let stream = awaitedLeader.takeFirst(now: clock.now, isOver: !isLeaderless)
      else { return }
      let newcomer = stream.newcomer
      guard !newcomer.isOver else { continue }
      newcomer.continue {
        isLeaderless
          ? refuse(newcomer.channel, stream.refusal)
          : stream.open(stream.message) ?? RefusedStream()
      }
    }
    shell?.wantsEndOfTurn()
  }

  /// Passes a stream on to the leader, whatever is asked of him.
  func relay(
    _ service: Service, _ message: Message, on channel: any MessageChannel, authorization: String
  ) -> (any MessageChannelOwner)? {
    let relay = Relay(client: channel)
    guard let leader = replica.knownLeader, leader != replica.id,
      let upstream = shell?.openRelay(
        to: leader, service: service, authorization: authorization, owner: relay)
    else {
      channel.send(Failure.noLeader)
      channel.finish()
      return nil
    }
    relay.begin(to: upstream)
    relay.received(message, on: channel)
    return relay
  }

  /// What this coordinator answers to everything but questions for its status, once it has diverged.
  private var divergenceFailure: Failure? {
    replica.divergence.map {
      Failure(
        .replicaDiverged,
        "coordinator \(replica.id) has stopped serving: its state at \($0.index) is not the majority's",
        details: [
          ErrorDetail(name: "replica", value: "\(replica.id)"),
          ErrorDetail(name: "index", value: "\($0.index)"),
        ])
    }
  }

  /// Why no leader would take a credential, as far as that is known here: then nothing of the stream is read or passed on.
  ///
  /// What this coordinator has applied may be old, even if it takes itself for the leader. So it refuses for what does not change: a key
  /// that is dead stays so. A key that it does not know may be new, and a secret that it does not know a rotation's.
  private func finalRefusal(of credential: Credential?) -> Failure? {
    guard let credential else { return .noKey }
    var id = credential.key
    if let delegation = credential.delegation {
      guard let use = exchange.delegation(digest: delegation.digest)?.use else { return nil }
      id = use.key
    }
    guard let key = exchange.key(id), key.isDead(at: exchange.logTime) else { return nil }
    return credential.delegation.flatMap { ending(of: $0.delegation, madeKey: id) } ?? .deadKey
  }

  private func refuse(_ channel: any MessageChannel, _ failure: Failure)
    -> any MessageChannelOwner
  {
    channel.send(failure)
    channel.finish()
    return RefusedStream()
  }

  /// Recognises a caller by his key: the same answer for an unknown id, a wrong secret and a dead key.
  ///
  /// Nil is a delegation that the state does not know: whether it opens anything, `admit` finds out.
  private func authenticate(
    _ credential: Credential?, from origin: StreamOrigin
  ) -> Result<Caller, Failure>? {
    guard let credential else { return .failure(.noKey) }
    var id = credential.key
    if let delegation = credential.delegation {
      guard let known = exchange.delegation(digest: delegation.digest), let use = known.use else {
        return nil
      }
      if let failure = ending(of: delegation.delegation, madeKey: use.key) {
        return .failure(failure)
      }
      id = use.key
    }
    let now = isActive ? queue.now : exchange.logTime
    guard let key = exchange.key(id), !key.isDead(at: now),
      key.hashes(at: now).reduce(false, { isEqual($1, credential.secretHash) || $0 })
    else {
      return .failure(.deadKey)
    }
    return .success(caller(key, credential, from: origin))
  }

  /// Who has shown that a key is his.
  func caller(_ key: APIKey, _ credential: Credential, from origin: StreamOrigin) -> Caller {
    if isActive { usedKeys.note(key.id, now: clock.now) }
    return Caller(
      key: key.id, account: key.account, scopes: key.scopes, secretHash: credential.secretHash,
      origin: origin)
  }

  /// Compares in a time that does not depend on where two hashes differ.
  func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Failure: Error {}

extension Failure {
  fileprivate static var noKey: Failure {
    Failure(
      refusing: .unauthenticated,
      "there is no API key of the form sy_<id>_<secret>, nor a delegation's with its own secret")
  }

  fileprivate static var deadKey: Failure {
    Failure(refusing: .unauthenticated, "the API key is unknown, revoked or expired")
  }
}

/// Waits for a stream's first message to know who answers it, then is that owner's messenger.
private final class FirstMessage: MessageChannelOwner {
  private let channel: any MessageChannel
  private var decide: ((Message) -> (any MessageChannelOwner)?)?
  private var owner: (any MessageChannelOwner)?

  init(
    channel: any MessageChannel, _ decide: @escaping (Message) -> (any MessageChannelOwner)?
  ) {
    self.channel = channel
    self.decide = decide
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    if let decide {
      self.decide = nil
      owner = decide(message)
    } else {
      owner?.received(message, on: channel)
    }
  }

  func writable(_ channel: any MessageChannel) { owner?.writable(channel) }

  func closed(_ channel: any MessageChannel) {
    decide = nil
    owner?.closed(channel)
    owner = nil
  }
}

/// A stream that has got its refusal: whatever else comes on it is not read.
private final class RefusedStream: MessageChannelOwner {
  func received(_ message: Message, on channel: any MessageChannel) {}
  func writable(_ channel: any MessageChannel) {}
  func closed(_ channel: any MessageChannel) {}
}
