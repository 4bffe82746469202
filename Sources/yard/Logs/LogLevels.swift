internal import Logging

/// From which level on a node's modules log: `info`, or `info,Consensus=debug`.
struct LogLevels: Hashable, Sendable {
  /// Why a text names no levels, for people.
  struct Refusal: Error {
    let what: String
  }

  /// The modules that log something, by the rooms that they are; `TidyTests` holds the list against the sources.
  static let modules = [
    "Consensus", "Coordinator", "Engines", "Gateway", "Storage", "Transport",
    "WorkerAgent", "yard",
  ]

  /// That of every module which is not named, and of libraries.
  private let others: Logger.Level
  private let own: [String: Logger.Level]

  /// `info`, for every module.
  init() { (others, own) = (.info, [:]) }

  /// Reads elements separated by commas: a level for all modules, `MODULE=level` for one.
  init(parsing text: String) throws(Refusal) {
    var others: Logger.Level?
    var own: [String: Logger.Level] = [:]
    for element in text.split(separator: ",", omittingEmptySubsequences: false) {
      let pair = element.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard let level = pair.last.flatMap({ Logger.Level(rawValue: String($0)) }) else {
        let levels = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
        throw Refusal(what: "'\(pair.last ?? "")' is no level; levels are \(levels)")
      }
      guard pair.count == 2 else {
        guard others == nil else { throw Refusal(what: "two levels for all modules") }
        others = level
        continue
      }
      let module = String(pair[0])
      guard Self.modules.contains(module) else {
        throw Refusal(
          what:
            "there is no module '\(module)'; modules are \(Self.modules.joined(separator: ", "))")
      }
      guard own.updateValue(level, forKey: module) == nil else {
        throw Refusal(what: "two levels for \(module)")
      }
    }
    self.others = others ?? .info
    self.own = own
  }

  /// From which level on a module logs.
  subscript(module: String) -> Logger.Level { own[module] ?? others }
}
