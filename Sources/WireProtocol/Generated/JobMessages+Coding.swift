// Generated from proto-spec/registry.json by proto-spec/reference/generate.py: do not edit.

public import ExchangeTypes

extension Submit {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(mode.rawValue)
    writer.write(endpoint.rawValue)
    writer.write(model)
    writer.write(body)
    writer.write(maxInputPrice) { $0.write($1.rawValue) }
    writer.write(maxOutputPrice) { $0.write($1.rawValue) }
    writer.write(queueTimeoutMs)
    writer.write(follow)
    writer.write(retentionMs) { $0.write($1) }
    writer.write(durable) { $0.write($1) }
    writer.write(servedOnly) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    mode = try reader.readCase(JobMode.self)
    endpoint = try reader.readCase(Endpoint.self)
    model = try reader.readString(limit: 256)
    body = try reader.readBytes(limit: 1048576)
    maxInputPrice = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    maxOutputPrice = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    queueTimeoutMs = try reader.read(UInt32.self)
    follow = try reader.readBool()
    retentionMs = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    durable = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
    servedOnly = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "Submit.model", atMost: 256)
    try checkCount(body.count, of: "Submit.body", atMost: 1048576)
  }
}

extension Accepted {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(commitIndex.rawValue)
    writer.write(duplicate)
    writer.write(hold.rawValue)
    writer.write(rate) { $1.encode(into: &$0) }
    writer.write(model) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    commitIndex = try LogIndex(rawValue: reader.read())
    duplicate = try reader.readBool()
    hold = try Credits(rawValue: reader.read())
    rate = try reader.readAppended(RateSummary.init(from:))
    model = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readString(limit: 256)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let model { try checkCount(model.utf8.count, of: "Accepted.model", atMost: 256) }
  }
}

extension Follow {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(fromSeq)
    writer.write(hash) { $0.writeRaw($1) }
    writer.write(commitIndex.rawValue)
    writer.write(attach)
    writer.write(tail) { $1.encode(into: &$0) }
    writer.write(durable) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    fromSeq = try reader.read(UInt64.self)
    hash = try reader.readOptional { (part) throws(CanonicalError) in
      try part.readRaw(count: 32)
    }
    commitIndex = try LogIndex(rawValue: reader.read())
    attach = try reader.readBool()
    tail = try reader.readAppended(TailClaim.init(from:))
    durable = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let hash { try checkCount(hash.count, of: "Follow.hash", exactly: 32) }
    if let tail { try tail.checkBounds() }
  }
}

extension Waiting {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(state.rawValue)
    writer.write(position)
    writer.write(reason.cut(toBytes: 256))
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    state = try reader.readCase(JobState.self)
    position = try reader.read(UInt32.self)
    reason = try reader.readString(limit: 256)
  }
}

extension Events {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(epoch.rawValue)
    writer.write(events) { $1.encode(into: &$0) }
    writer.write(durableThrough)
    writer.writeRaw(hash)
    writer.writeRaw(mac)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    epoch = try Epoch(rawValue: reader.read())
    events = try reader.readList(limit: 256, elementBytesMin: 23, Event.init(from:))
    durableThrough = try reader.read(UInt64.self)
    hash = try reader.readRaw(count: 32)
    mac = try reader.readRaw(count: 32)
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(events.count, of: "Events.events", atMost: 256)
    for element in events {
      try element.checkBounds()
    }
    try checkCount(hash.count, of: "Events.hash", exactly: 32)
    try checkCount(mac.count, of: "Events.mac", exactly: 32)
  }
}

extension Ended {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
    writer.writeRaw(hash)
    writer.write(lastSeq)
    writer.write(untilDelivered) { $0.write($1) }
    writer.write(cachedTokens) { $0.write($1) }
    writer.write(reasoningTokens) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try JobSummary(from: &reader)
    hash = try reader.readRaw(count: 32)
    lastSeq = try reader.read(UInt64.self)
    untilDelivered = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readBool()
    }
    cachedTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    reasoningTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
    try checkCount(hash.count, of: "Ended.hash", exactly: 32)
  }
}

extension Cancel {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
  }
}

extension JobQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
  }
}

extension JobReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    summary.encode(into: &writer)
    writer.write(resumed) { $0.write($1.rawValue) }
    writer.write(cachedTokens) { $0.write($1) }
    writer.write(reasoningTokens) { $0.write($1) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try JobSummary(from: &reader)
    resumed = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readCase(Resumption.self)
    }
    cachedTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    reasoningTokens = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try summary.checkBounds()
  }
}

extension JobList {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(after.rawValue)
    writer.write(limit)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    after = try JobID(rawValue: reader.read())
    limit = try reader.read(UInt16.self)
  }
}

extension JobListing {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(jobs) { $1.encode(into: &$0) }
    writer.write(more)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    jobs = try reader.readList(limit: 256, elementBytesMin: 81, JobSummary.init(from:))
    more = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(jobs.count, of: "JobListing.jobs", atMost: 256)
    for element in jobs {
      try element.checkBounds()
    }
  }
}

extension Purge {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(jobs) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    jobs = try reader.readList(limit: 1024, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try JobID(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(jobs.count, of: "Purge.jobs", atMost: 1024)
  }
}

extension Purged {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(count)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    count = try reader.read(UInt32.self)
  }
}

extension CancelMany {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(jobs) { $0.write($1.rawValue) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    jobs = try reader.readList(limit: 1024, elementBytesMin: 8) { (part) throws(CanonicalError) in
      try JobID(rawValue: part.read())
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(jobs.count, of: "CancelMany.jobs", atMost: 1024)
  }
}

extension CancelledMany {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(count)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    count = try reader.read(UInt32.self)
  }
}

extension TailQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(fromSeq)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    fromSeq = try reader.read(UInt64.self)
  }
}

extension Tail {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
    writer.write(events) { $1.encode(into: &$0) }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
    events = try reader.readList(limit: 256, elementBytesMin: 23, Event.init(from:))
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(events.count, of: "Tail.events", atMost: 256)
    for element in events {
      try element.checkBounds()
    }
  }
}

extension DryRun {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.write(endpoint.rawValue)
    writer.write(model)
    writer.write(body)
    writer.write(maxInputPrice) { $0.write($1.rawValue) }
    writer.write(maxOutputPrice) { $0.write($1.rawValue) }
    writer.write(servedOnly)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    requestKey = try RequestKey(high: reader.read(), low: reader.read())
    endpoint = try reader.readCase(Endpoint.self)
    model = try reader.readString(limit: 256)
    body = try reader.readBytes(limit: 1048576)
    maxInputPrice = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    maxOutputPrice = try reader.readOptional { (part) throws(CanonicalError) in
      try Price(rawValue: part.read())
    }
    servedOnly = try reader.readBool()
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    try checkCount(model.utf8.count, of: "DryRun.model", atMost: 256)
    try checkCount(body.count, of: "DryRun.body", atMost: 1048576)
  }
}

extension JobWhyQuery {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(job.rawValue)
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    job = try JobID(rawValue: reader.read())
  }
}

extension JobWhyReport {
  /// Writes the fields in the registry's order.
  public func encode(into writer: inout CanonicalWriter) {
    writer.write(summary) { $1.encode(into: &$0) }
    writer.write(model)
    writer.write(promptBound.rawValue)
    writer.write(outputMax.rawValue)
    writer.write(maxInputPrice.rawValue)
    writer.write(maxOutputPrice.rawValue)
    writer.write(hold.rawValue)
    writer.write(refusal)
    writer.write(refusalText.cut(toBytes: 1024))
    writer.write(queueAhead) { $0.write($1) }
    writer.write(waitsMs) { $0.write($1) }
    writer.write(candidates) { $1.encode(into: &$0) }
    writer.write(candidatesLeftOut)
    writer.write(attempts) { $1.encode(into: &$0) }
    writer.write(remedyWorker.rawValue)
    writer.write(remedy) { $1.encode(into: &$0) }
    writer.write(jobClass) { $0.write($1.rawValue) }
    writer.write(preemptions) { $0.write($1) }
    writer.write(warm) { $0.write($1) { $1.encode(into: &$0) } }
  }

  /// Reads what `encode` writes.
  public init(from reader: inout CanonicalReader) throws(CanonicalError) {
    summary = try reader.readOptional(JobSummary.init(from:))
    model = try reader.readString(limit: 256)
    promptBound = try TokenCount(rawValue: reader.read())
    outputMax = try TokenCount(rawValue: reader.read())
    maxInputPrice = try Price(rawValue: reader.read())
    maxOutputPrice = try Price(rawValue: reader.read())
    hold = try Credits(rawValue: reader.read())
    refusal = try reader.read(UInt16.self)
    refusalText = try reader.readString(limit: 1024)
    queueAhead = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt32.self)
    }
    waitsMs = try reader.readOptional { (part) throws(CanonicalError) in
      try part.read(UInt64.self)
    }
    candidates = try reader.readList(limit: 64, elementBytesMin: 51, CandidateTerms.init(from:))
    candidatesLeftOut = try reader.read(UInt32.self)
    attempts = try reader.readList(limit: 32, elementBytesMin: 20, AttemptTerms.init(from:))
    remedyWorker = try WorkerID(rawValue: reader.read())
    remedy = try reader.readList(limit: 8, elementBytesMin: 8, ChangeTerms.init(from:))
    jobClass = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readCase(JobClass.self)
    }
    preemptions = try reader.readAppended { (part) throws(CanonicalError) in
      try part.read(UInt8.self)
    }
    warm = try reader.readAppended { (part) throws(CanonicalError) in
      try part.readList(limit: 64, elementBytesMin: 16, WarmPrefix.init(from:))
    }
  }

  /// Refuses values that a reader would refuse.
  public func checkBounds() throws(BoundsError) {
    if let summary { try summary.checkBounds() }
    try checkCount(model.utf8.count, of: "JobWhyReport.model", atMost: 256)
    try checkCount(candidates.count, of: "JobWhyReport.candidates", atMost: 64)
    for element in candidates {
      try element.checkBounds()
    }
    try checkCount(attempts.count, of: "JobWhyReport.attempts", atMost: 32)
    for element in attempts {
      try element.checkBounds()
    }
    try checkCount(remedy.count, of: "JobWhyReport.remedy", atMost: 8)
    for element in remedy {
      try element.checkBounds()
    }
    if let warm { try checkCount(warm.count, of: "JobWhyReport.warm", atMost: 64) }
  }
}
