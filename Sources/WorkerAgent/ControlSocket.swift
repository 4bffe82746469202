internal import ExchangeTypes
internal import HostFacts
internal import JobDispatch
public import NIOCore
internal import NIOPosix
internal import OpenAIFormat
internal import Transport

/// What `yard worker` asks of a running worker.
public enum ControlCommand: String, Sendable, CaseIterable {
  /// What it is doing.
  case status
  /// Finish what runs, then leave.
  case drain
  /// Leave now: what runs goes on elsewhere. The answer's connection ends with the process.
  case stop
}

/// The Unix socket on which a running worker is asked: a line in, a line of JSON out.
public final class ControlSocket: Sendable {
  /// The longest question.
  private static let lineBytesMax = 64
  private let channel: any Channel

  private init(_ channel: any Channel) { self.channel = channel }

  /// Where the socket of a worker's directory is.
  public static func path(in directory: String) -> String { "\(directory)/worker.sock" }

  /// Listens in `directory`, and answers on `loop`; nil for no directory.
  static func open(
    _ directory: String?, on loop: LinkLoop,
    answer: @escaping @Sendable (ControlCommand) -> [UInt8]
  ) async throws -> ControlSocket? {
    guard let directory else { return nil }
    let path = path(in: directory)
    if await isServed(path, on: loop.eventLoop) {
      throw WorkerAgentError.alreadyRunning(socket: path)
    }
    let channel = try await ServerBootstrap(group: loop.eventLoop)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandler(Answering(answer))
        }
      }
      .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    return ControlSocket(channel)
  }

  /// Whether a worker has this socket, even one that does not answer.
  private static func isServed(_ path: String, on group: any EventLoopGroup) async -> Bool {
    do {
      _ = try await ask(.status, at: path, on: group)
      return true
    } catch {
      return error is ControlError
    }
  }

  func close() async {
    // A socket that is closed already is what is wanted.
    try? await channel.close()
  }

  /// How long an answer is waited for.
  public static let patience: TimeAmount = .seconds(10)

  /// Asks the worker whose socket is at `path`, and waits until it has closed the connection.
  ///
  /// - Returns: a line of JSON.
  /// - Throws: `ControlError.silent` if there is no end within `patience`; what the socket says if nobody listens.
  public static func ask(
    _ command: ControlCommand, at path: String, on group: any EventLoopGroup
  ) async throws -> String {
    let loop = group.next()
    let answer = loop.makePromise(of: String.self)
    let channel: any Channel
    do {
      channel = try await ClientBootstrap(group: loop)
        .channelInitializer { channel in
          channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(Asking(answer))
          }
        }
        .connect(unixDomainSocketPath: path).get()
    } catch {
      answer.fail(error)
      throw error
    }
    let patience = loop.scheduleTask(in: patience) {
      answer.fail(ControlError.silent)
      channel.close(promise: nil)
    }
    defer { patience.cancel() }
    try await channel.writeAndFlush(ByteBuffer(string: command.rawValue + "\n")).get()
    return try await answer.futureResult.get()
  }

  private final class Answering: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer
    private let answer: (ControlCommand) -> [UInt8]
    private var line: [UInt8] = []

    init(_ answer: @escaping (ControlCommand) -> [UInt8]) { self.answer = answer }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      line += unwrapInboundIn(data).readableBytesView
      guard let end = line.firstIndex(of: UInt8(ascii: "\n")) else {
        if line.count > ControlSocket.lineBytesMax { context.close(promise: nil) }
        return
      }
      let word = String(decoding: line[..<end], as: UTF8.self)
      let command = ControlCommand(rawValue: word)
      let reply = command.map(answer) ?? Array(#"{"error":"unknown command"}"#.utf8)
      line = []
      let channel = context.channel
      let written = context.writeAndFlush(
        wrapOutboundOut(ByteBuffer(bytes: reply + [UInt8(ascii: "\n")])))
      // Who tells a worker to leave wants to know when it has: the process takes the connection with it.
      if command != .stop { written.whenComplete { _ in channel.close(promise: nil) } }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }

  private final class Asking: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    private let promise: EventLoopPromise<String>
    private var reply = ""

    init(_ promise: EventLoopPromise<String>) { self.promise = promise }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
      reply += String(buffer: unwrapInboundIn(data))
    }

    func channelInactive(context: ChannelHandlerContext) {
      if reply.hasSuffix("\n") {
        promise.succeed(String(reply.dropLast()))
      } else {
        promise.fail(ChannelError.inputClosed)
      }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
      context.close(promise: nil)
    }
  }
}

/// Why a running worker gave no answer.
public enum ControlError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It accepted the connection and then did not end it in time.
  case silent

  /// A sentence for people.
  public var description: String {
    "the worker accepted the request and did not answer within \(ControlSocket.patience.nanoseconds / 1_000_000_000) s"
  }
}

extension WorkerStatus {
  /// The status as one JSON object, for the control socket.
  ///
  /// - Parameter gpuFault: why the host's GPUs cannot be read, if a tool was there to ask.
  /// - Returns: the object's bytes.
  func json(gpuFault: String?) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("worker")
    if let worker { writer.integer(Int(clamping: worker.rawValue)) } else { writer.null() }
    writer.key("leader")
    if let leader { writer.integer(Int(clamping: leader.rawValue)) } else { writer.null() }
    writer.key("term")
    writer.integer(Int(clamping: term.rawValue))
    writer.key("links")
    writer.integer(links)
    writer.key("engine_healthy")
    writer.boolean(engineIsHealthy)
    writer.key("engine_full_for_ms")
    if let engineFullFor { writer.integer(Int(clamping: engineFullFor)) } else { writer.null() }
    writer.key("draining")
    writer.boolean(isDraining)
    writer.key("slots")
    writer.integer(slots)
    writer.key("attempts")
    writer.beginArray()
    for attempt in attempts {
      writer.beginObject()
      writer.key("job")
      writer.integer(Int(clamping: attempt.id.job.rawValue))
      writer.key("epoch")
      writer.integer(Int(attempt.id.epoch.rawValue))
      writer.key("finished")
      writer.boolean(attempt.isFinished)
      writer.key("followed")
      writer.boolean(attempt.isFollowed)
      writer.endObject()
    }
    writer.endArray()
    writer.key("gpus")
    writer.beginArray()
    for gpu in gpus { gpu.write(to: &writer) }
    writer.endArray()
    writer.key("gpu_fault")
    if let gpuFault { writer.string(gpuFault) } else { writer.null() }
    writer.endObject()
    return writer.bytes
  }
}
