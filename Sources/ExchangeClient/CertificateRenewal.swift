internal import ExchangeTypes
public import Identity
internal import JobDispatch
public import NIOCore
public import Transport
internal import WireProtocol

#if canImport(FoundationEssentials)
  public import FoundationEssentials
#else
  public import Foundation
#endif

/// Keeps a node's certificate valid: asks for a new one in time, for the key that it has.
///
/// ```
/// waiting ──due──► asking ──issued──► file replaced ──► new connections use it ──► waiting
///    ▲                └──refused, nobody answers──► pause ──► asking
/// ```
///
/// A connection of its own carries the request, secured by the certificate that is to be renewed, so that only
/// the node itself can ask. The key stays: one file changes, and no crash leaves a pair that does not fit.
public struct CertificateRenewal: Sendable {
  /// What happened, for a log.
  public enum Note: Sendable {
    /// The new certificate is in use, until then.
    case renewed(until: Date)
    /// This try failed; the next comes after a pause.
    case failed(String)

    /// Whether somebody should look.
    public var isFailure: Bool { if case .failed = self { true } else { false } }
    /// A sentence for a log.
    public var text: String {
      switch self {
      case .renewed(let until): "certificate renewed until \(until)"
      case .failed(let reason): "certificate not renewed: \(reason)"
      }
    }
  }

  /// How long one try looks for a leader, in milliseconds.
  private static let patience: UInt64 = 10_000
  /// The wall clock may be set while a node sleeps: it looks again after this long, in seconds.
  private static let sleepMax = 600.0

  private let identity: RenewableIdentity
  private let directory: IdentityDirectory
  private let endpoints: [String]
  private let software: String

  /// Renews an identity.
  ///
  /// - Parameters:
  ///   - identity: what connections are made with.
  ///   - directory: where its files are.
  ///   - endpoints: coordinators as `host:port`.
  ///   - software: program and version, for the coordinators' logs.
  /// - Precondition: there is an endpoint.
  public init(
    of identity: RenewableIdentity, in directory: IdentityDirectory, endpoints: [String],
    software: String
  ) {
    precondition(!endpoints.isEmpty)
    self.identity = identity
    self.directory = directory
    self.endpoints = endpoints
    self.software = software
  }

  /// Asks once, keeps the answer, and lets new connections use it.
  ///
  /// - Parameters:
  ///   - group: where its connection lives.
  ///   - refusals: where coordinators that are refused, or refuse, are counted and logged.
  /// - Returns: the identity with its new certificate.
  /// - Throws: `ClientFailure`, or the `IdentityError` of an answer that is not a certificate of this node.
  public func renew(
    on group: any EventLoopGroup, refusals: RefusalLog = RefusalLog(label: "Transport")
  ) async throws -> NodeIdentity {
    let current = identity.current
    var configuration = ClientConfiguration(
      endpoints: endpoints, key: nil,
      security: .mutualTLS(identity, allowing: [.coordinator]),
      clusterID: current.identity.cluster, patience: Self.patience, software: software)
    configuration.role = current.identity.role
    configuration.name = current.identity.name
    let client = await ExchangeClient(
      configuration: configuration, on: group, refusals: refusals)
    let answer: Result<Message, ClientFailure> = await withTaskCancellationHandler {
      do throws(ClientFailure) {
        return .success(try await client.call(CertificateRenew(), service: .enrol))
      } catch {
        return .failure(error)
      }
    } onCancel: {
      client.onLoop { $0.close() }
    }
    await client.close()
    guard case .certificateIssued(let issued) = try answer.get() else {
      throw ClientFailure.violated("a renewal was answered by another message")
    }
    let renewed = try NodeIdentity(
      certificatePEM: issued.certificate, key: current.key, anchor: current.anchor, now: Date())
    guard renewed.identity == current.identity else {
      throw ClientFailure.violated("a renewal was answered by the certificate of another node")
    }
    try directory.save(renewed: renewed)
    identity.renew(renewed)
    return renewed
  }

  /// What the directory's files hold now, such as a certificate that was renewed by hand, for `use`.
  ///
  /// - Throws: `IdentityError` if they are not whole, or another node's.
  public func readAgain() throws(IdentityError) -> NodeIdentity {
    let current = identity.current.identity
    let read = try directory.load(cluster: current.cluster, now: Date())
    guard read.identity == current else {
      throw .malformed(path: directory.path, what: "the certificate of \(current)")
    }
    return read
  }

  /// Makes new connections with an identity that `readAgain` gave.
  ///
  /// - Returns: false if the one in use was issued later, by the clock of who issued it, and stays.
  public func use(_ read: NodeIdentity) -> Bool { identity.renew(read) }

  /// Renews in time, again and again, until the task is cancelled.
  ///
  /// - Parameters:
  ///   - group: where its connections live.
  ///   - refusals: the node's.
  ///   - note: told what happened.
  public func run(
    on group: any EventLoopGroup, refusals: RefusalLog, note: @Sendable (Note) -> Void
  ) async {
    do {
      while true {
        let current = identity.current
        let schedule = RenewalSchedule(issuedAt: current.issuedAt, expiresAt: current.expiresAt)
        try await wait(until: schedule.dueAt(jitter: Double.random(in: 0...1)))
        do {
          note(.renewed(until: try await renew(on: group, refusals: refusals).expiresAt))
        } catch {
          note(.failed(String(describing: error)))
          try await Task.sleep(for: .seconds(schedule.pauseAfterFailure))
        }
      }
    } catch {
      // Nothing but the end of the task ends a sleep.
    }
  }

  private func wait(until moment: Date) async throws(CancellationError) {
    while true {
      let rest = moment.timeIntervalSince(Date())
      guard rest > 0 else { return }
      do {
        try await Task.sleep(for: .seconds(min(rest, Self.sleepMax)))
      } catch {
        throw CancellationError()
      }
    }
  }
}
