// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension Invite {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(role.rawValue)
    writer.write(name) { $0.write($1) }
    writer.writeRaw(secretHash)
    writer.write(lifetimeMs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    role = try reader.readCase(NodeRole.self)
    name = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readString(limit: 64)
    }
    secretHash = try reader.readRaw(count: 32)
    lifetimeMs = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let name { try checkCount(name.utf8.count, of: "Invite.name", atMost: 64) }
    try checkCount(secretHash.count, of: "Invite.secretHash", exactly: 32)
  }
}

extension InvitationReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try InvitationSummary(from: &reader)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}

extension Join {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(invitation.rawValue)
    writer.writeRaw(secret.bytes)
    writer.write(name) { $0.write($1) }
    writer.write(request)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    invitation = try InvitationID(rawValue: reader.read())
    secret = try Secret(reader.readRaw(count: 32))
    name = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readString(limit: 64)
    }
    request = try reader.readBytes(limit: 1024)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(secret.bytes.count, of: "Join.secret", exactly: 32)
    if let name { try checkCount(name.utf8.count, of: "Join.name", atMost: 64) }
    try checkCount(request.count, of: "Join.request", atMost: 1024)
  }
}

extension CertificateIssued {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(role.rawValue)
    writer.write(name)
    writer.write(certificate)
    writer.write(authorities)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    role = try reader.readCase(NodeRole.self)
    name = try reader.readString(limit: 64)
    certificate = try reader.readString(limit: 8192)
    authorities = try reader.readString(limit: 16384)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "CertificateIssued.name", atMost: 64)
    try checkCount(certificate.utf8.count, of: "CertificateIssued.certificate", atMost: 8192)
    try checkCount(authorities.utf8.count, of: "CertificateIssued.authorities", atMost: 16384)
  }
}

extension CertificateRenew {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension CertificateRevoke {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(role) { $0.write($1.rawValue) }
    writer.write(name)
    writer.write(serial)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    role = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readCase(NodeRole.self)
    }
    name = try reader.readString(limit: 64)
    serial = try reader.readBytes(limit: 20)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "CertificateRevoke.name", atMost: 64)
    try checkCount(serial.count, of: "CertificateRevoke.serial", atMost: 20)
  }
}

extension NodeList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {}

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {}
}

extension NodeListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(invitations) { $1.encode(into: &$0) }
    writer.write(certificates) { $1.encode(into: &$0) }
    writer.write(revocations) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    invitations = try reader.readList(
      limit: 1024, elementBytesMin: 26, InvitationSummary.init(from:))
    certificates = try reader.readList(
      limit: 1024, elementBytesMin: 30, CertificateSummary.init(from:))
    revocations = try reader.readList(
      limit: 1024, elementBytesMin: 17, RevocationSummary.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(invitations.count, of: "NodeListing.invitations", atMost: 1024)
    for element in invitations {
      try element.checkBounds()
    }
    try checkCount(certificates.count, of: "NodeListing.certificates", atMost: 1024)
    for element in certificates {
      try element.checkBounds()
    }
    try checkCount(revocations.count, of: "NodeListing.revocations", atMost: 1024)
    for element in revocations {
      try element.checkBounds()
    }
  }
}
