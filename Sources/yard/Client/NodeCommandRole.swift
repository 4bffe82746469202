internal import ArgumentParser
internal import OpenAIFormat

/// A role whose command can be configured by a file.
enum NodeCommandRole: String, CaseIterable, ExpressibleByArgument {
  case coordinator
  case worker
  case gateway

  /// The words of its command.
  var words: [String] { self == .worker ? ["worker", "run"] : [rawValue] }

  /// The options of which a change takes effect while the node runs; all others take effect when it starts.
  var live: Set<String> {
    switch self {
    case .coordinator: ["certificate-life", "keep-log", "log-level", "rotate-keys"]
    case .worker: ["log-level", "price-input", "price-output", "slots"]
    case .gateway:
      [
        "certificate", "certificate-key", "connections", "connections-per-address", "drain",
        "log-level", "patience",
      ]
    }
  }

  private var command: any ParsableCommand.Type {
    switch self {
    case .coordinator: CoordinatorCommand.self
    case .worker: WorkerCommand.Run.self
    case .gateway: GatewayCommand.self
    }
  }

  /// An option of the command, as its help tells it.
  struct Option {
    /// Its long name, without dashes.
    let key: String
    let isFlag: Bool
    /// What stands for its value in the help; empty for a flag.
    let valueName: String
    let about: String
    let defaultValue: String?
  }

  /// All options but those that make no sense in a file.
  ///
  /// They come from the command's own description, so that none can be forgotten.
  var options: [Option] {
    // ArgumentParser's own tools read this description; it is versioned (`serializationVersion` 0).
    guard let described = try? JSONValue.parse(Array(command._dumpHelp().utf8)),
      let arguments = described["command"]?["arguments"]?.elements
    else { preconditionFailure("a command's description of itself is JSON") }
    return arguments.compactMap { argument in
      guard let kind = argument["kind"]?.string, kind != "positional",
        let names = argument["names"]?.elements,
        let key = names.first(where: { $0["kind"]?.string == "long" })?["name"]?.string,
        !["help", "version", "config"].contains(key), argument["shouldDisplay"] == .boolean(true)
      else { return nil }
      return Option(
        key: key, isFlag: kind == "flag", valueName: argument["valueName"]?.string ?? "",
        about: argument["abstract"]?.string ?? "", defaultValue: argument["defaultValue"]?.string)
    }
  }
}
