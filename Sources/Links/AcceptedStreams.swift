internal import ExchangeTypes
internal import Transport
internal import WireProtocol

/// What the streams that the peer of one link has opened hold here.
///
/// A stream gives its peer credit as bytes arrive, so flow control alone would let a peer leave one large message unfinished on each of
/// its streams. Confined to its link's loop.
final class AcceptedStreams {
  private struct Unfinished {
    /// Kept no longer than it counts: it says so when it ends.
    let channel: LinkChannel
    var bytes: Int
    let since: UInt64
  }

  private let bytesMax: Int
  private let strangers: StrangersBytes?
  let address: AddressPrefix
  /// Of a stranger: those of which a part of a message has come.
  private var unfinished: [ObjectIdentifier: Unfinished] = [:]
  /// Bytes of messages that have begun and not ended, on all streams.
  private(set) var bytes = 0
  /// Streams that have brought a message and have more to hear of this side, the link's own apart.
  var speaking = 0
  /// When a stream last brought its first message, or the link was made.
  var usedAt = LinkLoop.now

  /// - Parameters:
  ///   - bytesMax: how much the peer may leave unfinished on this link.
  ///   - strangers: what all strangers may leave unfinished, if this is one.
  ///   - address: whose the link is.
  init(bytesMax: Int, among strangers: StrangersBytes? = nil, of address: AddressPrefix) {
    self.bytesMax = bytesMax
    self.strangers = strangers
    self.address = address
  }

  /// A channel holds so many bytes of an unfinished message; false if it may not.
  func hold(_ held: Int, insteadOf counted: Int, by channel: LinkChannel) -> Bool {
    let change = held - counted
    bytes += change
    guard let strangers else { return bytes <= bytesMax }
    let id = ObjectIdentifier(channel)
    if held == 0 {
      unfinished[id] = nil
    } else if counted > 0 {
      unfinished[id]?.bytes = held
    } else {
      unfinished[id] = Unfinished(channel: channel, bytes: held, since: LinkLoop.now)
    }
    return strangers.add(change, to: self) && bytes <= bytesMax
  }

  /// Ends streams whose message has begun before this time and not ended.
  func giveUp(begunBefore time: UInt64) {
    for one in unfinished.values where one.since < time {
      one.channel.giveUp(
        Failure(.requestTimeout, "the rest of a message did not come in time"))
    }
  }

  /// Ends streams, those that hold most first, until so many bytes are free; answers how many are.
  func giveUp(_ count: Int) -> Int {
    var freed = 0
    for one in unfinished.values.sorted(by: { $0.bytes > $1.bytes }) where freed < count {
      freed += one.bytes
      one.channel.giveUp(
        Failure(
          .overloaded, "too many bytes of unfinished messages, and most of them of this address",
          retryAfterMs: 1_000))
    }
    return freed
  }
}

/// Bytes of messages that have begun and not ended, of all strangers of one listener.
///
/// Each of their connections has a bound of its own (`HTTP2Limits.unfinishedBytesMax`), and anybody may have hundreds. Where all of it
/// is used up, the address that holds most gives up. Confined to the links' loop, of which there is one.
public final class StrangersBytes {
  private let bytesMax: Int
  private var shares = Shares<AddressPrefix>()
  /// Those that hold something.
  private var links: [ObjectIdentifier: AcceptedStreams] = [:]

  /// A budget of so many bytes: a client with a certificate has its own.
  public init(bytesMax: Int = 64 << 20) { self.bytesMax = bytesMax }

  /// A link holds so many bytes more, or less; false if it may not, though it is counted.
  fileprivate func add(_ change: Int, to link: AcceptedStreams) -> Bool {
    var isFree = true
    if change > 0 {
      if case .from(let other) = room(for: change, of: link) { giveUp(other) }
      isFree = room(for: change, of: link) == .free
    }
    shares.add(change, to: link.address)
    links[ObjectIdentifier(link)] = link.bytes > 0 ? link : nil
    return isFree
  }

  private func room(for bytes: Int, of link: AcceptedStreams) -> Shares<AddressPrefix>.Room {
    shares.room(for: bytes, of: link.address, within: bytesMax)
  }

  /// An eighth of the budget at once, or all that this address has: it is not looked for whom to end with every piece.
  private func giveUp(_ address: AddressPrefix) {
    var freed = 0
    let holding = links.values.filter { $0.address == address }.sorted { $0.bytes > $1.bytes }
    for link in holding where freed < bytesMax / 8 { freed += link.giveUp(bytesMax / 8 - freed) }
  }
}
