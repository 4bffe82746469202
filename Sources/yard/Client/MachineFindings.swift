internal import Foundation
internal import HostFacts
internal import Identity
internal import Links
internal import NIOPosix
internal import OpenAIFormat
internal import WireProtocol
internal import WorkerAgent

/// What `yard doctor` finds on one machine: its clock, a node's disk, certificate and engine.
enum MachineFindings {
  /// Below either, room runs out.
  private static let freeShareMin = 0.1
  private static let freeBytesMin: UInt64 = 1 << 30

  /// Everything about this machine and the nodes of `directories`.
  static func all(_ directories: [String], now: Date) async -> [Finding] {
    var findings = [clock()]
    for directory in directories { findings += await node(directory, now: now) }
    return findings
  }

  /// Everything about the node of `directory`.
  private static func node(_ directory: String, now: Date) async -> [Finding] {
    var findings = [disk(directory), certificate(directory, now: now)]
    let files = FileManager.default
    if files.fileExists(atPath: NodeDirectory(path: directory).clusterFile) {
      findings.append(keyring(directory))
    }
    if files.fileExists(atPath: ControlSocket.path(in: directory)) {
      do {
        let status = try await workerStatus(directory)
        findings.append(engine(status))
        if let gpu = gpu(status) { findings.append(gpu) }
      } catch {
        findings.append(
          Finding(
            "engine", .bad, "no worker answers in \(directory)",
            advice:
              "start it (systemctl start switchyard-worker); a stale socket goes when it starts"))
      }
    }
    return findings
  }

  /// What the worker that runs in a directory says of itself.
  static func workerStatus(_ directory: String) async throws -> JSONValue {
    try JSONValue.parse(
      Array(
        try await ControlSocket.ask(
          .status, at: ControlSocket.path(in: directory), on: MultiThreadedEventLoopGroup.singleton
        ).utf8))
  }

  /// The GPUs that a worker's status tells of.
  static func gpus(_ status: JSONValue) -> [GPUFacts] {
    (status["gpus"]?.elements ?? []).compactMap(GPUFacts.init(json:))
  }

  /// The GPUs of the worker's host; nil for a host that has no tool for them.
  static func gpu(_ status: JSONValue) -> Finding? {
    if let fault = status["gpu_fault"]?.string {
      return Finding(
        "gpu", .unknown, fault,
        advice: "run it as the worker's user; in a systemd unit it needs the GPU's devices")
    }
    let gpus = gpus(status)
    guard !gpus.isEmpty else { return nil }
    guard let shared = gpus.first(where: { $0.foreignProcesses ?? 0 > 0 }) else {
      return Finding("gpu", .ok, GPUText.words(gpus))
    }
    let memory = shared.foreignMemory.map { " with \($0) MiB" } ?? ""
    return Finding(
      "gpu", .warning,
      "\(GPUText.words(gpus)); \(shared.foreignProcesses ?? 0) processes\(memory) on GPU \(shared.index) are not the engine's",
      advice:
        "they take memory and time that the worker's offers promise: end or move them, or offer fewer --slots"
    )
  }

  static func clock() -> Finding {
    // <sys/timex.h> is in no module: adjtimex(2) by its name, with room for struct timex (208 bytes). Modes of 0 only ask.
    typealias Ask = @convention(c) (UnsafeMutableRawPointer) -> Int32
    guard let symbol = dlsym(nil, "adjtimex") else {
      return Finding("clock", .unknown, "this system does not say whether the clock is kept")
    }
    let ask = unsafeBitCast(symbol, to: Ask.self)
    let state = withUnsafeTemporaryAllocation(byteCount: 512, alignment: 8) { room -> Int32 in
      guard let address = room.baseAddress else { return -1 }
      memset(address, 0, room.count)
      return ask(address)
    }
    switch state {
    case 0...4: return Finding("clock", .ok, "a time service keeps it")
    // TIME_ERROR: nobody disciplines the clock.
    case 5:
      return Finding(
        "clock", .warning, "no time service keeps the clock",
        advice:
          "certificates are judged by it: run systemd-timesyncd or chrony (in a virtual machine, on its host)"
      )
    default:
      return Finding("clock", .unknown, "the kernel does not say whether the clock is kept")
    }
  }

  static func disk(_ directory: String) -> Finding {
    var volume = statvfs()
    guard statvfs(directory, &volume) == 0 else {
      return Finding(
        "disk", .bad, "\(directory): \(String(cString: strerror(errno)))",
        advice: "name the node's directory, as the user that runs the node")
    }
    let free = UInt64(volume.f_bavail) * UInt64(volume.f_frsize)
    let share = Double(volume.f_bavail) / Double(max(1, volume.f_blocks))
    let found = "\(free >> 20) MiB free under \(directory), \(Int(share * 100))% of the volume"
    guard share >= freeShareMin, free >= freeBytesMin else {
      return Finding(
        "disk", free < freeBytesMin ? .bad : .warning, found,
        advice: "make room, or move the directory to a larger volume while the node is stopped")
    }
    return Finding("disk", .ok, found)
  }

  static func certificate(_ directory: String, now: Date) -> Finding {
    do {
      let node = try IdentityDirectory(path: NodeDirectory(path: directory).identity).load(now: now)
      let hours = Int(node.expiresAt.timeIntervalSince(now) / 3_600)
      let left = hours < 72 ? "\(hours) hours" : "\(hours / 24) days"
      let found = "\(node), valid until \(node.expiresAt.ISO8601Format()), \(left)"
      let schedule = RenewalSchedule(issuedAt: node.issuedAt, expiresAt: node.expiresAt)
      guard now < schedule.overdueAt else {
        return Finding(
          "certificate", .warning, found + ": its renewal is overdue",
          advice:
            "a running node renews it by itself: its log says why not; by hand: yard node renew")
      }
      return Finding("certificate", .ok, found)
    } catch {
      let advice =
        if case .io(_, _, EACCES) = error {
          "name the node's directory, as the user that runs the node"
        } else {
          "an expired node joins anew by an invitation (yard node invite); a coordinator's comes from yard init"
        }
      return Finding("certificate", .bad, "\(error)", advice: advice)
    }
  }

  static func keyring(_ directory: String) -> Finding {
    let path = NodeDirectory(path: directory).keyring
    let mode: Int
    do {
      let attributes = try FileManager.default.attributesOfItem(atPath: path)
      // A file of which nobody says who may read it is not taken for a well-kept one.
      mode = attributes[.posixPermissions] as? Int ?? 0o777
    } catch CocoaError.fileReadNoSuchFile {
      return Finding(
        "keyring", .warning, "\(path) is missing",
        advice:
          "a coordinator that starts without one asks the others for their keys; the last one has lost them"
      )
    } catch {
      return Finding(
        "keyring", .bad, "who may read \(path) cannot be seen: \(error.localizedDescription)",
        advice: "look as the user that runs the node")
    }
    guard mode & 0o077 == 0 else {
      return Finding(
        "keyring", .bad, "\(path) may be read by others", advice: "chmod 600 \(path)")
    }
    return Finding("keyring", .ok, "readable for its owner alone")
  }

  /// For how long more a worker leaves its engine alone, which had no room; nil while it takes attempts.
  static func fullFor(_ status: JSONValue) -> String? {
    status["engine_full_for_ms"]?.integer.map { "\(($0 + 999) / 1_000) s" }
  }

  static func engine(_ status: JSONValue) -> Finding {
    guard status["engine_healthy"] == .boolean(true) else {
      return Finding(
        "engine", .bad, "the worker's engine does not answer",
        advice: "look at the engine's own log; the worker offers it again as soon as it answers")
    }
    guard status["worker"]?.integer != nil else {
      return Finding(
        "engine", .bad, "the engine answers, and no leader has taken the worker",
        advice:
          "the worker's log says why: a key without scope work, a name that is taken, no coordinator"
      )
    }
    let links = status["links"]?.integer ?? 0
    let room = fullFor(status).map { " and has no room; it is asked again in \($0)" } ?? ""
    return Finding(
      "engine", .ok,
      "answers\(room); \(status["slots"]?.integer ?? 0) slots, \(links) links to coordinators")
  }
}
