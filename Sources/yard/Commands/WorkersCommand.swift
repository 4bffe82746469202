internal import ArgumentParser
internal import WireProtocol

/// `yard workers`.
struct WorkersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workers",
    abstract: "List the workers and what they offer.",
    discussion: "Example: yard workers --output json")

  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let listing = try await cluster.ask(WorkerList()) {
      if case .workerListing(let listing) = $0 { listing } else { nil }
    }
    if cluster.isJSON {
      for worker in listing.workers { Terminal.write(JSONText(worker).line) }
      return
    }
    var table = Table("WORKER", "NAME", "ACCOUNT", "STATE", "BUSY", "MODELS")
    for worker in listing.workers {
      let state = !worker.online ? "offline" : worker.draining ? "draining" : "online"
      table.add(
        "\(worker.worker)", worker.name, "\(worker.account)", state,
        "\(worker.busy)/\(worker.slots)", worker.offers.map(\.model).joined(separator: " "))
    }
    Terminal.write(table.text)
  }
}
