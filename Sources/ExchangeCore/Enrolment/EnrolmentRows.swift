internal import ExchangeTypes

extension Invitation: StoredRow {
  static var table: Table { .invitations }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(role.rawValue)
    writer.write(name) { $0.write($1) }
    writer.writeRaw(secretHash)
    writer.write(expiry.rawValue)
    writer.write(forgottenAt.rawValue)
    writer.write(use) { writer, use in
      writer.writeRaw(use.publicKeyHash)
      writer.write(use.node)
      writer.write(use.certificate.rawValue)
    }
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      id: InvitationID(key), role: try reader.readCase(),
      name: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readString(limit: NodeName.bytesMax)
      }, secretHash: try reader.readHash(), expiry: try reader.readTime(),
      forgottenAt: try reader.readTime(),
      use: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        Use(
          publicKeyHash: try reader.readHash(), node: try reader.readNodeName(),
          certificate: try reader.readID())
      })
  }
}

extension IssuedCertificate: StoredRow {
  static var table: Table { .certificates }
  var rowKey: UInt64 { number.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(node)
    writer.writeRaw(publicKeyHash)
    writer.write(issuedAt.rawValue)
    writer.write(expiresAt.rawValue)
  }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      number: CertificateNumber(key), node: try reader.readNodeName(),
      publicKeyHash: try reader.readHash(), issuedAt: try reader.readTime(),
      expiresAt: try reader.readTime())
  }
}

extension Revocation: StoredRow {
  static var table: Table { .revocations }
  static var versionMax: UInt8 { 2 }
  /// 2 if it is forgotten at a time.
  var version: UInt8 { until == nil ? 1 : 2 }
  var rowKey: UInt64 { number }

  func encode(into writer: inout CanonicalWriter) {
    switch subject {
    case .node(let node, let before):
      writer.write(UInt8(1))
      writer.write(node)
      writer.write(before.rawValue)
    case .serial(let serial):
      writer.write(UInt8(2))
      writer.write(serial)
    }
    writer.write(at.rawValue)
    if let until { writer.write(until.rawValue) }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) { until = try reader.readTime() }

  init(key: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(number: key, subject: try Subject(from: &reader), at: try reader.readTime())
  }
}

extension Revocation.Subject {
  fileprivate init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let form = try reader.read(UInt8.self)
    switch form {
    case 1: self = .node(try reader.readNodeName(), before: try reader.readID())
    case 2: self = .serial(try reader.readBytes(limit: Command.Limits.serialBytesMax))
    default: throw .unknownValue(offset: at, value: UInt64(form))
    }
  }
}

extension CanonicalWriter {
  fileprivate mutating func write(_ node: NodeName) {
    write(node.role.rawValue)
    write(node.name)
  }
}
