internal import ArgumentParser
internal import ExchangeClient
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch
internal import NIOPosix
internal import Transport
internal import WireProtocol

/// `yard node`.
struct NodeCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "node",
    abstract: "Invite nodes, join, renew and revoke certificates.",
    discussion: """
      Example: yard node invite --role worker --name gpu-7          on the operator's machine
               yard node join --join 10.0.0.1:7400 --dir ./gpu-7    on the node's, with YARD_INVITATION
      """,
    subcommands: [Invite.self, Join.self, Renew.self, List.self, Revoke.self])

  struct Invite: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make an invitation and print it: one node may join by it, once.",
      discussion: """
        It is shown this once and stored nowhere. It carries the fingerprint of the cluster's authority, so that
        the node recognises the cluster before it says anything.

        Example: yard node invite --role worker --name gpu-7 --expires 1h
        """)

    @Option(help: "worker, gateway or client.") fileprivate var role = RoleArgument.worker
    @Option(help: "The node's name.") var name: String
    @Option(help: ArgumentHelp("How long it is worth something.", valueName: "time"))
    var expires = TimeSpan.hour
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      guard role != .coordinator else {
        throw ValidationError("a coordinator is not invited: its directory comes from yard init")
      }
      guard expires.milliseconds > 0 else { throw ValidationError("--expires is no time at all") }
      _ = try NodeName(role: role.role, checking: name)
    }

    func run() async throws {
      guard let path = try cluster.resolve().identity else {
        throw CommandError(.refused, "a cluster without TLS has no certificates to invite to")
      }
      let fingerprint: [UInt8]
      do {
        fingerprint = try IdentityDirectory(path: path).loadAnchor().fingerprint
      } catch {
        throw CommandError(.refused, "\(error)")
      }
      let secret = APIKey.generateSecret()
      let report = try await cluster.ask(
        WireProtocol.Invite(
          role: role.role, name: name, secretHash: APIKey.hash(secret),
          lifetimeMs: expires.milliseconds)
      ) {
        if case .invitationReport(let report) = $0 { report } else { nil }
      }
      let invitation = InvitationKey(
        id: report.summary.invitation, secret: secret, fingerprint: fingerprint)
      if cluster.isJSON {
        let line: JSONText = [
          "invitation": .id(invitation.id), "secret": .string(invitation.text),
        ]
        Terminal.write(line.line)
      } else {
        Terminal.write("\(invitation.text)\n")
      }
    }
  }

  struct Join: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Make this machine's key, and have it certified by an invitation.",
      discussion: """
        The key is made here and does not leave the directory. If the answer is lost, the same command is
        answered again until the invitation expires.

        Example: YARD_INVITATION=syi_… yard node join --join 10.0.0.1:7400 --dir /var/lib/switchyard
        """)

    @Option(
      help: ArgumentHelp("The coordinators.", valueName: "host:port,…"),
      transform: Coordinators.init)
    var join: Coordinators
    @Option(
      help: ArgumentHelp(
        "A file of mode 0600 with the invitation (or YARD_INVITATION); - for a line of standard input.",
        valueName: "file"))
    var invitationFile: String?
    @Option(
      help: ArgumentHelp(
        "The invitation itself, which every user of the machine then sees in ps.",
        valueName: "syi_…"))
    var invitation: String?
    @Option(help: "The node's name, to be held to the invitation's.") var name: String?
    @Option(help: ArgumentHelp("The directory to make.", valueName: "dir")) var dir: String
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text
    @Option(
      help: ArgumentHelp(
        "How long to look for a coordinator that answers.", valueName: "seconds"))
    var patience: Double = 30

    func validate() throws {
      guard patience >= 0, patience < 1e9 else {
        throw ValidationError("--patience takes a number of seconds, 0 or more")
      }
      guard invitation == nil || invitationFile == nil else {
        throw ValidationError("--invitation and --invitation-file name one invitation twice")
      }
    }

    func run() async throws {
      let text = try GivenSecret.read(
        file: invitationFile, option: invitation, variable: "YARD_INVITATION")
      guard let text, let invitation = InvitationKey(parsing: text) else {
        throw CommandError(
          .usage,
          "which invitation? give what yard node invite printed by --invitation-file or as YARD_INVITATION"
        )
      }
      let node = NodeDirectory(path: dir)
      try FileManager.default.createDirectory(
        atPath: node.path, withIntermediateDirectories: true,
        attributes: [.posixPermissions: 0o700])
      let directory = IdentityDirectory(path: node.identity)
      do {
        let key = try directory.keyForJoining()
        let issued = try await ask(invitation, request: key.certificateRequest())
        let anchor = try TrustAnchor(pem: issued.authorities)
        guard anchor.rests(on: invitation.fingerprint) else {
          throw CommandError(
            .refused,
            "the answer trusts another root than the invitation's; while a root is being replaced nobody joins"
          )
        }
        let identity = try NodeIdentity(
          certificatePEM: issued.certificate, key: key, anchor: anchor, now: Date())
        try directory.save(identity, authorityPEM: issued.authorities)
        NodePrinter.print(identity, asJSON: output == .json, "joined as")
      } catch let error as IdentityError {
        throw CommandError(.refused, "\(error)")
      }
    }

    private func ask(
      _ invitation: InvitationKey, request: [UInt8]
    ) async throws -> CertificateIssued {
      let client = await ExchangeClient(
        configuration: ClientConfiguration(
          endpoints: join.endpoints, key: nil,
          security: .joining(fingerprint: invitation.fingerprint),
          patience: UInt64(patience * 1_000), software: Software.name),
        on: MultiThreadedEventLoopGroup.singleton)
      let answer: Result<Message, CommandError>
      do throws(CommandError) {
        answer = .success(
          try await reporting { () async throws(ClientFailure) in
            try await client.patientCall(
              WireProtocol.Join(
                invitation: invitation.id, secret: invitation.secret, name: name,
                request: request), service: .enrol)
          })
      } catch {
        answer = .failure(error)
      }
      await client.close()
      let message = try answer.get()
      guard case .certificateIssued(let issued) = message else {
        throw CommandError.unexpected(message)
      }
      return issued
    }
  }

  struct Renew: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Renew a node's certificate now.",
      discussion: """
        A worker does this by itself. For the certificate of a command line, or one that its node does not renew.

        Example: yard node renew --join 10.0.0.1:7400 --dir /var/lib/switchyard
        """)

    @Option(
      help: ArgumentHelp("The coordinators.", valueName: "host:port,…"),
      transform: Coordinators.init)
    var join: Coordinators
    @Option(help: ArgumentHelp("The node's directory.", valueName: "dir")) var dir: String
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func run() async throws {
      let endpoints = join.endpoints
      let directory = IdentityDirectory(path: NodeDirectory(path: dir).identity)
      do {
        let renewal = CertificateRenewal(
          of: RenewableIdentity(try directory.load(now: Date())), in: directory,
          endpoints: endpoints, software: Software.name)
        let identity = try await Patience.saying("waiting for an answer of the cluster") {
          try await renewal.renew(on: MultiThreadedEventLoopGroup.singleton)
        }
        NodePrinter.print(identity, asJSON: output == .json, "renewed")
      } catch let error as IdentityError {
        throw CommandError(.refused, "\(error)")
      } catch let failure as ClientFailure {
        throw CommandError(failure)
      }
    }
  }

  struct List: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "List invitations, certificates and revocations.",
      discussion: """
        Certificates that yard init made are not listed: no node ever told the cluster of them.

        Example: yard node list
        """)

    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      NodePrinter.print(
        try await cluster.ask(NodeList(), NodePrinter.listing), asJSON: cluster.isJSON)
    }
  }

  struct Revoke: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Revoke all certificates that a node has, or one by its serial.",
      discussion: """
        For good, on every coordinator, within two seconds: links are closed, and none begins. A node that is
        invited again may join again under its name. By its serial only the newest certificate that the cluster has
        issued to a node is revoked; who has stolen an older one may hold its successor, so its node is revoked by
        name. A coordinator that votes is removed first (yard cluster remove).

        Example: yard node revoke --role worker --name gpu-7
        """)

    @Option(help: "worker, gateway, client or coordinator.")
    fileprivate var role = RoleArgument.worker
    @Option(help: "The node's name.") var name: String?
    @Option(
      help: ArgumentHelp(
        "The serial of a certificate that yard node list shows as its node's newest.",
        valueName: "hex"))
    var serial: String?
    @OptionGroup var cluster: ClusterOptions

    func validate() throws {
      switch (name, serial) {
      case (let name?, nil): _ = try NodeName(role: role.role, checking: name)
      case (nil, let serial?): _ = try bytes(serial)
      default: throw ValidationError("give --name (with --role), or --serial")
      }
    }

    private func bytes(_ serial: String) throws -> [UInt8] {
      let digits = serial.utf8.filter { $0 != UInt8(ascii: ":") }
      let padded = digits.count.isMultiple(of: 2) ? digits : [UInt8(ascii: "0")] + digits
      let bytes = stride(from: 0, to: padded.count, by: 2).map {
        UInt8(String(decoding: padded[$0..<($0 + 2)], as: UTF8.self), radix: 16)
      }
      let serial = Array(bytes.compactMap(\.self).drop { $0 == 0 })
      guard bytes.allSatisfy({ $0 != nil }), (1...20).contains(serial.count) else {
        throw ValidationError(
          "a serial is up to 20 bytes in hexadecimal, as openssl x509 prints it")
      }
      return serial
    }

    func run() async throws {
      let listing = try await cluster.ask(
        CertificateRevoke(
          role: serial == nil ? role.role : nil, name: name ?? "",
          serial: try serial.map(bytes) ?? []), NodePrinter.listing)
      if cluster.isJSON {
        NodePrinter.print(listing, asJSON: true)
      } else {
        Terminal.write(
          "\(serial.map { "certificate \($0)" } ?? "\(role.role) \(name ?? "")") is revoked\n")
      }
    }
  }
}

/// A node's role on the command line.
private enum RoleArgument: String, ExpressibleByArgument, CaseIterable {
  case worker, gateway, client, coordinator
  var role: NodeRole {
    switch self {
    case .worker: .worker
    case .gateway: .gateway
    case .client: .client
    case .coordinator: .coordinator
    }
  }
}

extension NodeName {
  /// Joins the parts, or says what a name is.
  fileprivate init(role: NodeRole, checking name: String) throws {
    guard let node = NodeName(role: role, name: name) else {
      throw ValidationError("'\(name)' is not a name: 1 to 64 of A-Z a-z 0-9 . _ -")
    }
    self = node
  }
}

/// Nodes and their certificates, for people or for scripts.
private enum NodePrinter {
  static func listing(_ message: Message) -> NodeListing? {
    if case .nodeListing(let listing) = message { listing } else { nil }
  }

  static func print(_ identity: NodeIdentity, asJSON: Bool, _ verb: String) {
    if asJSON {
      let line: JSONText = [
        "role": .string("\(identity.identity.role)"), "name": .string(identity.identity.name),
        "expires": .string(identity.expiresAt.ISO8601Format()),
      ]
      return Terminal.write(line.line)
    }
    Terminal.write(
      "\(verb) \(identity.identity); the certificate is valid until "
        + "\(identity.expiresAt.ISO8601Format())\n")
  }

  static func print(_ listing: NodeListing, asJSON: Bool) {
    if asJSON { return Terminal.write(JSONText(listing).line) }
    var certificates = Table("SERIAL", "NODE", "ISSUED", "ENDS", "STATE")
    for one in listing.certificates {
      certificates.add(
        hexadecimal(one.certificate.serial), "\(one.role) \(one.name)", "\(one.issuedAt)",
        "\(one.expiresAt)", one.revoked ? "revoked" : "valid")
    }
    var invitations = Table("INVITATION", "FOR", "ENDS", "CERTIFICATE")
    for one in listing.invitations {
      let used = one.certificate.rawValue > 0
      invitations.add(
        "\(one.invitation)", "\(one.role) \(one.name ?? "of any name")", "\(one.expiresAt)",
        used ? hexadecimal(one.certificate.serial) : "unused")
    }
    var revocations = Table("REVOKED", "AT")
    for one in listing.revocations {
      revocations.add(
        one.role.map { "\($0) \(one.name)" } ?? hexadecimal(one.serial), "\(one.at)")
    }
    Terminal.write([certificates, invitations, revocations].map(\.text).joined(separator: "\n"))
  }
}

extension JSONText {
  fileprivate init(_ listing: NodeListing) {
    self = [
      "certificates": .array(
        listing.certificates.map {
          [
            "serial": .string(hexadecimal($0.certificate.serial)), "role": .string("\($0.role)"),
            "name": .string($0.name), "issued_at_ms": .unsigned($0.issuedAt.rawValue),
            "expires_at_ms": .unsigned($0.expiresAt.rawValue), "revoked": .boolean($0.revoked),
          ]
        }),
      "invitations": .array(
        listing.invitations.map {
          [
            "invitation": .id($0.invitation), "role": .string("\($0.role)"),
            "name": $0.name.map { .string($0) } ?? .null,
            "expires_at_ms": .unsigned($0.expiresAt.rawValue),
            "used": .boolean($0.certificate.rawValue > 0),
          ]
        }),
      "revocations": .array(
        listing.revocations.map {
          [
            "role": $0.role.map { .string("\($0)") } ?? .null, "name": .string($0.name),
            "serial": .string(hexadecimal($0.serial)), "at_ms": .unsigned($0.at.rawValue),
          ]
        }),
    ]
  }
}
