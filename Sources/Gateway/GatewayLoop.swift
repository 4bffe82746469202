internal import ExchangeClient
internal import ExchangeTypes
internal import Glibc
internal import Identity
internal import JobDispatch
internal import NIOCore
internal import Transport
internal import WireProtocol

/// One event loop of a gateway: the connections of its clients, and its own few to the coordinators.
///
/// A request never leaves its loop: no locks, no tasks, no hops. Only what a long body says is found out beside it (`WorkBeside`).
final class GatewayLoop {
  let client: LoopClient
  let limits: HTTPLimits
  /// Bytes of bodies that are held here, by address.
  private var bodies = Shares<AddressPrefix>()
  /// The same of all addresses.
  var bodyBytes: Int { bodies.total }
  var counters = GatewayCounters()
  let eventLoop: any EventLoop
  /// Where what clients and coordinators do wrong is counted and logged.
  let refusals: RefusalLog
  /// Where long bodies are read.
  let beside: WorkBeside
  /// All loops of the gateway, this one too.
  private(set) var all: [NIOLoopBound<GatewayLoop>] = []
  private var connections: [ObjectIdentifier: any ClientConnection] = [:]
  /// What has not come to speak HTTP yet.
  private var beginning: [ObjectIdentifier: any Channel] = [:]
  /// Answers whose client has left, until their jobs have settled: as many as there are jobs to cancel.
  private var left: [ObjectIdentifier: InferenceAnswer] = [:]
  private var sweeping: RepeatedTask?
  private var isDraining = false
  private let generator = SystemRandomBlocks()
  private var answerDate = AnswerDate()

  init(
    client: ClientConfiguration, limits: HTTPLimits, refusals: RefusalLog, turns: Listener.Turns,
    threads: WorkThreads, on eventLoop: any EventLoop
  ) {
    self.client = LoopClient(
      configuration: client, on: eventLoop, turns: turns, refusals: refusals)
    self.limits = limits
    self.refusals = refusals
    beside = WorkBeside(of: eventLoop, on: threads, bytesMax: limits.bodyBytesInAllMax)
    self.eventLoop = eventLoop
  }

  /// Connects to the coordinators, and looks at the clock from now on.
  func start(beside all: [NIOLoopBound<GatewayLoop>]) {
    self.all = all
    client.connect()
    let bound = NIOLoopBound(self, eventLoop: eventLoop)
    let interval = TimeAmount.milliseconds(Int64(limits.sweepMilliseconds))
    sweeping = eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { _ in
      bound.value.sweep()
    }
  }

  private func sweep() {
    let now = now
    for connection in connections.values { connection.tick(now: now) }
    relieve()
    if !client.isReady { client.connect() }
  }

  /// Ends connections, while more waits for clients than is kept: of the address for which the most does, those for which the most does.
  private func relieve() {
    var all = connections.values.reduce(0) { $0 + $1.outstanding }
    guard all > limits.outboundInAllMax else { return }
    let waiting = Dictionary(
      grouping: connections.values.filter { $0.outstanding > 0 }, by: \.address)
    var sums = waiting.mapValues { $0.reduce(0) { $0 + $1.outstanding } }
    while all > limits.outboundInAllMax, let most = sums.max(by: { $0.value < $1.value }) {
      refusals.note(
        "connections ended", from: "\(most.key)", kind: "outbound_in_all",
        "\(most.value) bytes wait for it, of \(all) for all clients")
      let connections = (waiting[most.key] ?? []).map { ($0, $0.outstanding) }
      for (connection, bytes) in connections.sorted(by: { $0.1 > $1.1 })
      where all > limits.outboundInAllMax {
        counters.stalled += 1
        connection.abort()
        all -= bytes
      }
      sums[most.key] = nil
    }
  }

  /// Monotonic milliseconds.
  var now: UInt64 { NIODeadline.now().uptimeNanoseconds / 1_000_000 }

  /// Seconds since 1970.
  var unixSeconds: Int { time(nil) }

  /// The date of an answer that is made now.
  var date: String { answerDate.text(at: unixSeconds) }

  func drawRequestID() -> String { "req_" + String(generator.next(), radix: 16) }

  func drawRequestKey() -> RequestKey {
    RequestKey(high: generator.next(), low: generator.next())
  }

  // MARK: Connections

  /// A connection was accepted, and agrees on TLS first.
  func begins(_ channel: any Channel) {
    beginning[ObjectIdentifier(channel)] = channel
    if isDraining { channel.close(promise: nil) }
  }

  /// It has begun to speak, or ended.
  func hasBegun(_ channel: any Channel) { beginning[ObjectIdentifier(channel)] = nil }

  func add(_ connection: any ClientConnection) {
    connections[ObjectIdentifier(connection)] = connection
    counters.connections += 1
    if isDraining { connection.drain() }
  }

  func remove(_ connection: any ClientConnection) {
    connections[ObjectIdentifier(connection)] = nil
    counters.connections -= 1
  }

  /// Counts bytes of a body that are to be held here.
  ///
  /// A key is known to be good at the leader only, so anybody can have bodies held. Where there are as many as there may be, the address
  /// for which most are held gives up requests, if that is another.
  func hold(_ bytes: Int, of address: AddressPrefix) throws(HTTPRefusal) {
    if case .from(let other) = room(for: bytes, of: address) { giveUpBodies(of: other, for: bytes) }
    guard case .free = room(for: bytes, of: address) else { throw .tooManyBodies }
    bodies.add(bytes, to: address)
  }

  private func room(for bytes: Int, of address: AddressPrefix) -> Shares<AddressPrefix>.Room {
    bodies.room(for: bytes, of: address, within: limits.bodyBytesInAllMax)
  }

  /// Bytes of a body are held no longer.
  func release(_ bytes: Int, of address: AddressPrefix) { bodies.add(-bytes, to: address) }

  /// Ends requests of an address, those that hold most first, until there is room, and an eighth less is held: it is not looked for
  /// whom to end with every piece of a body.
  private func giveUpBodies(of address: AddressPrefix, for bytes: Int) {
    let (before, limit) = (bodies.total, limits.bodyBytesInAllMax)
    refusals.note(
      "requests ended", from: "\(address)", kind: "bodies_in_all",
      "\(bodies[address]) bytes of bodies are held for it, of \(before) for all clients")
    let holding = connections.values.filter { $0.address == address && $0.heldBodyBytes > 0 }
    for connection in holding.sorted(by: { $0.heldBodyBytes > $1.heldBodyBytes })
    where bodies.total > min(before - limit / 8, limit - bytes) {
      connection.giveUpBodies(.tooManyBodies)
    }
  }

  /// Keeps an answer that no connection holds any more.
  func keep(_ answer: InferenceAnswer) { left[ObjectIdentifier(answer)] = answer }

  /// Lets go of it.
  func forget(_ answer: InferenceAnswer) { left[ObjectIdentifier(answer)] = nil }

  /// Lets answers end, and takes no request.
  func drain() {
    isDraining = true
    // It has no request, and might take its time.
    for channel in beginning.values { channel.close(promise: nil) }
    for connection in connections.values { connection.drain() }
  }

  /// Ends everything.
  func stop() {
    sweeping?.cancel()
    sweeping = nil
    for connection in connections.values { connection.abort() }
    client.close()
    all = []  // which holds this loop
  }
}

extension HTTPRefusal {
  /// More bodies are held than may be.
  fileprivate static var tooManyBodies: HTTPRefusal {
    HTTPRefusal(
      .overloaded, "the gateway holds as many unfinished requests as it can", retryAfterMs: 1_000)
  }
}
