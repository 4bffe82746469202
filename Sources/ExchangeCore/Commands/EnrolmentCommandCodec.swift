internal import ExchangeTypes

extension Command.Invite {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(role.rawValue)
    writer.write(name) { $0.write($1, limit: NodeName.bytesMax) }
    writer.writeHash(secretHash)
    writer.write(lifetimeMilliseconds)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), role: try reader.readCase(),
      name: try reader.readOptional(nodeName), secretHash: try reader.readHash(),
      lifetimeMilliseconds: try reader.read())
  }
}

extension Command.Join {
  func encode(into writer: inout FieldWriter) {
    writer.write(invitation)
    writer.writeHash(secretHash)
    writer.write(name) { $0.write($1, limit: NodeName.bytesMax) }
    writer.writeHash(publicKeyHash)
    writer.write(lifetimeMilliseconds)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      invitation: try reader.readID(), secretHash: try reader.readHash(),
      name: try reader.readOptional(nodeName), publicKeyHash: try reader.readHash(),
      lifetimeMilliseconds: try reader.read())
  }
}

extension Command.RenewCertificate {
  func encode(into writer: inout FieldWriter) {
    writer.write(node)
    writer.write(serial, limit: Command.Limits.serialBytesMax)
    writer.writeHash(publicKeyHash)
    writer.write(lifetimeMilliseconds)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      node: try reader.readNodeName(),
      serial: try reader.readBytes(limit: Command.Limits.serialBytesMax),
      publicKeyHash: try reader.readHash(), lifetimeMilliseconds: try reader.read())
  }
}

extension Command.RevokeCertificate {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    switch subject {
    case .node(let node):
      writer.write(UInt8(1))
      writer.write(node)
    case .serial(let serial):
      writer.write(UInt8(2))
      writer.write(serial, limit: Command.Limits.serialBytesMax)
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), subject: try Subject(from: &reader))
  }
}

extension Command.RevokeCertificate.Subject {
  fileprivate init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let form = try reader.read(UInt8.self)
    switch form {
    case 1: self = .node(try reader.readNodeName())
    case 2: self = .serial(try reader.readBytes(limit: Command.Limits.serialBytesMax))
    default: throw .unknownValue(offset: at, value: UInt64(form))
    }
  }
}

private func nodeName(_ reader: inout CanonicalReader) throws(CanonicalError) -> String {
  try reader.readString(limit: NodeName.bytesMax)
}

extension FieldWriter {
  mutating func write(_ node: NodeName) {
    write(node.role.rawValue)
    write(node.name, limit: NodeName.bytesMax)
  }
}

extension CanonicalReader {
  /// Reads a role and a name; text that is none is refused.
  mutating func readNodeName() throws(CanonicalError) -> NodeName {
    let role: NodeRole = try readCase()
    let at = offset
    guard let node = NodeName(role: role, name: try readString(limit: NodeName.bytesMax)) else {
      throw .unknownValue(offset: at, value: 0)
    }
    return node
  }
}
