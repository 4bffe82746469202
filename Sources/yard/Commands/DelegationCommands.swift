internal import ArgumentParser
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import WireProtocol

// What `yard key` does with delegations: keys that a holder makes for its agents by signing, without asking.
extension KeyCommand {
  struct Bind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Bind a key to a file that signs delegations; make the file if there is none.",
      discussion: """
        Whoever has the file makes keys that draw on this one's budget: keep it where agents are not. Another file than the one before ends all that \
        that one signed.

        Example: yard key bind agents.key
        """)

    @Argument(help: ArgumentHelp("The file, of mode 0600.", valueName: "file")) var file: String
    @Argument(help: "The key's number; the one that asks if absent.") var key: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let known = try await cluster.ask(
        DelegationList(key: KeyID(key), after: 0, limit: 0), KeyCommand.delegations)
      let signer: DelegationKey
      if FileManager.default.fileExists(atPath: file) {
        signer = try KeyCommand.signer(file)
        guard signer.cluster == known.clusterID, signer.parent == known.key else {
          throw CommandError(
            .refused,
            "\(file) is for key \(signer.parent) of cluster \(signer.cluster), not for key \(known.key) of "
              + "\(known.clusterID): name another file")
        }
      } else {
        signer = .generate(cluster: known.clusterID, parent: known.key)
        do throws(IdentityError) { try signer.store(at: file) } catch {
          throw CommandError(.refused, "\(error)")
        }
      }
      let bound = try await cluster.ask(
        DelegationKeySet(key: known.key, signer: try signer.publicKey()),
        KeyCommand.delegations)
      if cluster.isJSON {
        Terminal.write(JSONText(bound).line)
      } else {
        Terminal.write("key \(bound.key) is bound to \(file)\n")
      }
    }
  }

  struct Unbind: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "End all that a key's file has signed, used or not, and bind it to none.",
      discussion: "Example: yard key unbind")

    @Argument(help: "The key's number; the one that asks if absent.") var key: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let bound = try await cluster.ask(
        DelegationKeySet(key: KeyID(key), signer: nil), KeyCommand.delegations)
      if cluster.isJSON {
        Terminal.write(JSONText(bound).line)
      } else {
        Terminal.write("what was signed for key \(bound.key) is revoked\n")
      }
    }
  }

  struct Delegate: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Sign a key for an agent and print it: no cluster is asked.",
      discussion: """
        It does no more than the key that the file is bound to, and ends with it. What it may spend is a part of what that one may. It begins a minute \
        ago, since clocks differ.

        Example: yard key delegate crawler --file agents.key --expires 7d --total 2.5 --model switchyard-stories
        """)

    @Argument(help: "The agent's name.") var name: String
    @Option(
      help: ArgumentHelp("The file that the key is bound to; see yard key bind.", valueName: "file")
    )
    var file: String
    @Option(help: ArgumentHelp("It dies after this time, at most a year.", valueName: "time"))
    var expires: TimeSpan
    @Option(
      help: ArgumentHelp("What it allows: submit, work, read.", valueName: "scope,…"))
    var scope = "submit"
    @Option(
      help: ArgumentHelp(
        "A model that it may ask for; give it again for more, at most 8; all if absent.",
        valueName: "model"))
    var model: [String] = []
    @OptionGroup var limits: BudgetCommand.Limits
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func validate() throws {
      guard !name.isEmpty, name.utf8.count <= Delegation.nameBytesMax else {
        throw ValidationError("a name has 1 to \(Delegation.nameBytesMax) bytes")
      }
      guard model.count <= Delegation.modelsMax else {
        throw ValidationError("--model is given at most \(Delegation.modelsMax) times")
      }
      guard expires.milliseconds > 0 else {
        throw ValidationError("--expires is no time at all")
      }
      _ = try Scopes(naming: scope)
    }

    func run() throws {
      let signer = try KeyCommand.signer(file)
      let secret = APIKey.generateSecret()
      var generator = SystemRandomNumberGenerator()
      let now = UInt64(Date().timeIntervalSince1970)
      let delegation = Delegation(
        cluster: signer.cluster, parent: signer.parent,
        id: DelegationID(high: generator.next(), low: generator.next()), name: name,
        scopes: try Scopes(naming: scope), perDay: limits.day, perMonth: limits.month,
        total: limits.total, models: model, notBefore: now - 60,
        expires: now + expires.milliseconds / 1_000,
        secretHash: APIKey.hash(secret))
      let key = try signer.sign(delegation, secret: secret)
      guard output == .json else { return Terminal.write("\(key.text)\n") }
      let line: JSONText = [
        "delegation": .string("\(delegation.id)"), "parent": .id(delegation.parent),
        "secret": .string(key.text),
      ]
      Terminal.write(line.line)
    }
  }

  struct Delegations: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List the delegations of a key that the cluster has seen.",
      discussion: "Example: yard key delegations")

    @Argument(help: "The key's number; the one that asks if absent.") var key: UInt64 = 0
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let found = try await cluster.withClient { client in
        var all: [DelegationSummary] = []
        while true {
          let listing = try await client.ask(
            DelegationList(key: KeyID(key), after: all.last?.number ?? 0, limit: 32),
            KeyCommand.delegations)
          all += listing.delegations
          guard listing.more else { return all }
        }
      }
      if cluster.isJSON {
        for delegation in found { Terminal.write(JSONText(delegation).line) }
        return
      }
      var table = Table("DELEGATION", "KEY", "NAME", "STATE", "HELD", "SPENT", "MODELS")
      for delegation in found {
        let left = delegation.expiresInMs.map { "expires in \(TimeSpan.words(milliseconds: $0))" }
        table.add(
          "\(delegation.delegation)", delegation.key == KeyID(0) ? "" : "\(delegation.key)",
          delegation.name, delegation.live ? "live" + (left.map { ", \($0)" } ?? "") : "ended",
          delegation.budget.map { "\($0.held)" } ?? "",
          delegation.budget.map { "\($0.spent)" } ?? "",
          delegation.models.joined(separator: " "))
      }
      Terminal.write(table.text)
    }
  }

  /// The file that signs.
  fileprivate static func signer(_ file: String) throws -> DelegationKey {
    do throws(IdentityError) { return try DelegationKey.load(from: file) } catch {
      throw CommandError(.refused, "\(error)")
    }
  }

  fileprivate static func delegations(_ message: Message) -> DelegationListing? {
    if case .delegationListing(let listing) = message { listing } else { nil }
  }
}

extension Scopes {
  /// Reads names that are separated by commas.
  ///
  /// - Throws: `ValidationError`.
  init(naming text: String) throws {
    self = []
    for name in text.split(separator: ",") {
      guard let found = Scopes.named.first(where: { $0.name == name }) else {
        throw ValidationError("'\(name)' is not a scope; there are submit, work, admin and read")
      }
      insert(found.scope)
    }
    guard !isEmpty else { throw ValidationError("--scope names no scope") }
  }
}
