public import ExchangeTypes
public import JobMarket

extension Command {
  /// Says that a wrapping key is the current one: proposed by the leader once a majority has it durable.
  public struct WrappingKeyAnnounce: Hashable, Sendable {
    /// Its number, greater than that of the key before.
    public let key: UInt64
    /// Joins the parts.
    public init(key: UInt64) { self.key = key }
  }

  /// Sets how long records are kept; needs `admin`.
  public struct RetentionSet: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// What a job gets from now on that asks for nothing shorter.
    public let retention: Retention
    /// Joins the parts.
    public init(caller: KeyID, retention: Retention) {
      self.caller = caller
      self.retention = retention
    }
  }

  /// A submit that asks for a shorter retention than the cluster's, with or without an assignment.
  public struct SubmitRetained: Hashable, Sendable {
    /// An offer that the planner knew to be free, as in `SubmitAssigned`.
    public struct Assignment: Hashable, Sendable {
      /// The offer.
      public let offer: OfferID
      /// The version of the ask that the planner saw.
      public let askVersion: UInt32
      /// Joins the parts.
      public init(offer: OfferID, askVersion: UInt32) {
        self.offer = offer
        self.askVersion = askVersion
      }
    }

    /// The job.
    public let submit: Submit
    /// How long its record is to be kept.
    public let retention: Retention
    /// Where it is to run at once.
    public let assignment: Assignment?
    /// Joins the parts.
    public init(submit: Submit, retention: Retention, assignment: Assignment? = nil) {
      self.submit = submit
      self.retention = retention
      self.assignment = assignment
    }
  }
}
