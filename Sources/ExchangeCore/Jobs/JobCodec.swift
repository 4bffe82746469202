internal import ExchangeTypes
internal import JobMarket

extension Job: StoredRow {
  static var table: Table { .jobs }
  static var versionMax: UInt8 { 7 }
  /// 7 if it says how it uses contexts, else 6 if it met an engine that could not be reached, else 5 if it has a class of its own, else 4 if there is more than one to be paid, or
  /// it draws on a budget, else 3 if it was granted a retention, else 2 if an attempt was lost with a part of the output.
  var version: UInt8 {
    guard bid.contextUse == nil else { return 7 }
    guard unreached == 0 else { return 6 }
    guard jobClass == .standard else { return 5 }
    return feeParts > 0 || budget != nil || !deliveries.isEmpty
      ? 4 : retention != nil ? 3 : interruption == nil ? 1 : 2
  }
  var rowKey: UInt64 { id.rawValue }

  func encode(into writer: inout CanonicalWriter) {
    writer.write(account.rawValue)
    writer.write(key.rawValue)
    writer.write(requestKey.high)
    writer.write(requestKey.low)
    writer.writeRaw(bodyHash)
    writer.write(mode.rawValue)
    writer.write(model)
    writer.write(bid.endpoint.rawValue)
    writer.write(bid.promptBound.rawValue)
    writer.write(bid.outputMax.rawValue)
    writer.write(bid.ceilings)
    writer.write(hold.rawValue)
    writer.write(wrappedKey)
    writer.write(payload.upload)
    writer.write(payload.parts)
    writer.write(payload.bytes)
    writer.write(createdAt.rawValue)
    writer.write(queueTimeout)
    writer.write(lastEpoch.rawValue)
    record.encode(into: &writer)
    writer.write(orphanDeadline) { $0.write($1.rawValue) }
    phase.encode(into: &writer)
    bid.contextUse?.encode(into: &writer)
    if version > 5 { writer.write(unreached) }
    if version > 4 {
      writer.write(jobClass.rawValue)
      writer.write(preemptions)
    }
    if version > 3 {
      writer.write(feeParts)
      writer.write(budget) { $0.write($1.rawValue) }
      writer.write(deliveries) {
        $0.write($1.supplier.rawValue)
        $0.write($1.bytes)
      }
    }
    if let retention {
      writer.write(retention.kept)
      writer.write(retention.untilDelivered)
      writer.write(interruption != nil)
    }
    if let interruption {
      interruption.attempt.encode(into: &writer)
      writer.write(interruption.recordBytes)
    }
  }

  mutating func readAddition(
    of version: UInt8, from reader: inout CanonicalReader
  ) throws(CanonicalError) {
    if version > 6 {
      bid = Bid(
        endpoint: bid.endpoint, promptBound: bid.promptBound, outputMax: bid.outputMax,
        ceilings: bid.ceilings, contextUse: try ContextUse(from: &reader))
    }
    if version > 5 {
      let at = reader.offset
      unreached = try reader.read()
      guard unreached > 0 || version > 6 else { throw .unknownValue(offset: at, value: 0) }
    }
    if version > 4 {
      let at = reader.offset
      jobClass = try reader.readCase()
      preemptions = try reader.read()
      guard jobClass != .standard || version > 5 else { throw .unknownValue(offset: at, value: 2) }
    }
    if version > 3 {
      let at = reader.offset
      feeParts = try reader.read()
      budget = try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readID(BudgetID.self)
      }
      deliveries = try reader.readList(limit: Delivery.countMax, elementBytesMin: 16) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        Delivery(supplier: try reader.readID(), bytes: try reader.read())
      }
      guard self.version > 3 else { throw .unknownValue(offset: at, value: 4) }
    }
    if version > 2 {
      retention = try Retention(from: &reader)
      guard try reader.readBool() else { return }
    }
    interruption = Interruption(
      attempt: try Attempt(from: &reader), recordBytes: try reader.read())
  }

  init(key rowKey: UInt64, from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      id: JobID(rowKey), account: try reader.readID(), key: try reader.readID(),
      requestKey: try reader.readRequestKey(), bodyHash: try reader.readHash(),
      mode: try reader.readCase(), model: try reader.readString(limit: Offer.modelBytesMax),
      bid: Bid(
        endpoint: try reader.readCase(), promptBound: try reader.readTokens(),
        outputMax: try reader.readTokens(), ceilings: try reader.readPrices()),
      hold: try reader.readCredits(),
      wrappedKey: try reader.readBytes(limit: Command.Limits.wrappedKeyBytesMax),
      payload: PayloadReference(
        upload: try reader.read(), parts: try reader.read(), bytes: try reader.read()),
      createdAt: try reader.readTime(), queueTimeout: try reader.read(),

      phase: .queued(until: LogTime(milliseconds: 0)),
      lastEpoch: Epoch(try reader.read(UInt32.self)),
      record: try Record(from: &reader), orphanDeadline: try reader.readOptional(time))
    phase = try Phase(from: &reader)
  }
}

extension Job.Phase {
  func encode(into writer: inout CanonicalWriter) {
    switch self {
    case .queued(let until):
      writer.write(UInt8(1))
      writer.write(until.rawValue)
    case .running(let attempt):
      writer.write(UInt8(2))
      attempt.encode(into: &writer)
    case .cancelling(let attempt):
      writer.write(UInt8(3))
      attempt.encode(into: &writer)
    case .ended(let ending):
      writer.write(UInt8(4))
      ending.encode(into: &writer)
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    let form = try reader.read(UInt8.self)
    switch form {
    case 1: self = .queued(until: try reader.readTime())
    case 2: self = .running(try Attempt(from: &reader))
    case 3: self = .cancelling(try Attempt(from: &reader))
    case 4: self = .ended(try Ending(from: &reader))
    default: throw .unknownValue(offset: at, value: UInt64(form))
    }
  }
}

extension Attempt {
  func encode(into writer: inout CanonicalWriter) {
    writer.write(epoch.rawValue)
    writer.write(offer.worker.rawValue)
    writer.write(offer.index)
    writer.write(incarnation)
    writer.write(supplier.rawValue)
    writer.write(prices)
    writer.write(basis.rawValue)
    writer.write(bytesPerTokenFloor)
    writer.write(startedAt.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      epoch: Epoch(try reader.read(UInt32.self)),
      offer: OfferID(worker: try reader.readID(), index: try reader.read()),
      incarnation: try reader.read(), supplier: try reader.readID(),
      prices: try reader.readPrices(), basis: try reader.readCase(),
      bytesPerTokenFloor: try reader.read(), startedAt: try reader.readTime())
  }
}

extension Record {
  func encode(into writer: inout CanonicalWriter) {
    writer.write(lastSeq)
    writer.writeRaw(chainHash)
    writer.write(tokens)
    writer.write(idTokens)
    writer.write(bytes)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    lastSeq = try reader.read()
    chainHash = try reader.readHash()
    tokens = try reader.read()
    idTokens = try reader.read()
    bytes = try reader.read()
  }
}

extension Ending {
  func encode(into writer: inout CanonicalWriter) {
    writer.write(state.rawValue)
    writer.write(finish) { $0.write($1.rawValue) }
    writer.write(error) { $0.write($1.rawValue) }
    writer.write(detailSealed)
    var fields = FieldWriter(capacity: 18)
    usage.encode(into: &fields)
    writer.writeRaw(fields.out.bytes)
    writer.write(promptTokens.rawValue)
    writer.write(outputTokens.rawValue)
    writer.write(charge.rawValue)
    writer.write(transfer) { $0.write($1.rawValue) }
    writer.write(attempt) { $1.encode(into: &$0) }
    writer.write(endedAt.rawValue)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let at = reader.offset
    self.init(
      state: try reader.readCase(), finish: try reader.readOptional(finishReason),
      error: try reader.readOptional(errorCode),
      detailSealed: try reader.readBytes(limit: Command.Limits.detailBytesMax),
      usage: try ReportedUsage(from: &reader), promptTokens: try reader.readTokens(),
      outputTokens: try reader.readTokens(), charge: try reader.readCredits(),
      transfer: try reader.readOptional(transferID), attempt: try reader.readOptional(lastAttempt),
      endedAt: try reader.readTime())
    guard state.isFinal else { throw .unknownValue(offset: at, value: UInt64(state.rawValue)) }
  }
}

extension CanonicalWriter {
  mutating func write(_ prices: PricePair) {
    write(prices.input.rawValue)
    write(prices.output.rawValue)
  }
}

extension CanonicalReader {
  mutating func readPrices() throws(CanonicalError) -> PricePair {
    PricePair(input: try readPrice(), output: try readPrice())
  }
}

func time(_ reader: inout CanonicalReader) throws(CanonicalError) -> LogTime {
  try reader.readTime()
}

private func finishReason(_ reader: inout CanonicalReader) throws(CanonicalError) -> FinishReason {
  try reader.readCase()
}

func transferID(_ reader: inout CanonicalReader) throws(CanonicalError) -> TransferID {
  try reader.readID()
}

private func lastAttempt(_ reader: inout CanonicalReader) throws(CanonicalError) -> Attempt {
  try Attempt(from: &reader)
}
