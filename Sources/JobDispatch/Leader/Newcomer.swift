internal import WireProtocol

/// A stream whose peer shows a delegation that the state does not know yet: what it says waits until the log has decided.
///
/// Nothing further is read meanwhile, so what waits is what had arrived.
final class Newcomer: MessageChannelOwner {
  private let channel: any MessageChannel
  private var waiting: [Message] = []
  private var owner: (any MessageChannelOwner)?
  private(set) var isClosed = false

  init(channel: any MessageChannel) {
    self.channel = channel
    channel.setReading(false)
  }

  /// The log has decided who answers.
  func `continue`(as owner: any MessageChannelOwner) {
    self.owner = owner
    for message in waiting { owner.received(message, on: channel) }
    waiting = []
    channel.setReading(true)
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
