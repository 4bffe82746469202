internal import ExchangeTypes
internal import WireProtocol

/// A stream of which it is not known yet who answers it: its peer shows what the state does not know, or there is no leader.
///
/// Nothing further is read meanwhile, so what waits is what had arrived. That may be very many small messages, so their number is bounded
/// too: who says more is refused as `overloaded`.
final class Newcomer: MessageChannelOwner {
  /// More messages do not wait: nobody says as much before he is answered.
  static let messagesMax = 64

  let channel: any MessageChannel
  private var waiting: [Message] = []
  private var owner: (any MessageChannelOwner)?
  /// Whether nobody waits for an answer any more: the peer is gone, or has been refused.
  private(set) var isOver = false

  init(channel: any MessageChannel) {
    self.channel = channel
    channel.setReading(false)
  }

  /// It is known who answers; `open` gives him the stream.
  func `continue`(_ open: () -> any MessageChannelOwner) {
    channel.setReading(true)
    let owner = open()
    self.owner = owner
    for message in waiting { owner.received(message, on: channel) }
    waiting = []
  }

  func received(_ message: Message, on channel: any MessageChannel) {
    if let owner { return owner.received(message, on: channel) }
    guard !isOver else { return }
    guard waiting.count < Self.messagesMax else { return refuse() }
    waiting.append(message)
  }

  func writable(_ channel: any MessageChannel) { owner?.writable(channel) }

  func closed(_ channel: any MessageChannel) {
    isOver = true
    waiting = []
    owner?.closed(channel)
    owner = nil
  }

  private func refuse() {
    isOver = true
    waiting = []
    channel.setReading(true)
    channel.send(
      Failure(
        .overloaded, "more messages came than wait until it is known who answers", retryAfterMs: 100
      ))
    channel.finish()
  }
}
