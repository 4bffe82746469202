internal import Foundation
internal import OpenAIFormat
internal import Synchronization
public import WireProtocol

/// Asks the host's GPU tool how its GPUs are.
public final class GPUProbe: Sendable {
  /// Whose processes on a GPU are the engine's.
  public enum Engine: Hashable, Sendable {
    /// Those of the process that listens at this port of this host, and its descendants.
    case listening(port: UInt16)
    /// This process itself: the built-in engine, which uses no GPU.
    case thisProcess
    /// It is elsewhere.
    case elsewhere

    /// That of a server at this address: `http://127.0.0.1:8000` is on this host.
    public init(url: String) {
      guard let parts = URLComponents(string: url), let host = parts.host,
        host == "localhost" || host.hasPrefix("127.") || ["::1", "[::1]"].contains(host),
        let port = UInt16(exactly: parts.port ?? (parts.scheme == "https" ? 443 : 80))
      else {
        self = .elsewhere
        return
      }
      self = .listening(port: port)
    }
  }

  /// The most GPUs that are told (`HostReport.gpus`).
  public static let gpusMax = 16

  enum Tool: String, CaseIterable {
    case nvidia = "nvidia-smi"
    case amd = "amd-smi"
  }

  private let tool: Tool
  private let path: String
  private let run = ToolRun()
  /// amd-smi's lists, which take seconds, are asked for again after so many readings: a power limit changes seldom.
  private static let listedReadings = 60

  /// What a tool is not asked every time: nvidia-smi's fields that it knows, amd-smi's lists.
  private struct Known {
    var fields = NvidiaSMI.fields
    var lists: (list: JSONValue, fixed: JSONValue)?
    /// The GPUs that there were when the lists were asked for, and for how many readings more they are good.
    var numbers: [UInt16] = []
    var readings = 0
  }
  private let known = Mutex(Known())

  private init(_ tool: Tool, at path: String) {
    self.tool = tool
    self.path = path
  }

  /// The first tool that there is in the folders of `path`; nil if there is none.
  ///
  /// - Parameter path: as in `PATH`; `/opt/rocm/bin`, where amd-smi is if it is in none of them, is looked at last.
  /// - Returns: a probe with that tool.
  public static func find(in path: String) -> GPUProbe? {
    let folders = path.split(separator: ":").map(String.init) + ["/opt/rocm/bin"]
    for tool in Tool.allCases {
      for folder in folders where folder.hasPrefix("/") {
        let file = "\(folder)/\(tool.rawValue)"
        if FileManager.default.isExecutableFile(atPath: file) { return GPUProbe(tool, at: file) }
      }
    }
    return nil
  }

  /// The name of the tool.
  public var name: String { tool.rawValue }

  /// Asks the tool; takes a few seconds at most.
  ///
  /// - Parameter engine: whose processes are not foreign.
  /// - Returns: the GPUs in the order of their numbers, at most `gpusMax`.
  /// - Throws: why the tool told nothing.
  public func read(engine: Engine) async throws(GPUProbeError) -> [GPUFacts] {
    let (gpus, processes) =
      switch tool {
      case .nvidia: try await readNvidia()
      case .amd: try await readAMD()
      }
    let own: Set<Int>? =
      switch engine {
      case .listening(let port): ProcessTable.listening(at: port)
      case .thisProcess: [Int(ProcessInfo.processInfo.processIdentifier)]
      case .elsewhere: nil
      }
    return gpus.sorted { $0.index < $1.index }.prefix(Self.gpusMax).map { gpu in
      guard let processes else { return gpu }
      return gpu.counting(
        processes.filter { $0.gpu == gpu.uuid || $0.gpu == String(gpu.index) }, own: own)
    }
  }

  private func readNvidia() async throws(GPUProbeError) -> ([GPUFacts], [GPUProcess]?) {
    var gpus: [GPUFacts]?
    while gpus == nil {
      let fields = known.withLock { $0.fields }
      let answer = try await run.output(path, NvidiaSMI.gpuArguments(fields))
      gpus = NvidiaSMI.gpus(answer)
      guard gpus == nil else { break }
      // A field fewer each time: this ends.
      guard let unknown = NvidiaSMI.unknownField(in: answer), fields.contains(unknown) else {
        throw .unreadable(path, GPUProbeError.beginning(of: answer))
      }
      known.withLock { $0.fields.removeAll { $0 == unknown } }
    }
    let division = NvidiaSMI.Division(try await run.output(path, NvidiaSMI.listArguments))
    let processes = NvidiaSMI.processes(try await run.output(path, NvidiaSMI.processArguments))
    let divided = (gpus ?? []).map { $0.with(partition: division.words(of: $0.uuid)) }
    return (
      divided,
      processes?.map { process in
        GPUProcess(
          gpu: division.parents[process.gpu] ?? process.gpu, pid: process.pid,
          memory: process.memory, isOurNamespace: process.isOurNamespace)
      }
    )
  }

  private func readAMD() async throws(GPUProbeError) -> ([GPUFacts], [GPUProcess]?) {
    let metric = try await json(AMDSMI.metricArguments)
    let numbers = AMDSMI.numbers(metric)
    // A GPU that was divided anew is others.
    var lists = known.withLock { $0.readings > 0 && $0.numbers == numbers ? $0.lists : nil }
    if lists == nil {
      let asked = (
        list: try await json(AMDSMI.listArguments), fixed: try await json(AMDSMI.staticArguments)
      )
      known.withLock {
        ($0.lists, $0.numbers, $0.readings) = (asked, numbers, Self.listedReadings)
      }
      lists = asked
    }
    known.withLock { $0.readings -= 1 }
    guard let gpus = AMDSMI.gpus(list: lists?.list, static: lists?.fixed, metric: metric) else {
      throw .unreadable(path, "no list of GPUs")
    }
    return (gpus, AMDSMI.processes(try await json(AMDSMI.processArguments)))
  }

  private func json(_ arguments: [String]) async throws(GPUProbeError) -> JSONValue {
    let answer = try await run.output(path, arguments)
    do throws(JSONError) {
      return try JSONValue.parse(Array(answer.utf8))
    } catch {
      throw .unreadable(path, GPUProbeError.beginning(of: answer))
    }
  }
}

/// Why a tool told nothing of the GPUs.
public enum GPUProbeError: Error, Hashable, Sendable, CustomStringConvertible {
  /// It could not be started, or its output not be read.
  case notStarted(String, String)
  /// It did not end in time and was killed.
  case tooSlow(String)
  /// It was killed and has not gone: the driver holds it.
  case hangs(String)
  /// It said more than is taken.
  case tooMuch(String)
  /// It said something else than it was asked: the beginning of that.
  case unreadable(String, String)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .notStarted(let tool, let reason): "\(tool): \(reason)"
    case .tooSlow(let tool): "\(tool) did not answer within \(ToolRun.seconds) s"
    case .hangs(let tool): "\(tool) hangs and cannot be killed: look at the driver (dmesg)"
    case .tooMuch(let tool): "\(tool) says more than \(ToolRun.bytesMax) bytes"
    case .unreadable(let tool, let said): "\(tool) says: \(said.isEmpty ? "nothing" : said)"
    }
  }

  static func beginning(of answer: String) -> String {
    ToolValue.text(answer.split(whereSeparator: \.isNewline).first ?? "", bytesMax: 120)
  }
}
