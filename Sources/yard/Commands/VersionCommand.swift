internal import ArgumentParser
internal import WireProtocol

/// `yard version`.
struct VersionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "version", abstract: "Print the version of the program and of its protocol.",
    discussion: "Example: yard version")

  func run() throws {
    let versions = LocalNode.versions
    Terminal.write(
      "yard \(Software.version), protocol \(versions.lowerBound) to \(versions.upperBound)\n")
  }
}
