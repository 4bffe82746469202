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
  ///   - service: what the stream is for; `control` and `raft` are not the dispatcher's.
  ///   - channel: the stream.
  ///   - credential: what the peer presented, or nil.
  ///   - authorization: the header it came in, to be passed on to the leader.
  /// - Returns: who is told what arrives.
  public func open(
    _ service: Service, on channel: any MessageChannel, credential: Credential?,
    authorization: String
  ) -> any MessageChannelOwner {
    switch service {
    case .call, .job:
      if isActive { return openHere(service, on: channel, credential) }
      return FirstMessage(channel: channel) { [weak self] message in
        self?.openElsewhere(
          service, with: message, on: channel, credential, authorization: authorization)
      }
    case .worker, .slot:
      guard isActive else { return refuse(channel, divergenceFailure ?? .notLeader) }
      return openHere(service, on: channel, credential)
    case .control, .raft:
      return refuse(channel, Failure(.malformedRequest, "this stream is not for the dispatcher"))
    }
  }

  private func openHere(
    _ service: Service, on channel: any MessageChannel, _ credential: Credential?
  ) -> any MessageChannelOwner {
    switch authenticate(credential) {
    case .failure(let failure):
      return refuse(channel, failure)
    case .success(let caller):
      let owner: any MessageChannelOwner & LeaderBound
      switch service {
      case .worker: owner = WorkerStream(channel: channel, caller: caller, dispatcher: self)
      case .slot: owner = SlotStream(channel: channel, caller: caller, dispatcher: self)
      case .job: owner = JobStream(channel: channel, caller: caller, dispatcher: self)
      default: owner = CallStream(channel: channel, caller: caller, dispatcher: self)
      }
      remember(owner)
      return owner
    }
  }

  /// On a coordinator that does not lead: status is its own to tell, everything else is the leader's.
  private func openElsewhere(
    _ service: Service, with message: Message, on channel: any MessageChannel,
    _ credential: Credential?, authorization: String
  ) -> (any MessageChannelOwner)? {
    if isActive {
      let owner = openHere(service, on: channel, credential)
      owner.received(message, on: channel)
      return owner
    }
    if case .statusQuery = message {
      switch authenticate(credential) {
      case .success: channel.send(statusReport)
      case .failure(let failure): channel.send(failure)
      }
      channel.finish()
      return nil
    }
    if let failure = divergenceFailure {
      channel.send(failure)
      channel.finish()
      return nil
    }
    let relay = Relay(client: channel)
    guard let leader = replica.knownLeader, leader != replica.id,
      let upstream = shell?.openRelay(
        to: leader, service: service, authorization: authorization, owner: relay)
    else {
      channel.send(
        Failure(
          .unavailable, "no leader is known or reachable at the moment; one is being elected",
          retryAfterMs: 100))
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

  private func refuse(_ channel: any MessageChannel, _ failure: Failure)
    -> any MessageChannelOwner
  {
    channel.send(failure)
    channel.finish()
    return RefusedStream()
  }

  /// Recognises a caller by his key: the same answer for an unknown id, a wrong secret and a dead key.
  private func authenticate(_ credential: Credential?) -> Result<Caller, Failure> {
    guard let credential else {
      return .failure(
        Failure(.unauthenticated, "send an API key: authorization: Bearer sy_<id>_<secret>"))
    }
    guard let key = exchange.key(credential.key), !key.revoked,
      isEqual(key.secretHash, credential.secretHash)
    else {
      return .failure(Failure(.unauthenticated, "the API key is unknown or revoked"))
    }
    return .success(Caller(key: key.id, account: key.account, scopes: key.scopes))
  }

  /// Compares in a time that does not depend on where two hashes differ.
  private func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
    left.count == right.count && zip(left, right).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
  }
}

extension Failure: Error {}

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
