public import ExchangeTypes
public import JobMarket

/// A process that runs jobs, stable for one name under one account.
public struct Worker: Hashable, Sendable {
  /// Its number.
  public let id: WorkerID
  /// Who is paid.
  public let account: AccountID
  /// Its name, unique in the account.
  public let name: String
  /// Which run of the process registered last.
  public internal(set) var incarnation: UInt64
  /// What it offers, at the prices that it registered with; no model twice.
  public internal(set) var offers: [Offer]
  /// The version of each offer.
  public internal(set) var askVersions: [UInt32]
  /// The highest version that an offer of this worker ever had: versions are never given again.
  public internal(set) var askVersionLast: UInt32
  /// Whether it takes no new jobs.
  public internal(set) var draining: Bool
  /// Whether it is there, as far as the log knows.
  public internal(set) var online: Bool
  /// When it last registered or went.
  public internal(set) var changedAt: LogTime
}
