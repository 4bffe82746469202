internal import Consensus
internal import Crypto
internal import ExchangeCore
public import ExchangeTypes
internal import RaftEngine
public import WireProtocol

// How nodes get their certificates, and lose them.
extension Dispatcher {
  /// Whether a node's certificate is revoked, as far as this replica has applied the log.
  public func isRevoked(_ node: NodeName, serial: [UInt8]) -> Bool {
    exchange.hasRevocations && exchange.isRevoked(node, serial: serial)
  }

  /// Which coordinators are revoked, as far as this replica has applied the log, and where the others listen: for those that
  /// dial them.
  public var revocationNotice: RevocationNotice {
    let prefix = "coordinator-"
    let ids = exchange.revokedNodes(of: .coordinator).compactMap { node in
      UInt64(node.name.dropFirst(prefix.count)).flatMap { prefix + "\($0)" == node.name ? $0 : nil }
    }
    // Ids only rise, so the last are those that still have a disk.
    let revoked = ids.sorted().suffix(1_024).map(ReplicaID.init)
    // What the list, and the length and presence of the other, leave of the payload.
    var room = Int(RevocationNotice.kind.payloadMax) - 9 - 8 * revoked.count
    let others = replica.membership.servers.compactMap { server -> CoordinatorAddress? in
      guard server.id != replica.id, !ids.contains(server.id.rawValue),
        let address = address(of: server.id), !address.isEmpty
      else { return nil }
      return CoordinatorAddress(replica: server.id, address: address)
    }.prefix(16).prefix { other in
      room -= 12 + other.address.utf8.count
      return room >= 0
    }
    return RevocationNotice(coordinators: revoked, others: Array(others))
  }

  /// The first message of an enrolment stream has come: answers the relay's owner, or nil.
  ///
  /// Anybody's coordinator passes a Join on, since all of it is in the message. A renewal rests on the
  /// connection that it comes over, so it is the leader's own or nobody's.
  func enrol(
    _ message: Message, on channel: any MessageChannel, from origin: StreamOrigin
  ) -> (any MessageChannelOwner)? {
    let answer: Answer = { message in
      channel.send(message)
      channel.finish()
    }
    switch message {
    case .join(let join):
      guard isActive else { return relay(.enrol, message, on: channel, authorization: "") }
      self.join(join, from: origin, answer)
    case .certificateRenew:
      guard isActive else {
        answer(Failure.notLeader)
        return nil
      }
      renew(from: origin, answer)
    default:
      answer(Failure(.malformedRequest, "a node joins or renews here"))
    }
    return nil
  }

  // MARK: Joining

  private func join(_ message: Join, from origin: StreamOrigin, _ answer: @escaping Answer) {
    let refuse = refusing("a node may not join", from: origin, answer)
    guard let issuer else { return refuse(.noIssuingKey) }
    let secretHash = Array(SHA256.hash(data: message.secret.bytes))
    confirmed { [weak self] isLeader in
      guard isLeader, let self else { return answer(Failure.notLeader) }
      // What a stranger guesses must not fill the log, nor have a signature checked.
      guard let known = exchange.invitation(message.invitation),
        isEqual(known.secretHash, secretHash)
      else { return refuse(Failure(Rejection(.invitationInvalid, ["reason": "unknown"]))) }
      guard let publicKey = issuer.publicKey(ofRequest: message.request) else {
        return refuse(
          Failure(
            .malformedRequest, "the request is not one for a P-256 key that is signed by that key"))
      }
      issue(
        .join(
          .init(
            invitation: message.invitation, secretHash: secretHash, name: message.name,
            publicKeyHash: Array(SHA256.hash(data: publicKey)),
            lifetimeMilliseconds: issuer.lifetimeMilliseconds)), publicKey, by: issuer,
        { [weak self] in self?.shell?.repeated(.join, under: nil, from: origin) }, answer, refuse)
    }
  }

  private func renew(from origin: StreamOrigin, _ answer: @escaping Answer) {
    let refuse = refusing("a node may not renew", from: origin, answer)
    guard let issuer else { return refuse(.noIssuingKey) }
    guard let node = origin.node else {
      return refuse(
        Failure(.unauthenticated, "a certificate is renewed over a connection that it secures"))
    }
    guard node.name.role != .coordinator else {
      return refuse(Failure(.wrongRole, "the certificates of coordinators are made by hand"))
    }
    let publicKeyHash = Array(SHA256.hash(data: node.publicKey))
    confirmed { [weak self] isLeader in
      guard isLeader, let self else { return answer(Failure.notLeader) }
      // A node that renews again and again fills no log: what it was given last is made out once more.
      let fresh = min(issuer.lifetimeMilliseconds / 10, Self.renewalInterval)
      let given = exchange.certificates(of: node.name, limit: Self.renewalsMax)
      if given.count == Self.renewalsMax, let oldest = given.first, let newest = given.last,
        queue.now < oldest.issuedAt.advanced(milliseconds: fresh),
        newest.publicKeyHash == publicKeyHash,
        !exchange.isRevoked(node.name, serial: node.serial),
        !exchange.isRevoked(node.name, serial: newest.number.serial)
      {
        return make(newest.number, node.name, node.publicKey, by: issuer, answer, refuse)
      }
      issue(
        .renewCertificate(
          .init(
            node: node.name, serial: node.serial, publicKeyHash: publicKeyHash,
            lifetimeMilliseconds: issuer.lifetimeMilliseconds)), node.publicKey, by: issuer, {},
        answer, refuse)
    }
  }

  /// So many certificates are a node's in a tenth of their life, or in `renewalInterval`: then it gets the newest again.
  private static let renewalsMax = 4
  /// In milliseconds: less than what a revocation by serial outlasts the row by, since what is made out again ends later.
  private static let renewalInterval: UInt64 = 3_600_000

  /// Signs only what is committed: of two coordinators that are asked at once, at most one gets there.
  private func issue(
    _ command: Command, _ publicKey: [UInt8], by issuer: any CertificateIssuing,
    _ repeated: @escaping () -> Void, _ answer: @escaping Answer,
    _ refuse: @escaping (Failure) -> Void
  ) {
    queue.propose(command) { [weak self] result in
      guard let self else { return }
      if let failure = Failure(result) { return refuse(failure) }
      guard case .applied(.accepted(.certified(let number, let node, let isRepeated)), _) = result
      else { preconditionFailure("an enrolment was accepted as another command: \(result)") }
      if isRepeated { repeated() }
      make(number, node, publicKey, by: issuer, answer, refuse)
    }
  }

  private func make(
    _ number: CertificateNumber, _ node: NodeName, _ publicKey: [UInt8],
    by issuer: any CertificateIssuing, _ answer: @escaping Answer,
    _ refuse: @escaping (Failure) -> Void
  ) {
    do {
      let issued = try issuer.issue(number, to: node, publicKey: publicKey)
      answer(
        CertificateIssued(
          role: node.role, name: node.name, certificate: issued.certificate,
          authorities: issued.authorities))
    } catch {
      refuse(Failure(.internalError, "the certificate cannot be made: \(error)"))
    }
  }

  /// Answers with a refusal that is counted, unless it only says to try again.
  private func refusing(
    _ what: String, from origin: StreamOrigin, _ answer: @escaping Answer
  ) -> (Failure) -> Void {
    { [weak self] failure in
      if failure.errorCode?.isRetryable != true {
        self?.shell?.refused(what, failure, from: origin)
      }
      answer(failure)
    }
  }

  /// Why a worker may not be taken for the one of a name; nil if it may.
  ///
  /// Where there are certificates, a worker is who his says.
  func misnamed(_ name: String, from origin: StreamOrigin, _ what: String) -> Failure? {
    guard let node = origin.node, node.name.name != name else { return nil }
    let failure = Failure(
      .wrongName, "the certificate is that of \(node.name), and the worker says that it is \(name)",
      details: [ErrorDetail(name: "name", value: node.name.name)])
    shell?.refused(what, failure, from: origin)
    return failure
  }

  // MARK: Administration

  func invite(_ message: Invite, from caller: Caller, _ answer: @escaping Answer) {
    change(
      .invite(
        .init(
          caller: caller.key, role: message.role, name: message.name,
          secretHash: message.secretHash, lifetimeMilliseconds: message.lifetimeMs)),
      from: caller, answer
    ) { [weak self] in
      guard case .invited(let id, _) = $0, let invitation = self?.exchange.invitation(id) else {
        return nil
      }
      return InvitationReport(summary: InvitationSummary(invitation))
    }
  }

  func revoke(_ message: CertificateRevoke, from caller: Caller, _ answer: @escaping Answer) {
    let subject: Command.RevokeCertificate.Subject
    if let role = message.role, let node = NodeName(role: role, name: message.name),
      message.serial.isEmpty
    {
      subject = .node(node)
    } else if message.role == nil, message.name.isEmpty, !message.serial.isEmpty {
      subject = .serial(message.serial)
    } else {
      return answer(
        Failure(.malformedRequest, "name a node by role and name, or a certificate by its serial"))
    }
    if case .node(let node) = subject, let voter = voter(named: node) {
      return answer(
        Failure(
          refusing: .memberUnsuitable,
          "coordinator \(voter) votes: without it the others might commit nothing",
          instead: "take its vote first: yard cluster remove \(voter)"))
    }
    change(.revokeCertificate(.init(caller: caller.key, subject: subject)), answer) {
      [weak self] in
      guard case .revoked = $0 else { return nil }
      return self?.nodeListing
    }
  }

  /// The voter that a node is; nil for all others.
  private func voter(named node: NodeName) -> ReplicaID? {
    guard node.role == .coordinator else { return nil }
    return replica.membership.servers.first {
      $0.role == .voter && node.name == "coordinator-\($0.id)"
    }?.id
  }

  /// The newest of each kind.
  var nodeListing: NodeListing {
    let limit = 1_024
    return NodeListing(
      invitations: exchange.invitations(limit: limit).map(InvitationSummary.init),
      certificates: exchange.certificates(limit: limit).map { certificate in
        CertificateSummary(
          certificate: certificate.number, role: certificate.node.role,
          name: certificate.node.name, issuedAt: certificate.issuedAt,
          expiresAt: certificate.expiresAt,
          revoked: exchange.isRevoked(certificate.node, serial: certificate.number.serial))
      }, revocations: exchange.revocations(limit: limit).map(RevocationSummary.init))
  }
}

extension InvitationSummary {
  fileprivate init(_ invitation: Invitation) {
    self.init(
      invitation: invitation.id, role: invitation.role, name: invitation.name,
      expiresAt: invitation.expiry,
      certificate: invitation.use?.certificate ?? CertificateNumber(0))
  }
}

extension RevocationSummary {
  fileprivate init(_ revocation: Revocation) {
    switch revocation.subject {
    case .node(let node, _):
      self.init(role: node.role, name: node.name, serial: [], at: revocation.at)
    case .serial(let serial):
      self.init(role: nil, name: "", serial: serial, at: revocation.at)
    }
  }
}

extension Failure {
  fileprivate static let noIssuingKey = Failure(
    .noIssuingKey,
    "this coordinator has no identity/issuer.key: copy it from the directory ca/ that yard init made"
  )
}
