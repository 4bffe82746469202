internal import ArgumentParser
internal import WireProtocol

/// `yard workers`.
struct WorkersCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "workers",
    abstract: "List the workers and what they offer.",
    discussion: """
      GPU: how many, how busy the busiest is, memory, power, the warmest; foreign: processes that are not the engine's. A \
      worker whose host has no nvidia-smi or amd-smi tells nothing of them.

      Example: yard workers --output json
      """)

  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let listing = try await cluster.ask(WorkerList()) {
      if case .workerListing(let listing) = $0 { listing } else { nil }
    }
    if cluster.isJSON {
      for worker in listing.workers {
        Terminal.write(JSONText(worker, listing.gpus(of: worker)).line)
      }
      return
    }
    var table = Table("WORKER", "NAME", "ACCOUNT", "STATE", "BUSY", "MODELS", "GPU")
    for worker in listing.workers {
      let state = !worker.online ? "offline" : worker.draining ? "draining" : "online"
      table.add(
        "\(worker.worker)", worker.name, "\(worker.account)", state,
        "\(worker.busy)/\(worker.slots)", worker.offers.map(\.model).joined(separator: " "),
        GPUText.words(listing.gpus(of: worker)))
    }
    Terminal.write(table.text)
  }
}

extension WorkerListing {
  /// What a worker tells of its host's GPUs.
  func gpus(of worker: WorkerSummary) -> [GPUFacts] {
    (gpus ?? []).filter { $0.worker == worker.worker }.map(\.gpu)
  }
}
