import Glibc
import SimulationKit

/// Every mutation in a process of its own, since some end theirs: which seed found it, and by what.
struct MutationTable {
  let seeds: ClosedRange<UInt64>
  let minutes: Double

  /// What a process that looked for a mutation came to.
  enum Outcome: Equatable {
    /// A seed broke a promise, or a precondition of the product.
    case found(UInt64, as: String)
    /// No seed of the range did.
    case missed
    /// A seed ended the process without a word: that may be a precondition of an optimised program, and may be anything else.
    case wordless(UInt64)
    /// The process ended in a way that says nothing of the mutation: killed for memory, broken, not started.
    case broken(Int32)

    /// Judges what a process said and how it ended (`waitpid`).
    init(text: String, status: Int32) {
      let lines = text.split(separator: "\n")
      let last = lines.last { $0.hasPrefix("seed ") }.flatMap { UInt64($0.dropFirst(5)) }
      switch (status & 0x7F, status >> 8 & 0xFF) {
      case (0, 1): self = .missed
      case (0, 0):
        guard let last, let line = lines.last(where: { $0.contains(" found by seed ") }) else {
          self = .broken(status)
          return
        }
        self = .found(
          last, as: line.split(separator: ": ", maxSplits: 1).last.map(String.init) ?? "")
      case (SIGILL, _), (SIGTRAP, _):
        guard let last else {
          self = .broken(status)
          return
        }
        let words = lines.first { $0.contains("Fatal error: ") }?.split(separator: "Fatal error: ")
          .last
        self = words.map { .found(last, as: "the process ends: \($0)") } ?? .wordless(last)
      default: self = .broken(status)
      }
    }
  }

  /// Why a search could not be made.
  struct NotStarted: Error, CustomStringConvertible {
    let code: Int32
    var description: String { "a process of our own could not be started (errno \(code))" }
  }

  /// Prints a line at once: whoever reads it may not live to the end of the run.
  static func say(_ line: String) {
    Swift.print(line)
    fflush(nil)
  }

  /// Runs all of them and prints the table; answers whether each was found.
  func print() throws -> Bool {
    Self.say("| Mutation | Seed | Found as |")
    Self.say("|---|---|---|")
    var missed = 0
    for mutation in Mutation.all {
      switch try search(for: mutation) {
      case .found(let seed, let what): Self.say("| `\(mutation)` | \(seed) | \(what) |")
      case .missed, .wordless:
        missed += 1
        Self.say("| `\(mutation)` | none of \(seeds.count) | |")
      case .broken(let status):
        missed += 1
        Self.say("| `\(mutation)` | the search ended with \(Self.words(for: status)) | |")
      }
    }
    Self.say("\(Mutation.all.count) mutations, \(missed) not found")
    return missed == 0
  }

  private static func words(for status: Int32) -> String {
    status & 0x7F == 0 ? "exit code \(status >> 8 & 0xFF)" : "signal \(status & 0x7F)"
  }

  /// Looks for a mutation; where a seed ends the process without a word, from the next seed on.
  private func search(for mutation: Mutation) throws -> Outcome {
    var first = seeds.lowerBound
    while true {
      let (text, status) = try Self.output(
        of: "/proc/self/exe",
        [
          "--mutation", mutation.description, "--seeds", "\(first)..\(seeds.upperBound)",
          "--minutes", "\(minutes)",
        ])
      let outcome = Outcome(text: text, status: status)
      guard case .wordless(let seed) = outcome, seed < seeds.upperBound else { return outcome }
      first = seed + 1
    }
  }

  /// Runs a program to its end; answers all that it said, and how it ended.
  private static func output(of program: String, _ arguments: [String]) throws -> (
    text: String, status: Int32
  ) {
    var ends: [Int32] = [0, 0]
    guard pipe(&ends) == 0 else { throw NotStarted(code: errno) }
    defer { close(ends[0]) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO)
    for end in ends { posix_spawn_file_actions_addclose(&actions, end) }
    var words: [UnsafeMutablePointer<CChar>?] =
      ([program] + arguments).map { strdup($0) } + [nil]
    defer { for word in words { free(word) } }
    var environment: [UnsafeMutablePointer<CChar>?] = [nil]
    var child: pid_t = 0
    let code = posix_spawn(&child, program, &actions, nil, &words, &environment)
    close(ends[1])
    guard code == 0 else { throw NotStarted(code: code) }
    var bytes: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 4_096)
    while true {
      let count = read(ends[0], &piece, piece.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += piece.prefix(count)
    }
    var status: Int32 = 0
    while waitpid(child, &status, 0) < 0, errno == EINTR {}
    return (String(decoding: bytes, as: UTF8.self), status)
  }
}
