public import ExchangeTypes

/// An owner of debits and credits.
///
/// Invariant: `debitsPosted + debitsHeld ≤ creditsPosted` for every kind but issuance, whose debits
/// are the credit in circulation and which nobody may hold against.
public struct Account: Hashable, Sendable {
  /// The account's number; the first is 1.
  public let id: AccountID
  /// A name that no other account has.
  public let name: String
  /// What it is for.
  public let kind: AccountKind
  /// The sum of all transfers out of it; never decreases.
  public internal(set) var debitsPosted: Credits
  /// The sum of all transfers into it; never decreases.
  public internal(set) var creditsPosted: Credits
  /// The sum of its holds: promised to its open jobs, not yet spent.
  public internal(set) var debitsHeld: Credits
  /// The part of `creditsPosted` that was captured for work done.
  public internal(set) var creditsEarned: Credits
  /// Whether it is closed, for good: people neither give it credit nor hold against it.
  public internal(set) var isClosed = false

  /// An account as a row says it is.
  ///
  /// - Returns: nil if the amounts break the invariant.
  public init?(
    id: AccountID, name: String, kind: AccountKind, debitsPosted: Credits, creditsPosted: Credits,
    debitsHeld: Credits, creditsEarned: Credits
  ) {
    self.init(id: id, name: name, kind: kind)
    self.debitsPosted = debitsPosted
    self.creditsPosted = creditsPosted
    self.debitsHeld = debitsHeld
    self.creditsEarned = creditsEarned
    guard isWithinLimit, creditsEarned <= creditsPosted else { return nil }
  }

  init(id: AccountID, name: String, kind: AccountKind) {
    self.id = id
    self.name = name
    self.kind = kind
    debitsPosted = .zero
    creditsPosted = .zero
    debitsHeld = .zero
    creditsEarned = .zero
  }

  /// The same account, closed.
  public var closed: Account {
    var account = self
    account.isClosed = true
    return account
  }

  /// What may still be held or spent; zero for issuance, which spends by owing.
  public var available: Credits {
    balance.subtracting(debitsHeld) ?? .zero
  }

  /// What it owns, held or not; zero for issuance.
  public var balance: Credits {
    creditsPosted.subtracting(debitsPosted) ?? .zero
  }

  /// Whether the invariant holds.
  public var isWithinLimit: Bool {
    if kind == .issuance { return debitsHeld == .zero }
    guard let promised = debitsPosted.adding(debitsHeld) else { return false }
    return promised <= creditsPosted
  }
}
