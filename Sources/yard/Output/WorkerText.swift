internal import OpenAIFormat

/// What a running worker says of itself, for people.
enum WorkerText {
  /// A line of the worker, and one of each attempt that it keeps.
  static func tables(_ status: JSONValue) -> String {
    func number(_ value: JSONValue?) -> String { value?.integer.map { "\($0)" } ?? "-" }
    let attempts = status["attempts"]?.elements ?? []
    var worker = Table("WORKER", "LEADER", "TERM", "LINKS", "ENGINE", "STATE", "BUSY", "GPU")
    let state =
      status["draining"] == .boolean(true)
      ? "draining" : status["worker"]?.integer == nil ? "not taken" : "online"
    worker.add(
      number(status["worker"]), number(status["leader"]), number(status["term"]),
      number(status["links"]),
      engine(status), state,
      "\(attempts.count)/\(number(status["slots"]))",
      status["gpu_fault"]?.string ?? GPUText.words(MachineFindings.gpus(status)))
    guard !attempts.isEmpty else { return worker.text }
    var table = Table("JOB", "ATTEMPT", "STATE")
    for attempt in attempts {
      let output = attempt["finished"] == .boolean(true) ? "finished" : "running"
      table.add(
        number(attempt["job"]), number(attempt["epoch"]),
        attempt["followed"] == .boolean(true) ? output : output + ", no leader follows it")
    }
    return worker.text + table.text
  }

  /// Whether the engine answers, and until when it is left alone if it has no room; a worker of an earlier version does not say that.
  private static func engine(_ status: JSONValue) -> String {
    guard status["engine_healthy"] == .boolean(true) else { return "does not answer" }
    return MachineFindings.fullFor(status).map { "no room, asked again in \($0)" } ?? "answers"
  }
}
