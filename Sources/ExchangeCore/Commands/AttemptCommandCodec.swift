internal import ExchangeTypes
internal import JobMarket

extension Command.Assign {
  func encode(into writer: inout FieldWriter) {
    writer.write(job)
    writer.write(epoch.rawValue)
    writer.write(offer.worker)
    writer.write(offer.index)
    writer.write(askVersion)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      job: try reader.readID(), epoch: Epoch(try reader.read(UInt32.self)),
      offer: OfferID(worker: try reader.readID(), index: try reader.read()),
      askVersion: try reader.read())
  }
}

extension Command.SubmitAssigned {
  func encode(into writer: inout FieldWriter) {
    submit.encode(into: &writer)
    writer.write(offer.worker)
    writer.write(offer.index)
    writer.write(askVersion)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      submit: try Command.Submit(from: &reader),
      offer: OfferID(worker: try reader.readID(), index: try reader.read()),
      askVersion: try reader.read())
  }
}

extension Command.RecordExtension {
  func encode(into writer: inout FieldWriter) {
    writer.write(firstSeq)
    writer.write(count)
    writer.write(tokens)
    writer.write(idTokens)
    writer.write(bytes)
    writer.writeHash(chainHash)
    writer.write(sealed, limit: Command.Limits.segmentBytesMax)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      firstSeq: try reader.read(), count: try reader.read(), tokens: try reader.read(),
      idTokens: try reader.read(), bytes: try reader.read(), chainHash: try reader.readHash(),
      sealed: try reader.readBytes(limit: Command.Limits.segmentBytesMax))
  }
}

extension Command.Checkpoint {
  /// The bytes of an entry without its sealed events: attempt 12, extension 60.
  static let entryHeadBytes = 72

  func encode(into writer: inout FieldWriter) {
    writer.write(entries, limit: Command.Limits.checkpointEntriesMax) { writer, entry in
      writer.write(entry.attempt)
      entry.events.encode(into: &writer)
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      entries: try reader.readList(
        limit: Command.Limits.checkpointEntriesMax, elementBytesMin: Self.entryHeadBytes
      ) { (reader: inout CanonicalReader) throws(CanonicalError) in
        Entry(
          attempt: try reader.readAttempt(), events: try Command.RecordExtension(from: &reader))
      })
  }
}

extension Command.Settle {
  func encode(into writer: inout FieldWriter) {
    writer.write(attempt)
    writer.write(finish.rawValue)
    usage.encode(into: &writer)
    writer.write(error) { $0.write($1.rawValue) }
    writer.write(detailSealed, limit: Command.Limits.detailBytesMax)
    writer.write(tail) { $1.encode(into: &$0) }
    writer.write(claim) {
      $0.write($1.lastSeq)
      $0.writeHash($1.chainHash)
    }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      attempt: try reader.readAttempt(), finish: try reader.readCase(),
      usage: try ReportedUsage(from: &reader), error: try reader.readOptional(errorCode),
      detailSealed: try reader.readBytes(limit: Command.Limits.detailBytesMax),
      tail: try reader.readOptional(recordExtension), claim: try reader.readOptional(settleClaim))
  }
}

extension ReportedUsage {
  func encode(into writer: inout FieldWriter) {
    writer.write(promptTokens) { $0.write($1.rawValue) }
    writer.write(outputTokens) { $0.write($1.rawValue) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      promptTokens: try reader.readOptional(tokens), outputTokens: try reader.readOptional(tokens))
  }
}

extension Command.AttemptLost {
  func encode(into writer: inout FieldWriter) {
    writer.write(attempt)
    writer.write(reason.rawValue)
    writer.write(retryElsewhere)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      attempt: try reader.readAttempt(), reason: try reader.readCase(),
      retryElsewhere: try reader.readBool())
  }
}

extension Command.WorkerRegister {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(name, limit: Command.Limits.nameBytesMax)
    writer.write(incarnation)
    writer.write(offers, limit: Command.Limits.offersMax) { $1.encode(into: &$0) }
    writer.write(draining)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(),
      name: try reader.readString(limit: Command.Limits.nameBytesMax),
      incarnation: try reader.read(), offers: try reader.readOffers(),
      draining: try reader.readBool())
  }
}

extension Command.WorkerGone {
  func encode(into writer: inout FieldWriter) {
    writer.write(worker)
    writer.write(incarnation)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(worker: try reader.readID(), incarnation: try reader.read())
  }
}

extension Offer {
  /// The fewest bytes of an offer: an empty name and no endpoint.
  fileprivate static let bytesMin = 44

  func encode(into writer: inout FieldWriter) {
    writer.write(model, limit: Self.modelBytesMax)
    writer.write(context.rawValue)
    writer.write(outputDefault.rawValue)
    writer.write(slots)
    writer.write(prices.input.rawValue)
    writer.write(prices.output.rawValue)
    writer.write(basis.rawValue)
    writer.write(bytesPerTokenFloor)
    writer.write(endpoints, limit: Endpoint.allCases.count) { $0.write($1.rawValue) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      model: try reader.readString(limit: Self.modelBytesMax), context: try reader.readTokens(),
      outputDefault: try reader.readTokens(), slots: try reader.read(),
      prices: PricePair(input: try reader.readPrice(), output: try reader.readPrice()),
      basis: try reader.readCase(), bytesPerTokenFloor: try reader.read(),
      endpoints: try reader.readList(limit: Endpoint.allCases.count, elementBytesMin: 1) {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try reader.readCase(Endpoint.self)
      })
  }
}

extension CanonicalReader {
  mutating func readOffers() throws(CanonicalError) -> [Offer] {
    try readList(limit: Command.Limits.offersMax, elementBytesMin: Offer.bytesMin) {
      (reader: inout CanonicalReader) throws(CanonicalError) in try Offer(from: &reader)
    }
  }
}

func errorCode(_ reader: inout CanonicalReader) throws(CanonicalError) -> ErrorCode {
  try reader.readCase()
}

private func recordExtension(
  _ reader: inout CanonicalReader
) throws(CanonicalError) -> Command.RecordExtension {
  try Command.RecordExtension(from: &reader)
}

private func settleClaim(
  _ reader: inout CanonicalReader
) throws(CanonicalError) -> Command.Settle.Claim {
  Command.Settle.Claim(lastSeq: try reader.read(), chainHash: try reader.readHash())
}
