/// How long the record of an ended job is kept.
///
/// Prompts go with the job's end; this is about output. When the last job of a wrapping key is gone, so is the
/// key, and with it what old backups hold of them.
public struct Retention: Hashable, Sendable {
  /// Milliseconds of log time from the job's end on; then the record goes, read or not.
  public let kept: UInt64
  /// Whether it goes before that, once somebody who may read it says that he has it.
  public let untilDelivered: Bool

  /// Joins the parts.
  public init(kept: UInt64, untilDelivered: Bool) {
    self.kept = kept
    self.untilDelivered = untilDelivered
  }

  /// A day, delivered or not: what a cluster has until its operator says something else.
  public static let standard = Retention(kept: 86_400_000, untilDelivered: false)

  /// What a job gets in a cluster that keeps this long: what it asks for, and never more than the cluster's.
  func granted(_ wish: Retention?) -> Retention {
    guard let wish else { return self }
    return Retention(
      kept: min(kept, wish.kept), untilDelivered: untilDelivered || wish.untilDelivered)
  }
}
