// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension WorkerRegister {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(name)
    writer.write(incarnation)
    writer.write(offers) { $1.encode(into: &$0) }
    writer.write(draining)
    writer.write(continues) { $0.write($1) }
    writer.write(capabilities) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    name = try reader.readString(limit: 128)
    incarnation = try reader.read(UInt64.self)
    offers = try reader.readList(limit: 16, elementBytesMin: 36, OfferTerms.init(from:))
    draining = try reader.readBool()
    continues = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
    capabilities = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(name.utf8.count, of: "WorkerRegister.name", atMost: 128)
    try checkCount(offers.count, of: "WorkerRegister.offers", atMost: 16)
    for element in offers {
      try element.checkBounds()
    }
  }
}

extension WorkerRegistered {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(term.rawValue)
    writer.write(leaseMs)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
    leaseMs = try reader.read(UInt32.self)
  }
}

extension WorkerHeartbeat {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(nonce)
    writer.write(busy)
    writer.write(engineHealthy)
    writer.write(full) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    nonce = try reader.read(UInt64.self)
    busy = try reader.read(UInt16.self)
    engineHealthy = try reader.readBool()
    full = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
  }
}

extension WorkerHeartbeatAck {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(nonce)
    writer.write(term.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    nonce = try reader.read(UInt64.self)
    term = try Term(rawValue: reader.read())
  }
}

extension Park {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(slot)
    writer.write(incarnation)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    slot = try reader.read(UInt16.self)
    incarnation = try reader.read(UInt64.self)
  }
}

extension Assign {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(term.rawValue)
    writer.write(endpoint.rawValue)
    writer.write(model)
    writer.write(body)
    writer.write(recordSeq)
    writer.writeRaw(recordHash)
    writer.write(outputTokensMax)
    writer.write(output) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
    endpoint = try reader.readCase(Endpoint.self)
    model = try reader.readString(limit: 256)
    body = try reader.readBytes(limit: 1048576)
    recordSeq = try reader.read(UInt64.self)
    recordHash = try reader.readRaw(count: 32)
    outputTokensMax = try reader.read(UInt32.self)
    output = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 1024, elementBytesMin: 12, OutputPart.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "Assign.model", atMost: 256)
    try checkCount(body.count, of: "Assign.body", atMost: 1048576)
    try checkCount(recordHash.count, of: "Assign.recordHash", exactly: 32)
    if let output { try checkCount(output.count, of: "Assign.output", atMost: 1024) }
  }
}

extension Chunk {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(events) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    events = try reader.readList(limit: 256, elementBytesMin: 23, Event.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(events.count, of: "Chunk.events", atMost: 256)
    for element in events {
      try element.checkBounds()
    }
  }
}

extension AttemptFinished {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(finish.rawValue)
    usage.encode(into: &writer)
    writer.write(lastSeq)
    writer.writeRaw(hash)
    writer.write(error)
    writer.write(errorText.cut(toBytes: 1024))
    writer.write(retryElsewhere)
    writer.write(cachedTokens) { $0.write($1) }
    writer.write(word) { $1.encode(into: &$0) }
    writer.write(reasoningTokens) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    finish = try reader.readCase(FinishReason.self)
    usage = try Usage(from: &reader)
    lastSeq = try reader.read(UInt64.self)
    hash = try reader.readRaw(count: 32)
    error = try reader.read(UInt16.self)
    errorText = try reader.readString(limit: 1024)
    retryElsewhere = try reader.readBool()
    cachedTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    word = try reader.readAppended(WorkerWord.init(from:))
    reasoningTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(hash.count, of: "AttemptFinished.hash", exactly: 32)
    if let word { try word.checkBounds() }
  }
}

extension AttemptCancel {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(term.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
  }
}

extension AttemptSettled {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(term.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
  }
}

extension AttemptResume {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(worker.rawValue)
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(incarnation)
    writer.write(firstSeq)
    writer.write(lastSeq)
    writer.write(finished)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    worker = try WorkerID(rawValue: reader.read())
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    incarnation = try reader.read(UInt64.self)
    firstSeq = try reader.read(UInt64.self)
    lastSeq = try reader.read(UInt64.self)
    finished = try reader.readBool()
  }
}

extension AttemptContinue {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(term.rawValue)
    writer.write(fromSeq)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
    fromSeq = try reader.read(UInt64.self)
  }
}

extension AttemptAbandon {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(term.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    term = try Term(rawValue: reader.read())
  }
}

extension AttemptGoesOn {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(resumption.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    resumption = try reader.readCase(Resumption.self)
  }
}

extension HostReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(gpus) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    gpus = try reader.readList(limit: 16, elementBytesMin: 22, GPUFacts.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(gpus.count, of: "HostReport.gpus", atMost: 16)
    for element in gpus {
      try element.checkBounds()
    }
  }
}
