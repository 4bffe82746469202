internal import ArgumentParser
internal import WireProtocol

/// `yard version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version of the program and of its protocol.",
    discussion: "Example: yard version")

  @Option(help: "text or json.") var output: ClusterOptions.Format = .text

  func run() throws {
    let versions = LocalNode.versions
    let line: JSONText = [
      "version": .string(Software.version), "protocol_min": .number(versions.lowerBound),
      "protocol_max": .number(versions.upperBound),
    ]
    Terminal.write(
      output == .json
        ? line.line
        : "yard \(Software.version), protocol \(versions.lowerBound) to \(versions.upperBound)\n"
    )
  }
}
