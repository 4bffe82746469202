internal import ArgumentParser
internal import WireProtocol

/// `yard models`.
struct ModelsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "models",
    abstract: "List the models on offer, with prices in credits per million tokens.",
    discussion: "Example: yard models")

  @OptionGroup var cluster: ClusterOptions

  func run() async throws {
    let listing = try await cluster.ask(ModelList()) {
      if case .modelListing(let listing) = $0 { listing } else { nil }
    }
    if cluster.isJSON {
      for model in listing.models { Terminal.write(JSONText(model).line) }
      return
    }
    var table = Table("MODEL", "CONTEXT", "INPUT", "OUTPUT", "SLOTS", "FREE")
    for model in listing.models {
      table.add(
        model.model, "\(model.context)", "\(model.priceInputMin)", "\(model.priceOutputMin)",
        "\(model.slots)", "\(model.slotsFree)")
    }
    Terminal.write(table.text)
  }
}
