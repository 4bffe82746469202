internal import ExchangeTypes
public import JobMarket

extension Command {
  /// A submit of a job that asks for more than a model: abilities of its engine, or certain suppliers.
  public struct SubmitOnTerms: Hashable, Sendable {
    /// The job.
    public let submit: Submit
    /// What it asks for.
    public let terms: JobTerms
    /// How long its record is to be kept; nil for the cluster's time.
    public let retention: Retention?
    /// Where it is to run at once.
    public let assignment: SubmitRetained.Assignment?
    /// Joins the parts.
    public init(
      submit: Submit, terms: JobTerms, retention: Retention? = nil,
      assignment: SubmitRetained.Assignment? = nil
    ) {
      self.submit = submit
      self.terms = terms
      self.retention = retention
      self.assignment = assignment
    }
  }
}

extension Command.SubmitOnTerms {
  func encode(into writer: inout FieldWriter) {
    submit.encode(into: &writer)
    terms.encode(into: &writer)
    writer.write(retention) { $1.encode(into: &$0) }
    writer.write(assignment) { $1.encode(into: &$0) }
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      submit: try Command.Submit(from: &reader), terms: try JobTerms(from: &reader),
      retention: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in try Retention(from: &reader)
      },
      assignment: try reader.readOptional {
        (reader: inout CanonicalReader) throws(CanonicalError) in
        try Command.SubmitRetained.Assignment(from: &reader)
      })
  }
}
