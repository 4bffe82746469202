internal import WireProtocol

/// A stream of which it is not known yet who answers it: its peer shows what the state does not know, or there is no leader.
///
/// Nothing further is read meanwhile, so what waits is what had arrived.
final class Newcomer: MessageChannelOwner {
  let channel: any MessageChannel
  private var waiting: [Message] = []
  private var owner: (any MessageChannelOwner)?
  private(set) var isClosed = false

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
    if let owner { owner.received(message, on: channel) } else { waiting.append(message) }
  }

  func writable(_ channel: any MessageChannel) { owner?.writable(channel) }

  func closed(_ channel: any MessageChannel) {
    isClosed = true
    owner?.closed(channel)
    owner = nil
  }
}
