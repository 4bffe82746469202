// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension Event {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(seq)
    writer.write(choice)
    writer.write(kind.rawValue)
    writer.write(tokenCount)
    writer.write(ids) { $0.write($1) }
    writer.write(bytes)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    seq = try reader.read(UInt64.self)
    choice = try reader.read(UInt16.self)
    kind = try reader.readCase(EventKind.self)
    tokenCount = try reader.read(UInt32.self)
    ids = try reader.readList(limit: 256, elementBytesMin: 4) { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    bytes = try reader.readBytes(limit: 12288)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(ids.count, of: "Event.ids", atMost: 256)
    try checkCount(bytes.count, of: "Event.bytes", atMost: 12288)
  }
}

extension OutputPart {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(bytes)
    writer.write(tokens)
    writer.write(ids) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    bytes = try reader.read(UInt32.self)
    tokens = try reader.read(UInt32.self)
    ids = try reader.readList(limit: 4096, elementBytesMin: 4) { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(ids.count, of: "OutputPart.ids", atMost: 4096)
  }
}

extension TailClaim {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(epoch.rawValue)
    writer.write(durableThrough)
    writer.writeRaw(mac)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    epoch = try Epoch(rawValue: reader.read())
    durableThrough = try reader.read(UInt64.self)
    mac = try reader.readRaw(count: 32)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(mac.count, of: "TailClaim.mac", exactly: 32)
  }
}

extension Usage {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(promptTokens) { $0.write($1) }
    writer.write(outputTokens) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    promptTokens = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    outputTokens = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }
}

extension WorkerWord {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(firstSeq)
    writer.write(digest) { $0.write($1) }
    writer.writeRaw(signature)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    firstSeq = try reader.read(UInt64.self)
    digest = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readString(limit: 128)
    }
    signature = try reader.readRaw(count: 64)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let digest { try checkCount(digest.utf8.count, of: "WorkerWord.digest", atMost: 128) }
    try checkCount(signature.count, of: "WorkerWord.signature", exactly: 64)
  }
}

extension OfferTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
    writer.write(context)
    writer.write(outputDefault)
    writer.write(slots)
    writer.write(priceInput.rawValue)
    writer.write(priceOutput.rawValue)
    writer.write(basis.rawValue)
    writer.write(bytesPerTokenFloor)
    writer.write(endpoints) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
    context = try reader.read(UInt32.self)
    outputDefault = try reader.read(UInt32.self)
    slots = try reader.read(UInt16.self)
    priceInput = try Price(rawValue: reader.read())
    priceOutput = try Price(rawValue: reader.read())
    basis = try reader.readCase(BillingBasis.self)
    bytesPerTokenFloor = try reader.read(UInt8.self)
    endpoints = try reader.readList(limit: 8, elementBytesMin: 1) { (part) throws(CanonicalError) in
      try part.readCase(Endpoint.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "OfferTerms.model", atMost: 256)
    try checkCount(endpoints.count, of: "OfferTerms.endpoints", atMost: 8)
  }
}

extension ErrorDetail {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(name)
    writer.write(value.cut(toBytes: 256))
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    name = try reader.readString(limit: 64)
    value = try reader.readString(limit: 256)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "ErrorDetail.name", atMost: 64)
  }
}

extension JobSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(state.rawValue)
    writer.write(model)
    writer.write(mode.rawValue)
    writer.write(createdAt.rawValue)
    writer.write(epoch.rawValue)
    writer.write(worker.rawValue)
    writer.write(promptTokens.rawValue)
    writer.write(outputTokens.rawValue)
    writer.write(charge.rawValue)
    writer.write(hold.rawValue)
    writer.write(lastSeq)
    writer.write(finish) { $0.write($1.rawValue) }
    writer.write(error)
    writer.write(errorText.cut(toBytes: 1024))
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    state = try reader.readCase(JobState.self)
    model = try reader.readString(limit: 256)
    mode = try reader.readCase(JobMode.self)
    createdAt = try LogTime(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    worker = try WorkerID(rawValue: reader.read())
    promptTokens = try TokenCount(rawValue: reader.read())
    outputTokens = try TokenCount(rawValue: reader.read())
    charge = try Credits(rawValue: reader.read())
    hold = try Credits(rawValue: reader.read())
    lastSeq = try reader.read(UInt64.self)
    finish = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readCase(FinishReason.self)
    }
    error = try reader.read(UInt16.self)
    errorText = try reader.readString(limit: 1024)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "JobSummary.model", atMost: 256)
  }
}

extension ModelSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
    writer.write(context)
    writer.write(outputDefault)
    writer.write(priceInputMin.rawValue)
    writer.write(priceOutputMin.rawValue)
    writer.write(suppliers)
    writer.write(slots)
    writer.write(slotsFree)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
    context = try reader.read(UInt32.self)
    outputDefault = try reader.read(UInt32.self)
    priceInputMin = try Price(rawValue: reader.read())
    priceOutputMin = try Price(rawValue: reader.read())
    suppliers = try reader.read(UInt16.self)
    slots = try reader.read(UInt16.self)
    slotsFree = try reader.read(UInt16.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "ModelSummary.model", atMost: 256)
  }
}

extension ModelAbilities {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(endpoints) { $0.write($1.rawValue) }
    writer.write(capabilities)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    endpoints = try reader.readList(limit: 8, elementBytesMin: 1) { (part) throws(CanonicalError) in
      try part.readCase(Endpoint.self)
    }
    capabilities = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(endpoints.count, of: "ModelAbilities.endpoints", atMost: 8)
  }
}

extension WorkerSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(name)
    writer.write(account.rawValue)
    writer.write(online)
    writer.write(draining)
    writer.write(slots)
    writer.write(busy)
    writer.write(offers) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    account = try AccountID(rawValue: reader.read())
    online = try reader.readBool()
    draining = try reader.readBool()
    slots = try reader.read(UInt16.self)
    busy = try reader.read(UInt16.self)
    offers = try reader.readList(limit: 16, elementBytesMin: 36, OfferTerms.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "WorkerSummary.name", atMost: 128)
    try checkCount(offers.count, of: "WorkerSummary.offers", atMost: 16)
    for element in offers {
      try element.checkBounds()
    }
  }
}

extension AccountSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(kind.rawValue)
    writer.write(balance.rawValue)
    writer.write(held.rawValue)
    writer.write(spent.rawValue)
    writer.write(earned.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    kind = try reader.readCase(AccountKind.self)
    balance = try Credits(rawValue: reader.read())
    held = try Credits(rawValue: reader.read())
    spent = try Credits(rawValue: reader.read())
    earned = try Credits(rawValue: reader.read())
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "AccountSummary.name", atMost: 128)
  }
}

extension KeySummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(key.rawValue)
    writer.write(account.rawValue)
    writer.write(scopes.rawValue)
    writer.write(name)
    writer.write(revoked)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    key = try KeyID(rawValue: reader.read())
    account = try AccountID(rawValue: reader.read())
    scopes = try Scopes(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    revoked = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "KeySummary.name", atMost: 128)
  }
}

extension KeyLife {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(expiresInMs) { $0.write($1) }
    writer.write(formerForMs) { $0.write($1) }
    writer.write(lastUsedAgoMs) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    expiresInMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    formerForMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    lastUsedAgoMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
  }
}

extension RateTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requests) { $0.write($1) }
    writer.write(tokens) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requests = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    tokens = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
  }
}

extension RateSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requests) { $0.write($1) }
    writer.write(requestsLeft)
    writer.write(tokens) { $0.write($1) }
    writer.write(tokensLeft)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requests = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    requestsLeft = try reader.read(UInt32.self)
    tokens = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    tokensLeft = try reader.read(UInt64.self)
  }
}

extension InvitationSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(invitation.rawValue)
    writer.write(role.rawValue)
    writer.write(name) { $0.write($1) }
    writer.write(expiresAt.rawValue)
    writer.write(certificate.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    invitation = try InvitationID(rawValue: reader.read())
    role = try reader.readCase(NodeRole.self)
    name = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readString(limit: 64)
    }
    expiresAt = try LogTime(rawValue: reader.read())
    certificate = try CertificateNumber(rawValue: reader.read())
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let name { try checkCount(name.utf8.count, of: "InvitationSummary.name", atMost: 64) }
  }
}

extension CertificateSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(certificate.rawValue)
    writer.write(role.rawValue)
    writer.write(name)
    writer.write(issuedAt.rawValue)
    writer.write(expiresAt.rawValue)
    writer.write(revoked)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    certificate = try CertificateNumber(rawValue: reader.read())
    role = try reader.readCase(NodeRole.self)
    name = try reader.readString(limit: 64)
    issuedAt = try LogTime(rawValue: reader.read())
    expiresAt = try LogTime(rawValue: reader.read())
    revoked = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "CertificateSummary.name", atMost: 64)
  }
}

extension RevocationSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(role) { $0.write($1.rawValue) }
    writer.write(name)
    writer.write(serial)
    writer.write(at.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    role = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readCase(NodeRole.self)
    }
    name = try reader.readString(limit: 64)
    serial = try reader.readBytes(limit: 20)
    at = try LogTime(rawValue: reader.read())
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "RevocationSummary.name", atMost: 64)
    try checkCount(serial.count, of: "RevocationSummary.serial", atMost: 20)
  }
}

extension CoordinatorAddress {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(replica.rawValue)
    writer.write(address)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    replica = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 256)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "CoordinatorAddress.address", atMost: 256)
  }
}

extension RefusalCount {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(kind)
    writer.write(count)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    kind = try reader.readString(limit: 64)
    count = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(kind.utf8.count, of: "RefusalCount.kind", atMost: 64)
  }
}

extension GPUFacts {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(index)
    writer.write(uuid)
    writer.write(name)
    writer.write(partition)
    writer.write(utilization) { $0.write($1) }
    writer.write(memoryUsed) { $0.write($1) }
    writer.write(memoryTotal) { $0.write($1) }
    writer.write(power) { $0.write($1) }
    writer.write(powerLimit) { $0.write($1) }
    writer.write(temperature) { $0.write($1) }
    writer.write(foreignProcesses) { $0.write($1) }
    writer.write(foreignMemory) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    index = try reader.read(UInt16.self)
    uuid = try reader.readString(limit: 64)
    name = try reader.readString(limit: 64)
    partition = try reader.readString(limit: 64)
    utilization = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt8.self)
    }
    memoryUsed = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    memoryTotal = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    power = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    powerLimit = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    temperature = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt8.self)
    }
    foreignProcesses = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt16.self)
    }
    foreignMemory = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(uuid.utf8.count, of: "GPUFacts.uuid", atMost: 64)
    try checkCount(name.utf8.count, of: "GPUFacts.name", atMost: 64)
    try checkCount(partition.utf8.count, of: "GPUFacts.partition", atMost: 64)
  }
}

extension WorkerGPU {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    gpu.encode(into: &writer)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    gpu = try GPUFacts(from: &reader)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try gpu.checkBounds()
  }
}

extension MemberSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(replica.rawValue)
    writer.write(address)
    writer.write(role.rawValue)
    writer.write(matchIndex.rawValue)
    writer.write(contactAgeMs)
    writer.write(stateVersionMax)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    replica = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 256)
    role = try reader.readCase(MemberRole.self)
    matchIndex = try LogIndex(rawValue: reader.read())
    contactAgeMs = try reader.read(UInt64.self)
    stateVersionMax = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "MemberSummary.address", atMost: 256)
  }
}

extension PeerSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(replica.rawValue)
    writer.write(address)
    writer.write(voter)
    writer.write(matchIndex.rawValue)
    writer.write(contactAgeMs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    replica = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 256)
    voter = try reader.readBool()
    matchIndex = try LogIndex(rawValue: reader.read())
    contactAgeMs = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "PeerSummary.address", atMost: 256)
  }
}

extension LogEntry {
  /// Writes the fields in the registry's order.
  func encode(into writer: inout CanonicalWriter) {
    writer.write(term.rawValue)
    writer.write(kind.rawValue)
    writer.write(payload)
  }

  /// Reads what `encode` writes.
  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let term = try Term(rawValue: reader.read())
    let kind = try reader.readCase(LogEntry.Kind.self)
    let payload = try reader.readBytes(limit: 16384)
    self.init(term: term, kind: kind, payload: payload)
  }

  /// Refuses values that a reader would refuse.
  func checkBounds() throws(BoundsError) {
    try checkCount(payload.count, of: "RaftEntry.payload", atMost: 16384)
  }
}

extension RaftServer {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(replica.rawValue)
    writer.write(address)
    writer.write(role.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    replica = try ReplicaID(rawValue: reader.read())
    address = try reader.readString(limit: 256)
    role = try reader.readCase(ServerRole.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(address.utf8.count, of: "RaftServer.address", atMost: 256)
  }
}

extension JournalSale {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(transfer.rawValue)
    writer.write(promptTokens.rawValue)
    writer.write(cachedTokens.rawValue)
    writer.write(outputTokens.rawValue)
    writer.write(charge.rawValue)
    writer.write(own)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    transfer = try TransferID(rawValue: reader.read())
    promptTokens = try TokenCount(rawValue: reader.read())
    cachedTokens = try TokenCount(rawValue: reader.read())
    outputTokens = try TokenCount(rawValue: reader.read())
    charge = try Credits(rawValue: reader.read())
    own = try reader.readBool()
  }
}

extension TransferEntry {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(transfer.rawValue)
    writer.write(debit.rawValue)
    writer.write(credit.rawValue)
    writer.write(amount.rawValue)
    writer.write(kind.rawValue)
    writer.write(job) { $0.write($1.rawValue) }
    writer.write(time.rawValue)
    writer.write(group) { $0.write($1.rawValue) }
    writer.write(reverses) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    transfer = try TransferID(rawValue: reader.read())
    debit = try AccountID(rawValue: reader.read())
    credit = try AccountID(rawValue: reader.read())
    amount = try Credits(rawValue: reader.read())
    kind = try reader.readCase(TransferKind.self)
    job = try reader.readOptional { (part) throws(CanonicalError) in
      try JobID(rawValue: part.read())
    }
    time = try LogTime(rawValue: reader.read())
    group = try reader.readOptional { (part) throws(CanonicalError) in
      try TransferID(rawValue: part.read())
    }
    reverses = try reader.readOptional { (part) throws(CanonicalError) in
      try TransferID(rawValue: part.read())
    }
  }
}

extension TransferLeg {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(debit.rawValue)
    writer.write(credit.rawValue)
    writer.write(amount.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    debit = try AccountID(rawValue: reader.read())
    credit = try AccountID(rawValue: reader.read())
    amount = try Credits(rawValue: reader.read())
  }
}

extension AccountSums {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(name)
    writer.write(kind.rawValue)
    writer.write(debits.rawValue)
    writer.write(credits.rawValue)
    writer.write(held.rawValue)
    writer.write(earned.rawValue)
    writer.write(closed)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    kind = try reader.readCase(AccountKind.self)
    debits = try Credits(rawValue: reader.read())
    credits = try Credits(rawValue: reader.read())
    held = try Credits(rawValue: reader.read())
    earned = try Credits(rawValue: reader.read())
    closed = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "AccountSums.name", atMost: 128)
  }
}

extension BudgetSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(budget.rawValue)
    writer.write(parent.rawValue)
    writer.write(account.rawValue)
    writer.write(level.rawValue)
    writer.write(name)
    writer.write(key.rawValue)
    writer.write(perDay) { $0.write($1.rawValue) }
    writer.write(perMonth) { $0.write($1.rawValue) }
    writer.write(total) { $0.write($1.rawValue) }
    writer.write(closed)
    writer.write(held.rawValue)
    writer.write(spentInDay.rawValue)
    writer.write(spentInMonth.rawValue)
    writer.write(spent.rawValue)
    writer.write(dayEndsInMs)
    writer.write(monthEndsInMs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    budget = try BudgetID(rawValue: reader.read())
    parent = try BudgetID(rawValue: reader.read())
    account = try AccountID(rawValue: reader.read())
    level = try reader.readCase(BudgetLevel.self)
    name = try reader.readString(limit: 128)
    key = try KeyID(rawValue: reader.read())
    perDay = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    perMonth = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    total = try reader.readOptional { (part) throws(CanonicalError) in
      try Credits(rawValue: part.read())
    }
    closed = try reader.readBool()
    held = try Credits(rawValue: reader.read())
    spentInDay = try Credits(rawValue: reader.read())
    spentInMonth = try Credits(rawValue: reader.read())
    spent = try Credits(rawValue: reader.read())
    dayEndsInMs = try reader.read(UInt64.self)
    monthEndsInMs = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "BudgetSummary.name", atMost: 128)
  }
}

extension DelegationSummary {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(number)
    writer.write(delegation.high)
    writer.write(delegation.low)
    writer.write(parent.rawValue)
    writer.write(key.rawValue)
    writer.write(name)
    writer.write(scopes.rawValue)
    writer.write(models) { $0.write($1) }
    writer.write(live)
    writer.write(expiresInMs) { $0.write($1) }
    writer.write(budget) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    number = try reader.read(UInt64.self)
    delegation = try DelegationID(high: reader.read(), low: reader.read())
    parent = try KeyID(rawValue: reader.read())
    key = try KeyID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    scopes = try Scopes(rawValue: reader.read())
    models = try reader.readList(limit: 8, elementBytesMin: 4) { (part) throws(CanonicalError) in
      try part.readString(limit: 256)
    }
    live = try reader.readBool()
    expiresInMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    budget = try reader.readOptional(BudgetSummary.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "DelegationSummary.name", atMost: 128)
    try checkCount(models.count, of: "DelegationSummary.models", atMost: 8)
    for element in models {
      try checkCount(element.utf8.count, of: "DelegationSummary.models", atMost: 256)
    }
    if let budget { try budget.checkBounds() }
  }
}

extension ChangeTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(field)
    writer.write(value.cut(toBytes: 320))
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    field = try reader.readString(limit: 64)
    value = try reader.readString(limit: 320)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(field.utf8.count, of: "ChangeTerms.field", atMost: 64)
  }
}

extension WarmPrefix {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(bytes)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    bytes = try reader.read(UInt64.self)
  }
}

extension CandidateTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(name.cut(toBytes: 257))
    writer.write(priceInput.rawValue)
    writer.write(priceOutput.rawValue)
    writer.write(context)
    writer.write(slots)
    writer.write(busy)
    writer.write(free)
    writer.write(place)
    writer.write(obstacle)
    writer.write(detail.cut(toBytes: 256))
    writer.write(hasFailed)
    writer.write(firstOutputMs) { $0.write($1) }
    writer.write(tokensPerSecond) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    name = try reader.readString(limit: 257)
    priceInput = try Price(rawValue: reader.read())
    priceOutput = try Price(rawValue: reader.read())
    context = try reader.read(UInt32.self)
    slots = try reader.read(UInt16.self)
    busy = try reader.read(UInt16.self)
    free = try reader.read(UInt16.self)
    place = try reader.read(UInt16.self)
    obstacle = try reader.readString(limit: 32)
    detail = try reader.readString(limit: 256)
    hasFailed = try reader.readBool()
    firstOutputMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    tokensPerSecond = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(obstacle.utf8.count, of: "CandidateTerms.obstacle", atMost: 32)
  }
}

extension AttemptTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(epoch.rawValue)
    writer.write(worker.rawValue)
    writer.write(state)
    writer.write(error)
    writer.write(priceInput) { $0.write($1.rawValue) }
    writer.write(priceOutput) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    epoch = try Epoch(rawValue: reader.read())
    worker = try WorkerID(rawValue: reader.read())
    state = try reader.readString(limit: 32)
    error = try reader.read(UInt16.self)
    priceInput = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    priceOutput = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(state.utf8.count, of: "AttemptTerms.state", atMost: 32)
  }
}

extension ReasonCount {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(reason)
    writer.write(count)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    reason = try reader.readString(limit: 32)
    count = try reader.read(UInt32.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(reason.utf8.count, of: "ReasonCount.reason", atMost: 32)
  }
}

extension PriceStep {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(priceInput.rawValue)
    writer.write(priceOutput.rawValue)
    writer.write(jobs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    priceInput = try Price(rawValue: reader.read())
    priceOutput = try Price(rawValue: reader.read())
    jobs = try reader.read(UInt32.self)
  }
}

extension OfferOutlook {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    offer.encode(into: &writer)
    writer.write(model)
    writer.write(queued)
    writer.write(seen)
    writer.write(taken)
    writer.write(reasons) { $1.encode(into: &$0) }
    writer.write(cheapest) { $0.write($1.rawValue) }
    writer.write(prices) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    offer = try CandidateTerms(from: &reader)
    model = try reader.readString(limit: 256)
    queued = try reader.read(UInt32.self)
    seen = try reader.read(UInt32.self)
    taken = try reader.read(UInt32.self)
    reasons = try reader.readList(limit: 16, elementBytesMin: 8, ReasonCount.init(from:))
    cheapest = try reader.readOptional { (part) throws(CanonicalError) in
      try WorkerID(rawValue: part.read())
    }
    prices = try reader.readList(limit: 8, elementBytesMin: 20, PriceStep.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try offer.checkBounds()
    try checkCount(model.utf8.count, of: "OfferOutlook.model", atMost: 256)
    try checkCount(reasons.count, of: "OfferOutlook.reasons", atMost: 16)
    for element in reasons {
      try element.checkBounds()
    }
    try checkCount(prices.count, of: "OfferOutlook.prices", atMost: 8)
  }
}

extension AskEntry {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(supplier)
    writer.write(worker.rawValue)
    writer.write(name)
    writer.write(priceInput.rawValue)
    writer.write(priceCachedInput.rawValue)
    writer.write(priceOutput.rawValue)
    writer.write(context)
    writer.write(outputDefault)
    writer.write(slots)
    writer.write(slotsFree)
    writer.write(reserve)
    writer.write(admits)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    account = try AccountID(rawValue: reader.read())
    supplier = try reader.readString(limit: 128)
    worker = try WorkerID(rawValue: reader.read())
    name = try reader.readString(limit: 128)
    priceInput = try Price(rawValue: reader.read())
    priceCachedInput = try Price(rawValue: reader.read())
    priceOutput = try Price(rawValue: reader.read())
    context = try reader.read(UInt32.self)
    outputDefault = try reader.read(UInt32.self)
    slots = try reader.read(UInt16.self)
    slotsFree = try reader.read(UInt16.self)
    reserve = try reader.read(UInt16.self)
    admits = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(supplier.utf8.count, of: "AskEntry.supplier", atMost: 128)
    try checkCount(name.utf8.count, of: "AskEntry.name", atMost: 128)
  }
}

extension PriceEntry {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(start.rawValue)
    writer.write(jobs)
    writer.write(promptTokens)
    writer.write(inputMean.rawValue)
    writer.write(inputLow.rawValue)
    writer.write(inputHigh.rawValue)
    writer.write(cachedTokens)
    writer.write(cachedMean.rawValue)
    writer.write(cachedLow.rawValue)
    writer.write(cachedHigh.rawValue)
    writer.write(outputTokens)
    writer.write(outputMean.rawValue)
    writer.write(outputLow.rawValue)
    writer.write(outputHigh.rawValue)
    writer.write(ownTokens)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    start = try LogTime(rawValue: reader.read())
    jobs = try reader.read(UInt64.self)
    promptTokens = try reader.read(UInt64.self)
    inputMean = try Price(rawValue: reader.read())
    inputLow = try Price(rawValue: reader.read())
    inputHigh = try Price(rawValue: reader.read())
    cachedTokens = try reader.read(UInt64.self)
    cachedMean = try Price(rawValue: reader.read())
    cachedLow = try Price(rawValue: reader.read())
    cachedHigh = try Price(rawValue: reader.read())
    outputTokens = try reader.read(UInt64.self)
    outputMean = try Price(rawValue: reader.read())
    outputLow = try Price(rawValue: reader.read())
    outputHigh = try Price(rawValue: reader.read())
    ownTokens = try reader.read(UInt64.self)
  }
}

extension PostedTerms {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(model)
    writer.write(priceInput) { $0.write($1.rawValue) }
    writer.write(priceCachedInput) { $0.write($1.rawValue) }
    writer.write(priceOutput) { $0.write($1.rawValue) }
    writer.write(reserve)
    writer.write(own) { $0.write($1.rawValue) }
    writer.write(only) { $0.write($1.rawValue) }
    writer.write(refuse) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    model = try reader.readString(limit: 256)
    priceInput = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    priceCachedInput = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    priceOutput = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    reserve = try reader.read(UInt16.self)
    own = try reader.readList(limit: 64, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try AccountID(rawValue: part.read())
    }
    only = try reader.readList(limit: 64, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try AccountID(rawValue: part.read())
    }
    refuse = try reader.readList(limit: 64, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try AccountID(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "PostedTerms.model", atMost: 256)
    try checkCount(own.count, of: "PostedTerms.own", atMost: 64)
    try checkCount(only.count, of: "PostedTerms.only", atMost: 64)
    try checkCount(refuse.count, of: "PostedTerms.refuse", atMost: 64)
  }
}

extension SalesEntry {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(number)
    writer.write(start.rawValue)
    writer.write(model)
    writer.write(jobs)
    writer.write(promptTokens)
    writer.write(cachedTokens)
    writer.write(outputTokens)
    writer.write(earned.rawValue)
    writer.write(ownJobs)
    writer.write(ownTokens)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    number = try reader.read(UInt64.self)
    start = try LogTime(rawValue: reader.read())
    model = try reader.readString(limit: 256)
    jobs = try reader.read(UInt64.self)
    promptTokens = try reader.read(UInt64.self)
    cachedTokens = try reader.read(UInt64.self)
    outputTokens = try reader.read(UInt64.self)
    earned = try Credits(rawValue: reader.read())
    ownJobs = try reader.read(UInt64.self)
    ownTokens = try reader.read(UInt64.self)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "SalesEntry.model", atMost: 256)
  }
}
