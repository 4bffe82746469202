internal import ExchangeTypes

extension Exchange {
  /// Checks: caller, `wrong_state` (state version), role, name and lifetime, a request seen before,
  /// `no_capacity`.
  mutating func apply(_ command: Command.Invite) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    // Coordinators are members of the consensus group, whom an operator makes by hand.
    guard command.role != .coordinator else {
      throw Rejection(.malformedRequest, ["field": "role"])
    }
    // A name left to the node could be that of one from `yard init`, of which the cluster knows nothing.
    guard command.name.map(NodeName.isName) ?? false else {
      throw Rejection(.malformedRequest, ["field": "name"])
    }
    guard (1...limits.invitationLifetimeMax).contains(command.lifetimeMilliseconds) else {
      throw Rejection(
        .malformedRequest, ["field": "lifetime", "limit": "\(limits.invitationLifetimeMax)"])
    }
    if let id = indexes.invitationSecrets[command.secretHash] {
      guard let known = invitations[id.rawValue], known.role == command.role,
        known.name == command.name
      else { throw Rejection(.idempotencyConflict) }
      return .invited(id, duplicate: true)
    }
    guard invitations.count < limits.invitationsMax else {
      throw Rejection(.noCapacity, ["limit": "\(limits.invitationsMax)"])
    }
    let expiry = meta.logTime.advanced(milliseconds: command.lifetimeMilliseconds)
    let invitation = Invitation(
      id: InvitationID(takeRowNumber()), role: command.role, name: command.name,
      secretHash: command.secretHash, expiry: expiry,
      forgottenAt: expiry.advanced(milliseconds: limits.requestRetention), use: nil)
    invitations.insert(invitation)
    indexes.enter(invitation)
    return .invited(invitation.id, duplicate: false)
  }

  /// Checks: `wrong_state` (state version), `invitation_invalid` (unknown, wrong secret, or expired),
  /// `invitation_used` (by another key), `wrong_name` (another than the invitation's).
  ///
  /// Used by the same key it is answered again, until it expires: the answer may have been lost, and only
  /// who has the key can do anything with the certificate. Of two that come at once the log's first wins.
  mutating func apply(_ command: Command.Join) throws(Rejection) -> Accepted {
    guard let invitation = invitations[command.invitation.rawValue],
      invitation.secretHash == command.secretHash
    else { throw Rejection(.invitationInvalid, ["reason": "unknown"]) }
    guard meta.logTime < invitation.expiry else {
      throw Rejection(.invitationInvalid, ["reason": "expired"])
    }
    if let use = invitation.use {
      guard use.publicKeyHash == command.publicKeyHash else {
        throw Rejection(.invitationUsed, ["node": "\(use.node)"])
      }
      return .certified(use.certificate, use.node, duplicate: true)
    }
    let node = try joining(command, by: invitation)
    let certificate = issue(
      to: node, publicKeyHash: command.publicKeyHash, lifetime: command.lifetimeMilliseconds)
    invitations.update(invitation.id.rawValue) {
      $0.use = Invitation.Use(
        publicKeyHash: command.publicKeyHash, node: node, certificate: certificate)
    }
    return .certified(certificate, node, duplicate: false)
  }

  private func joining(
    _ command: Command.Join, by invitation: Invitation
  ) throws(Rejection) -> NodeName {
    guard let name = invitation.name, let node = NodeName(role: invitation.role, name: name) else {
      throw Rejection(.invitationInvalid, ["reason": "without a name"])
    }
    guard (command.name ?? node.name) == node.name else {
      throw Rejection(.wrongName, ["name": node.name])
    }
    return node
  }

  /// Checks: `wrong_state` (state version), `certificate_revoked`.
  mutating func apply(_ command: Command.RenewCertificate) throws(Rejection) -> Accepted {
    guard !isRevoked(command.node, serial: command.serial) else {
      throw Rejection(.certificateRevoked, ["node": "\(command.node)"])
    }
    let certificate = issue(
      to: command.node, publicKeyHash: command.publicKeyHash,
      lifetime: command.lifetimeMilliseconds)
    return .certified(certificate, command.node, duplicate: false)
  }

  /// Checks: caller, `wrong_state` (state version), the serial's form, `revoke_by_name`, `no_capacity`.
  ///
  /// What is revoked already is no error; a node that has joined again since is revoked again.
  mutating func apply(_ command: Command.RevokeCertificate) throws(Rejection) -> Accepted {
    _ = try authorize(command.caller, .admin)
    let subject: Revocation.Subject
    let known: UInt64?
    var until: LogTime?
    switch command.subject {
    case .node(let node):
      subject = .node(node, before: CertificateNumber(meta.nextRequest))
      known = indexes.revokedNodes[node]
    case .serial(let serial):
      guard let first = serial.first, first != 0 else {
        throw Rejection(.malformedRequest, ["field": "serial"])
      }
      subject = .serial(serial)
      known = indexes.revokedSerials[serial]
      if known == nil {
        // A join that is asked for again, until its invitation's end, has the same serial signed to a later end than the row's.
        until = try newest(serial).expiresAt.advanced(
          milliseconds: limits.invitationLifetimeMax + limits.requestRetention)
      }
    }
    let now = meta.logTime
    let number: UInt64
    if let known {
      number = known
      revocations.update(known) {
        $0.subject = subject
        $0.at = now
      }
    } else {
      guard revocations.count < limits.revocationsMax else {
        throw Rejection(.noCapacity, ["limit": "\(limits.revocationsMax)"])
      }
      let revocation = Revocation(
        number: takeRowNumber(), subject: subject, at: now, until: until)
      number = revocation.number
      revocations.insert(revocation)
      indexes.enter(revocation)
    }
    pending.effects.append(.certificatesRevoked)
    return .revoked(number)
  }

  // MARK: Parts

  /// One certificate alone is revoked if it is the newest that the cluster has issued to its node.
  ///
  /// Who has stolen an older one may hold its successor, and `yard init`'s, a coordinator's too, have no number.
  private func newest(_ serial: [UInt8]) throws(Rejection) -> IssuedCertificate {
    guard let number = CertificateNumber(serial: serial),
      let certificate = certificates[number.rawValue]
    else { throw Rejection(.revokeByName, ["reason": "unknown"]) }
    guard indexes.certificates[certificate.node]?.last == number else {
      throw Rejection(.revokeByName, ["reason": "renewed", "node": "\(certificate.node)"])
    }
    return certificate
  }

  /// Gives a certificate its number; of a node's older ones only the newest are still listed.
  private mutating func issue(
    to node: NodeName, publicKeyHash: [UInt8], lifetime: UInt64
  ) -> CertificateNumber {
    let certificate = IssuedCertificate(
      number: CertificateNumber(takeRowNumber()), node: node, publicKeyHash: publicKeyHash,
      issuedAt: meta.logTime, expiresAt: meta.logTime.advanced(milliseconds: lifetime))
    certificates.insert(certificate)
    indexes.enter(certificate)
    while let listed = indexes.certificates[node], listed.count > limits.certificatesPerNodeMax,
      let oldest = listed.first, let row = certificates.remove(oldest.rawValue)
    {
      indexes.leave(row)
    }
    return certificate.number
  }

  /// Rows of requests, invitations, certificates and revocations are numbered by one counter.
  private mutating func takeRowNumber() -> UInt64 {
    defer { meta.nextRequest += 1 }
    return meta.nextRequest
  }
}
