internal import Glibc
internal import NIOCore
internal import NIOPosix

/// Lets work that would hold a loop for long go on in turns: before each the loop has looked at its sockets.
///
/// A task that is scheduled from within a task gives the sockets no turn: SwiftNIO runs tasks until there are none, and only
/// then looks at its sockets. A byte in a pipe is an event like those of sockets. So each turn begins with a byte that
/// this has written to itself, and every socket that has something is read once between two turns.
///
/// Turns come in the order in which they were asked for. Belongs to its loop.
final class LoopTurns {
  private let channel: any Channel
  private var waiting: CircularBuffer<() -> Void> = []
  /// A byte is in the pipe.
  private var isUnderWay = false

  private init(_ channel: any Channel) { self.channel = channel }

  /// The turns of a loop, with a pipe of their own until `close`.
  ///
  /// - Throws: `IOError` if there is no pipe to be had.
  static func make(on loop: any EventLoop) async throws -> NIOLoopBound<LoopTurns> {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw IOError(errnoCode: errno, reason: "pipe") }
    let (input, output) = (ends[0], ends[1])
    do {
      for end in ends where fcntl(end, F_SETFD, FD_CLOEXEC) != 0 {
        throw IOError(errnoCode: errno, reason: "fcntl")
      }
      return try await NIOPipeBootstrap(group: loop)
        .channelOption(ChannelOptions.maxMessagesPerRead, value: 1)
        .takingOwnershipOfDescriptors(input: input, output: output) { channel in
          channel.eventLoop.makeCompletedFuture {
            let turns = LoopTurns(channel)
            try channel.pipeline.syncOperations.addHandler(Receiver(turns))
            return NIOLoopBound(turns, eventLoop: channel.eventLoop)
          }
        }
    } catch {
      Glibc.close(input)
      Glibc.close(output)
      throw error
    }
  }

  /// Calls `body` in a turn of its own, never within this call.
  ///
  /// Dropped if the turns are closed before.
  func wait(_ body: @escaping () -> Void) {
    waiting.append(body)
    begin()
  }

  /// Gives the pipe back.
  func close() {
    waiting.removeAll()
    channel.close(promise: nil)
  }

  private func begin() {
    guard !isUnderWay, !waiting.isEmpty else { return }
    isUnderWay = true
    channel.writeAndFlush(ByteBuffer(bytes: [0]), promise: nil)
  }

  private func take() {
    isUnderWay = false
    let body = waiting.popFirst()
    begin()
    body?()
  }

  /// Hears the byte.
  private final class Receiver: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let turns: LoopTurns

    init(_ turns: LoopTurns) { self.turns = turns }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { turns.take() }

    /// Without its pipe a loop would leave its peers unheard, and nobody else has it.
    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      fatalError("the pipe of a loop's turns broke: \(error)")
    }
  }
}

/// The turns of each loop of a group: a listener's.
struct GroupTurns: Sendable {
  private let ofLoops: [ObjectIdentifier: NIOLoopBound<LoopTurns>]
  private let loops: [any EventLoop]

  /// Opens a pipe for each loop.
  ///
  /// - Throws: `TransportError.cannotListen`, with the address that was to be listened on.
  static func make(for group: any EventLoopGroup, host: String, port: Int)
    async throws(TransportError) -> GroupTurns
  {
    var ofLoops: [ObjectIdentifier: NIOLoopBound<LoopTurns>] = [:]
    var loops: [any EventLoop] = []
    for loop in group.makeIterator() {
      do {
        ofLoops[ObjectIdentifier(loop)] = try await LoopTurns.make(on: loop)
        loops.append(loop)
      } catch {
        GroupTurns(ofLoops: ofLoops, loops: loops).close()
        throw .cannotListen(host: host, port: port, reason: String(describing: error))
      }
    }
    return GroupTurns(ofLoops: ofLoops, loops: loops)
  }

  /// Those of a loop of the group.
  ///
  /// - Precondition: called on the loop.
  subscript(loop: any EventLoop) -> LoopTurns? { ofLoops[ObjectIdentifier(loop)]?.value }

  /// Gives the pipes back, once nobody waits for a turn any more; from any thread.
  func close() {
    for loop in loops {
      let turns = ofLoops[ObjectIdentifier(loop)]
      loop.execute { turns?.value.close() }
    }
  }
}
