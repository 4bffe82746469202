public import ExchangeTypes

extension Command {
  /// A submit of a job that minds waiting more than others, or less.
  public struct SubmitInClass: Hashable, Sendable {
    /// The job with all else that it asks for.
    public let order: SubmitOnTerms
    /// How much it minds.
    public let jobClass: JobClass
    /// Joins both.
    public init(order: SubmitOnTerms, jobClass: JobClass) {
      self.order = order
      self.jobClass = jobClass
    }
  }

  /// Takes the attempt at a batch job from its worker, whose slot a job is to have that minds waiting more.
  public struct AttemptPreempted: Hashable, Sendable {
    /// The attempt.
    public let attempt: AttemptID
    /// Wraps it.
    public init(attempt: AttemptID) { self.attempt = attempt }
  }

  /// Sets what an account counts for when slots are shared; needs `admin`.
  public struct AccountWeigh: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The account.
    public let account: AccountID
    /// Its weight, in hundredths (`AccountWeight`).
    public let weight: UInt32
    /// Joins the parts.
    public init(caller: KeyID, account: AccountID, weight: UInt32) {
      self.caller = caller
      self.account = account
      self.weight = weight
    }
  }
}

extension Command.AccountWeigh {
  func encode(into writer: inout FieldWriter) {
    writer.write(caller)
    writer.write(account)
    writer.write(weight)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    self.init(
      caller: try reader.readID(), account: try reader.readID(), weight: try reader.read())
  }
}

extension Command.SubmitInClass {
  func encode(into writer: inout FieldWriter) {
    writer.write(jobClass.rawValue)
    order.encode(into: &writer)
  }

  init(from reader: inout CanonicalReader) throws(CanonicalError) {
    let jobClass: JobClass = try reader.readCase()
    self.init(order: try Command.SubmitOnTerms(from: &reader), jobClass: jobClass)
  }
}
