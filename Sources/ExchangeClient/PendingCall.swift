internal import JobDispatch
internal import Links
internal import NIOCore
internal import WireProtocol

/// One request under way, through as many tries as it takes.
///
/// *waiting for a link* → *asked* → *answered*; a try that fails in a way that may pass leads back to
/// the start after a pause. The completion is called once.
final class PendingCall: MessageChannelOwner {
  private let message: any WireMessage
  private let service: Service
  private let authorization: String?
  private let client: LoopClient
  private let lane: Lane
  private var tries: CallTries
  private var completion: ((Result<Message, ClientFailure>) -> Void)?
  private var channel: (any MessageChannel)?
  private var link: NodeLink?
  private var wasTurnedAway = false

  init(
    message: any WireMessage, service: Service, authorization: String?, client: LoopClient,
    lane: Lane,
    tries: CallTries,
    completion: @escaping (Result<Message, ClientFailure>) -> Void
  ) {
    self.message = message
    self.service = service
    self.authorization = authorization
    self.client = client
    self.lane = lane
    self.tries = tries
    self.completion = completion
  }

  func begin() {
    lane.withLink { [self] result in
      switch result {
      case .failure(let end): ended(end)
      case .success(let link):
        self.link = link
        let channel = link.openStream(service, authorization: authorization, owner: self)
        self.channel = channel
        channel.send(message)
        channel.finish()
      }
    }
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard channel === self.channel else { return }
    self.channel = nil
    if case .failure(let failure) = message {
      if failure.asksElsewhere(wasTurnedAway: &wasTurnedAway), let link { lane.leave(link) }
      ended(.failure(failure))
    } else {
      complete(.success(message))
    }
  }

  func writable(_ channel: any MessageChannel) {}

  func closed(_ channel: any MessageChannel) {
    guard channel === self.channel else { return }
    self.channel = nil
    ended(.broke("the connection broke before the answer"))
  }

  private func ended(_ end: TryEnd) {
    switch tries.ended(end, now: client.now, random: client.random()) {
    case .giveUp(let failure): complete(.failure(failure))
    case .retry(let wait):
      guard !client.hasClosed else {
        return complete(.failure(.unavailable(lastCause: "the client was closed", waited: 0)))
      }
      client.eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(wait))) {
        self.begin()
      }
    }
  }

  private func complete(_ result: Result<Message, ClientFailure>) {
    link = nil
    guard let completion else { return }
    self.completion = nil
    completion(result)
  }
}
