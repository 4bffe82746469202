internal import ExchangeTypes
internal import JobMarket

extension Command.RetentionSet {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    retention.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(caller: try reader.readID(), retention: try Retention(from: &reader))
  }
}

extension Command.SubmitRetained {
  func encode(into writer: inout FieldWriter) {
    submit.encode(into: &writer)
    retention.encode(into: &writer)
    writer.write(assignment) { $1.encode(into: &$0) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      submit: try Command.Submit(from: &reader), retention: try Retention(from: &reader),
      assignment: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try Assignment(from: &reader)
      })
  }
}

extension Command.SubmitRetained.Assignment {
  func encode(into writer: inout FieldWriter) {
    writer.write(offer.worker)
    writer.write(offer.index)
    writer.write(askVersion)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      offer: OfferID(worker: try reader.readID(), index: try reader.read()),
      askVersion: try reader.read())
  }
}

extension Retention {
  func encode(into writer: inout FieldWriter) {
    writer.write(kept)
    writer.write(untilDelivered)
  }
}
