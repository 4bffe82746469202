internal import JobDispatch
internal import Transport

/// What answers one request: it sends replies to its connection until one of them ends the answer.
///
/// Confined to its connection's loop.
protocol Answering: AnyObject {
  /// The client takes nothing more for now, or does so again.
  func setReading(_ isReading: Bool)
  /// Some time has passed; `now` is in monotonic milliseconds.
  func tick(now: UInt64)
  /// The client has gone before the answer ended; nothing is sent any more.
  func clientLeft()
  /// The whole answer has been given to the client, as far as this side can tell.
  func delivered()
}

extension Answering {
  func delivered() {}
}

/// Where a request came from, and where its answer goes: a connection of HTTP/1.1, or a stream of HTTP/2.
///
/// Confined to its loop.
protocol RequestSource: AnyObject {
  /// Whether the request, which has come whole, still waits to be answered.
  func awaits(_ request: HTTPRequest) -> Bool
  /// From here on `answering` answers the request.
  func answer(_ request: HTTPRequest, with answering: any Answering)
  /// Sends the next part of an answer; ignored once its request is no longer the present one.
  func send(_ reply: HTTPReply, from answering: any Answering)
  /// The request's body has been handed on.
  func releaseBody(of answering: any Answering)
}

/// One client's connection, as its loop sees it.
protocol ClientConnection: AnyObject {
  /// Bytes of answers that wait for the client, in this process.
  var outstanding: Int { get }
  /// Whose it is, for what an address may cost.
  var address: AddressPrefix { get }
  /// Bytes of bodies that are held for it and have not been handed on.
  var heldBodyBytes: Int { get }
  /// Ends the requests whose bodies are held: their room is others'.
  func giveUpBodies(_ refusal: HTTPRefusal)
  /// Ends what has lasted too long; `now` is in monotonic milliseconds.
  func tick(now: UInt64)
  /// Takes no further request, and ends after the answers that are due.
  func drain()
  /// Ends at once.
  func abort()
}

/// Answers with what one call to the cluster gives.
final class CallAnswer: Answering {
  /// Whether nobody waits for it any more.
  private(set) var isLeft = false
  func setReading(_ isReading: Bool) {}
  func tick(now: UInt64) {}
  func clientLeft() { isLeft = true }
}
