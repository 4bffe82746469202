public import ExchangeTypes

extension Command {
  /// Posts transfers, all of them or none; needs `admin`.
  ///
  /// Out of issuance is credit, into issuance is a redemption, anything else is a move.
  public struct TransferRequest: Hashable, Sendable {
    /// One of them.
    public struct Leg: Hashable, Sendable {
      /// Who pays.
      public let debit: AccountID
      /// Who is paid.
      public let credit: AccountID
      /// How much; not zero.
      public let amount: Credits
      /// Joins the parts.
      public init(debit: AccountID, credit: AccountID, amount: Credits) {
        self.debit = debit
        self.credit = credit
        self.amount = amount
      }
    }

    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it moves nothing.
    public let requestKey: RequestKey
    /// What is moved, in this order; not empty.
    public let legs: [Leg]
    /// Joins the parts.
    public init(caller: KeyID, requestKey: RequestKey, legs: [Leg]) {
      self.caller = caller
      self.requestKey = requestKey
      self.legs = legs
    }
  }

  /// Takes a transfer back by new ones, with all that was posted with it; needs `admin`.
  public struct TransferReverse: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// The request's name: a retry under it moves nothing.
    public let requestKey: RequestKey
    /// What is taken back.
    public let transfer: TransferID
    /// Joins the parts.
    public init(caller: KeyID, requestKey: RequestKey, transfer: TransferID) {
      self.caller = caller
      self.requestKey = requestKey
      self.transfer = transfer
    }
  }

  /// Closes an account and ends its keys; needs `admin`.
  public struct AccountClose: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// Which account.
    public let account: AccountID
    /// Joins the parts.
    public init(caller: KeyID, account: AccountID) {
      self.caller = caller
      self.account = account
    }
  }

  /// Sets the operator's part of the charge of jobs that are submitted from now on; needs `admin`.
  public struct FeeSet: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// What is taken, and who gets it.
    public let terms: FeeTerms
    /// Joins the parts.
    public init(caller: KeyID, terms: FeeTerms) {
      self.caller = caller
      self.terms = terms
    }
  }

  /// Says whose an account is; needs `admin`.
  public struct AccountOwnerSet: Hashable, Sendable {
    /// Who asks.
    public let caller: KeyID
    /// Which account.
    public let account: AccountID
    /// Whose, by a name that all accounts of one owner have; empty to take it back.
    public let owner: String
    /// Joins the parts.
    public init(caller: KeyID, account: AccountID, owner: String) {
      self.caller = caller
      self.account = account
      self.owner = owner
    }
  }
}
