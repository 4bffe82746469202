internal import ExchangeTypes
internal import Foundation
internal import TokenLedger

/// A directory of pieces of the journal that join: each is an export in JSON, written once.
///
/// A piece has its name, such as `journal-000000000001-000000081234.jsonl`, once all of it is on the disk: a crash
/// leaves a piece or none. Whoever archives holds a lock on the directory.
final class LedgerArchive {
  private static let prefix = "journal-"
  private static let suffix = ".jsonl"
  private static let unfinished = ".unfinished"

  let directory: String
  private let descriptor: Int32

  /// Makes the directory if there is none, and locks it.
  ///
  /// - Throws: `CommandError` if it cannot be, or another process archives into it.
  init(_ directory: String) throws(CommandError) {
    self.directory = directory
    guard mkdir(directory, 0o700) == 0 || errno == EEXIST else {
      throw Self.failure("made", directory)
    }
    descriptor = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw Self.failure("opened", directory) }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      throw CommandError(.refused, "another process archives into \(directory)")
    }
  }

  deinit { close(descriptor) }

  /// Audits pieces that join, the oldest first, of which one at a time is in memory.
  ///
  /// - Parameters:
  ///   - paths: exports in JSON, or directories of them.
  ///   - use: is given each transfer in its turn; what it was told counts for nothing if this throws.
  /// - Returns: the audit of all of them.
  /// - Throws: `CommandError` with the first thing that is wrong, or if there is no piece.
  static func audit(_ paths: [String], _ use: (Transfer) -> Void) throws -> JournalAudit {
    var audit = JournalAudit()
    for path in try paths.flatMap(pieces(of:)) {
      let export = try LedgerJSON.export(fromFile: path)
      try audit.take(export, named: path)
      for transfer in export.transfers { use(transfer) }
    }
    guard audit.base != nil else { throw CommandError(.refused, "there is no piece to audit") }
    return audit
  }

  /// The file itself, or what a directory has.
  private static func pieces(of path: String) throws(CommandError) -> [String] {
    var isDirectory: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory),
      isDirectory.boolValue
    else { return [path] }
    return try pieces(in: path)
  }

  /// The paths of a directory's pieces, the oldest first.
  static func pieces(in directory: String) throws(CommandError) -> [String] {
    let names: [String]
    do { names = try FileManager.default.contentsOfDirectory(atPath: directory) } catch {
      throw CommandError(.refused, "\(directory) cannot be read: \(error)")
    }
    return names.filter { $0.hasPrefix(prefix) && $0.hasSuffix(suffix) }.sorted()
      .map { "\(directory)/\($0)" }
  }

  /// What the newest piece holds, audited by itself: what goes on from there can be taken next; nil if there is none.
  func newest() throws -> JournalAudit? {
    guard let path = try Self.pieces(in: directory).last else { return nil }
    var audit = JournalAudit()
    try audit.take(try LedgerJSON.export(fromFile: path), named: path)
    return audit
  }

  /// Adds a piece; answers its path.
  ///
  /// - Precondition: it goes on where the newest one ends.
  func add(_ export: LedgerExport) throws(CommandError) -> String {
    let path =
      "\(directory)/\(Self.prefix)\(Self.digits(export.base.transfer.rawValue + 1))-"
      + "\(Self.digits(export.head.transfer.rawValue))\(Self.suffix)"
    let temporary = path + Self.unfinished
    let file = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { throw Self.failure("made", temporary) }
    defer { close(file) }
    var rest = Array(LedgerJSON.text(of: export).utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw Self.failure("written", temporary) }
      rest = rest.dropFirst(count)
    }
    guard fsync(file) == 0 else { throw Self.failure("flushed", temporary) }
    guard rename(temporary, path) == 0 else { throw Self.failure("named", path) }
    // Its name is an entry of the directory, which a flush of the file does not cover.
    guard fsync(descriptor) == 0 else { throw Self.failure("flushed", directory) }
    return path
  }

  /// Twelve digits, so that names sort as numbers do.
  private static func digits(_ number: UInt64) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, 12 - text.count)) + text
  }

  private static func failure(_ what: String, _ path: String) -> CommandError {
    CommandError(.refused, "\(path) cannot be \(what): \(String(cString: strerror(errno)))")
  }
}
