internal import ExchangeTypes
internal import WireProtocol

/// A stream that a client opened on a coordinator that does not lead, passed on to the one that does.
///
/// Messages go both ways unchanged; either side's end ends the other. A full channel on one side stops
/// the reading on the other, so the relay holds no more than two channels' bounds. When the leader's
/// side ends without an answer, so does the client's, and the client tries again: a job's stream by its
/// position, a call under its request key.
final class Relay: MessageChannelOwner {
  private let client: any MessageChannel
  private var leader: (any MessageChannel)?
  private var isDone = false

  init(client: any MessageChannel) { self.client = client }

  /// Connects the two sides.
  func begin(to leader: any MessageChannel) { self.leader = leader }

  func received(_ message: Message, on channel: any MessageChannel) {
    guard !isDone, let leader else { return }
    let (target, source) = channel === client ? (leader, client) : (client, leader)
    target.send(message.content)
    if target.outstandingBytes >= MessageChannelLimits.outstandingBytesMax {
      source.setReading(false)
    }
  }

  func writable(_ channel: any MessageChannel) {
    guard !isDone, let leader else { return }
    (channel === client ? leader : client).setReading(true)
  }

  func closed(_ channel: any MessageChannel) {
    guard !isDone else { return }
    isDone = true
    if channel === client {
      leader?.abort()
    } else {
      client.finish()
    }
    leader = nil
  }
}
