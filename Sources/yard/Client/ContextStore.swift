internal import ExchangeTypes
internal import Foundation
internal import OpenAIFormat

/// A cluster as the command line reaches it.
struct Context: Equatable, Redacted {
  /// Coordinators as `host:port`.
  var endpoints: [String]
  /// The API key.
  var key: String?
  /// The directory with `ca.pem` (and a client's certificate, where it has one); nil for plaintext.
  var identity: String?
}

/// The contexts that `yard` knows, in `$XDG_CONFIG_HOME/switchyard/config.json` (mode 0600: it holds
/// keys), and which of them is current.
struct ContextStore: Equatable {
  var current: String?
  var contexts: [(name: String, context: Context)] = []

  static func == (left: Self, right: Self) -> Bool {
    left.current == right.current
      && left.contexts.elementsEqual(right.contexts) {
        $0.name == $1.name && $0.context == $1.context
      }
  }

  subscript(name: String) -> Context? {
    get { contexts.first { $0.name == name }?.context }
    set {
      contexts.removeAll { $0.name == name }
      if let newValue { contexts.append((name, newValue)) }
    }
  }

  /// Where the file is.
  static var path: String {
    let environment = ProcessInfo.processInfo.environment
    let base =
      environment["XDG_CONFIG_HOME"].flatMap { $0.isEmpty ? nil : $0 }
      ?? (environment["HOME"] ?? "/") + "/.config"
    return base + "/switchyard/config.json"
  }

  /// Reads the file; no file is no context.
  static func load() throws -> ContextStore {
    guard let data = try PrivateFile.read(path) else { return ContextStore() }
    func malformed(_ what: String) -> CommandError {
      CommandError(.refused, "\(path): \(what); correct or remove it")
    }
    let document: JSONValue
    do { document = try JSONValue.parse(Array(data)) } catch { throw malformed("not JSON") }
    var store = ContextStore()
    store.current = document["current"]?.string
    for member in document["contexts"]?.members ?? [] {
      guard let endpoints = member.value["endpoints"]?.elements?.compactMap(\.string),
        !endpoints.isEmpty
      else { throw malformed("context '\(member.key)' has no endpoints") }
      store[member.key] = Context(
        endpoints: endpoints, key: member.value["key"]?.string,
        identity: member.value["identity"]?.string)
    }
    return store
  }

  /// Replaces the file whole.
  func save() throws {
    let members = contexts.map { name, context -> (String, JSONText) in
      var fields: [(String, JSONText)] = [
        ("endpoints", .array(context.endpoints.map { .string($0) }))
      ]
      if let key = context.key { fields.append(("key", .string(key))) }
      if let identity = context.identity { fields.append(("identity", .string(identity))) }
      return (name, .object(fields))
    }
    let text = JSONText.object([
      ("current", current.map { .string($0) } ?? .null), ("contexts", .object(members)),
    ]).line
    let folder = (Self.path as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    try PrivateFile.write(text, to: Self.path)
  }

  /// Reads, changes and writes the file while no other `yard` does.
  static func update(_ change: (inout ContextStore) -> Void) throws {
    let folder = (path as NSString).deletingLastPathComponent
    try FileManager.default.createDirectory(
      atPath: folder, withIntermediateDirectories: true,
      attributes: [.posixPermissions: 0o700])
    let lock = open(path + ".lock", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
    guard lock >= 0, flock(lock, LOCK_EX) == 0 else {
      throw CommandError(.refused, "\(path).lock: \(String(cString: strerror(errno)))")
    }
    defer { close(lock) }
    var store = try load()
    change(&store)
    try store.save()
  }
}

/// A small file that only its owner may read, replaced whole or not at all.
enum PrivateFile {
  /// What the file holds; nil if there is none.
  ///
  /// - Throws: `CommandError` if others than its owner have any right to it: it holds keys.
  static func read(_ path: String) throws -> Data? {
    let manager = FileManager.default
    guard manager.fileExists(atPath: path) else { return nil }
    let mode = try manager.attributesOfItem(atPath: path)[.posixPermissions] as? Int ?? 0o777
    guard mode & 0o077 == 0 else {
      throw CommandError(
        .refused,
        "\(path) holds keys but has mode \(String(mode, radix: 8)): run chmod 600 \(path)")
    }
    guard let data = manager.contents(atPath: path) else {
      throw CommandError(.refused, "\(path) cannot be read")
    }
    return data
  }

  static func write(_ text: String, to path: String) throws {
    let temporary = path + ".new"
    unlink(temporary)
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else {
      throw CommandError(.refused, "\(temporary): \(String(cString: strerror(errno)))")
    }
    let file = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    try file.write(contentsOf: Data(text.utf8))
    try file.synchronize()
    try file.close()
    guard rename(temporary, path) == 0 else {
      throw CommandError(.refused, "\(path): \(String(cString: strerror(errno)))")
    }
  }
}
