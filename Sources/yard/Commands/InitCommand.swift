internal import ArgumentParser
internal import Foundation
internal import Identity

/// `yard init`.
struct InitCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "init",
    abstract: "Make the directories that a new cluster's nodes start from.",
    discussion: """
      Makes the cluster's id, its certificate authority, one directory for each node, and the root key, which
      is printed this once. Copy each node's directory to its machine, once: a second copy in the place of a coordinator
      that has run would begin anew and forget what that one acknowledged. Keep ca/ offline.

      Example: yard init ./cluster --coordinators 3 --workers gpu-1,gpu-2
      """)

  @Argument(help: "The directory to make.") var directory: String
  @Option(help: ArgumentHelp("How many coordinators: 1, 3 or 5.", valueName: "n"))
  var coordinators = 3
  @Option(help: ArgumentHelp("The workers' names.", valueName: "name,…")) var workers = ""
  @Option(help: "text or json.") var output: ClusterOptions.Format = .text

  func validate() throws {
    guard (1...7).contains(coordinators) else {
      throw ValidationError("--coordinators is \(coordinators); a cluster has 1 to 7")
    }
  }

  func run() throws {
    let names = workers.split(separator: ",").map(String.init)
    let root = try ClusterDirectory(path: directory).create(
      coordinators: coordinators, workers: names)
    if output == .json {
      let line: JSONText = ["directory": .string(directory), "root_key": .string(root.text)]
      Terminal.write(line.line)
      return
    }
    Terminal.write("\(root.text)\n")
    Terminal.note(
      """
      That is the root key, shown this once: keep it safe. Start coordinator 1 with:
        yard coordinator --id 1 --listen HOST:7400 --peers 1=HOST:7400,… --dir \(directory)/coordinator-1
      """)
  }
}
