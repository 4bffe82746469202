internal import ArgumentParser
internal import ExchangeTypes
internal import Identity
internal import WireProtocol

/// `yard key`.
struct KeyCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "key",
    abstract: "Create, list and revoke API keys.",
    discussion: "Example: yard key create 3 --scope submit,read",
    subcommands: [Create.self, List.self, Revoke.self])

  struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Create a key and print it: it is shown this once and stored nowhere.",
      discussion: "Example: yard key create 3 --name laptop --scope submit,read")

    @Argument(help: "The account's number.") var account: UInt64
    @Option(help: "A name for it.") var name = "key"
    @Option(
      help: ArgumentHelp("What it allows: submit, work, admin, read.", valueName: "scope,…"))
    var scope = "submit,read"
    @OptionGroup var cluster: ClusterOptions

    func validate() throws { _ = try scopes() }

    private func scopes() throws -> Scopes {
      var scopes: Scopes = []
      for name in scope.split(separator: ",") {
        guard let found = Scopes.named.first(where: { $0.name == name }) else {
          throw ValidationError("'\(name)' is not a scope; there are submit, work, admin and read")
        }
        scopes.insert(found.scope)
      }
      guard !scopes.isEmpty else { throw ValidationError("--scope names no scope") }
      return scopes
    }

    func run() async throws {
      let secret = APIKey.generateSecret()
      let report = try await cluster.ask(
        KeyCreate(
          requestKey: .drawn(), account: AccountID(account), name: name, scopes: try scopes(),
          secretHash: APIKey.hash(secret)), Reply.key)
      let key = APIKey(id: report.summary.key, secret: secret)
      if cluster.isJSON {
        let line: JSONText = ["key": .id(key.id), "secret": .string(key.text)]
        Terminal.write(line.line)
      } else {
        Terminal.write("\(key.text)\n")
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List an account's keys, without their secrets.",
      discussion: "Example: yard key list")

    @Argument(help: "The account's number; the key's own if absent.") var account: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let listing = try await cluster.ask(KeyList(account: AccountID(account))) {
        if case .keyListing(let listing) = $0 { listing } else { nil }
      }
      if cluster.isJSON {
        for key in listing.keys { Terminal.write(JSONText(key).line) }
        return
      }
      var table = Table("KEY", "NAME", "SCOPES", "STATE")
      for key in listing.keys {
        table.add(
          "\(key.key)", key.name, key.scopes.names.joined(separator: ","),
          key.revoked ? "revoked" : "live")
      }
      Terminal.write(table.text)
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke a key for ever.", discussion: "Example: yard key revoke 7")

    @Argument(help: "The key's number.") var key: UInt64
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let report = try await cluster.ask(KeyRevoke(key: KeyID(key)), Reply.key)
      if cluster.isJSON {
        Terminal.write(JSONText(report.summary).line)
      } else {
        Terminal.write("key \(report.summary.key) is revoked\n")
      }
    }
  }
}
