internal import Synchronization

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// A node's identity, which may be renewed while connections are made with it.
///
/// From any thread. A connection that is open keeps the certificate that it began with.
public final class RenewableIdentity: Sendable {
  private let state: Mutex<NodeIdentity>

  /// Begins with an identity.
  public init(_ identity: NodeIdentity) { state = Mutex(identity) }

  /// What a new connection is to use.
  public var current: NodeIdentity { state.withLock { $0 } }

  /// Replaces the certificate, unless the one in use was issued later: who reads a file while another renews it comes late.
  ///
  /// - Returns: whether it is the one in use now.
  /// - Precondition: the identity is the same node's.
  @discardableResult
  public func renew(_ identity: NodeIdentity) -> Bool {
    state.withLock {
      precondition($0.identity == identity.identity, "another node's certificate")
      guard identity.issuedAt >= $0.issuedAt else { return false }
      $0 = identity
      return true
    }
  }
}

/// When a certificate is renewed: at about two thirds of its life, so that a third is left to try again in.
public struct RenewalSchedule: Hashable, Sendable {
  /// The share of its life after which the first node renews, and the share over which nodes that were made
  /// together spread.
  private static let share = 2.0 / 3
  private static let spread = 0.1
  /// The share after which the last of them has tried at least twice.
  private static let overdue = 0.85
  /// The longest pause between two tries, in seconds, and the shortest.
  private static let pauseMax = 3_600.0
  private static let pauseMin = 1.0

  private let issuedAt: Date
  private let expiresAt: Date

  /// The schedule of a certificate that was issued at one time and ends at another.
  public init(issuedAt: Date, expiresAt: Date) {
    self.issuedAt = issuedAt
    self.expiresAt = expiresAt
  }

  private var life: Double { max(0, expiresAt.timeIntervalSince(issuedAt)) }

  /// When to renew.
  ///
  /// - Parameter jitter: drawn once for each certificate, from 0 to 1.
  /// - Returns: the moment, by the wall clock.
  public func dueAt(jitter: Double) -> Date {
    issuedAt + life * (Self.share + Self.spread * min(max(jitter, 0), 1))
  }

  /// From when on a certificate that has not been renewed is overdue: every node has tried by then, more than once.
  public var overdueAt: Date { issuedAt + life * Self.overdue }

  /// How long to wait after a try that failed, in seconds: some ten tries fit before the end.
  public var pauseAfterFailure: Double { min(max(life / 30, Self.pauseMin), Self.pauseMax) }
}
