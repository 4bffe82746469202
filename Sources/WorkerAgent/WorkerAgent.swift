internal import BuiltinEngine
internal import Engines
internal import ExchangeClient
public import ExchangeTypes
internal import JobDispatch
public import Logging
public import NIOCore
internal import Transport

/// A worker process: links to all coordinators, an engine, and the machine between them.
public final class WorkerAgent: Sendable {
  private let shell: NIOLoopBound<WorkerShell>
  private let engine: any Engine
  private let control: ControlSocket?
  private let renewing: Task<Void, Never>?
  /// Completed once: by the first registration, or by the end without one.
  private let whenRegistered: EventLoopFuture<WorkerID?>
  private let whenLeft: EventLoopFuture<Void>

  private init(
    shell: NIOLoopBound<WorkerShell>, engine: any Engine, control: ControlSocket?,
    renewing: Task<Void, Never>?, whenRegistered: EventLoopFuture<WorkerID?>,
    whenLeft: EventLoopFuture<Void>
  ) {
    self.shell = shell
    self.engine = engine
    self.control = control
    self.renewing = renewing
    self.whenRegistered = whenRegistered
    self.whenLeft = whenLeft
  }

  /// Starts a worker on one loop of `group`.
  ///
  /// - Throws: `WorkerAgentError` if another worker uses the directory, and what is wrong with the built-in
  ///   engine's model.
  public static func start(
    _ configuration: WorkerConfiguration, on group: any EventLoopGroup, logger: Logger
  ) async throws -> WorkerAgent {
    let loop = LinkLoop(group.next())
    let engine = try engine(configuration.engine, on: loop)
    let whenRegistered = loop.eventLoop.makePromise(of: WorkerID?.self)
    let whenLeft = loop.eventLoop.makePromise(of: Void.self)
    let refusals = RefusalLog(label: "WorkerAgent")
    let shell = try await loop.eventLoop.submit {
      let shell = WorkerShell(
        configuration, engine: engine, loop: loop, refusals: refusals, logger: logger,
        whenLeft: whenLeft)
      // What comes after the first is ignored.
      shell.registered = { whenRegistered.succeed($0) }
      return loop.bind(shell)
    }.get()
    do {
      let control = try await ControlSocket.open(configuration.directory, on: loop) { command in
        switch command {
        case .status: break
        case .drain: shell.value.drain()
        case .stop: shell.value.machine.stop()
        }
        return shell.value.machine.status.json(gpuFault: shell.value.gpuFault)
      }
      loop.execute { shell.value.start() }
      let renewing = configuration.renewal.map { renewal in
        Task {
          await renewal.run(on: loop.eventLoop, refusals: refusals) {
            logger.log(level: $0.isFailure ? .error : .info, "\($0.text)")
          }
        }
      }
      return WorkerAgent(
        shell: shell, engine: engine, control: control, renewing: renewing,
        whenRegistered: whenRegistered.futureResult, whenLeft: whenLeft.futureResult)
    } catch {
      whenRegistered.succeed(nil)
      whenLeft.fail(error)
      try await engine.shutdown()
      throw error
    }
  }

  private static func engine(_ spec: EngineSpec, on loop: LinkLoop) throws -> any Engine {
    switch spec.place {
    case .server:
      OpenAICompatibleEngine(spec: spec, logger: Logger(label: "Engines"), on: loop.eventLoop)
    case .builtin(let file): try BuiltinEngine(spec: spec, file: file)
    }
  }

  /// Its number, once a leader has taken it; nil if it leaves before.
  public var registered: WorkerID? {
    get async throws { try await whenRegistered.get() }
  }

  /// Offers on these terms from now on.
  public func apply(_ live: WorkerConfiguration.Live) {
    shell.eventLoop.execute { [shell] in shell.value.apply(live) }
  }

  /// Takes no new attempts, finishes those that run, then leaves; at once when called again.
  public func drain() { shell.eventLoop.execute { [shell] in shell.value.drainOrStop() } }

  /// Leaves now; what runs goes on elsewhere.
  public func stop() { shell.eventLoop.execute { [shell] in shell.value.machine.stop() } }

  /// Waits until the worker has left, and frees what it used.
  ///
  /// - Throws: what the engine's client says if it cannot be shut down.
  public func run() async throws {
    try await whenLeft.get()
    renewing?.cancel()
    await renewing?.value
    let tasks = try await shell.eventLoop.submit { [shell] in shell.value.remainingTasks }.get()
    for task in tasks { await task.value }
    await control?.close()
    try await engine.shutdown()
  }
}

/// Why a worker cannot start.
public enum WorkerAgentError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Another worker answers on the control socket of this directory.
  case alreadyRunning(socket: String)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .alreadyRunning(let socket): "another worker runs in this directory (\(socket) answers)"
    }
  }
}
