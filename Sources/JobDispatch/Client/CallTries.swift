internal import ExchangeTypes
public import WireProtocol

/// Why a client could not get what it asked for.
public enum ClientFailure: Error, Hashable, Sendable {
  /// The cluster refused: trying again gives the same answer, or is left to the caller, or gave the same until patience was over.
  case refused(Failure)
  /// No coordinator answered in time; what the last one said, or what broke.
  case unavailable(lastCause: String, waited: UInt64)
  /// A coordinator said what the protocol does not allow, or a stream did not continue what was
  /// delivered of it: nothing of it is passed on.
  case violated(String)
}

/// What became of one try of a call.
public enum TryEnd: Error, Hashable, Sendable {
  /// A coordinator answered with a failure.
  case failure(Failure)
  /// The connection or the stream ended without an answer.
  case broke(String)
  /// There was no connection: nothing of the request was sent.
  case unreached(String)
}

/// The tries of one call: whether to try again, and when.
///
/// Every request is either a question, or idempotent, or carries a request key, so a try whose outcome
/// is unknown may be repeated. It goes on until the deadline; a failure that is not retryable ends it. So does one that says how
/// things stand at the moment, unless the outcome of an earlier try is unknown: that one may be on its way yet, and come true.
/// At the deadline the caller is told what the last try was refused with; only that nobody served it is `unavailable`.
public struct CallTries: Hashable, Sendable {
  /// What to do after a try.
  public enum Decision: Hashable, Sendable {
    /// Try again, elsewhere if there is an elsewhere, after this many milliseconds.
    case retry(after: UInt64)
    /// Tell the caller.
    case giveUp(ClientFailure)
  }

  private let began: UInt64
  private let patience: UInt64
  private let callerRetries: Bool
  private var backoff: Backoff
  /// Whether the outcome of an earlier try is unknown.
  private var isInDoubt = false

  /// Tries from `now` on, in monotonic milliseconds.
  ///
  /// - Parameters:
  ///   - now: the moment of the first try.
  ///   - patience: how long to go on, in milliseconds.
  ///   - callerRetries: whether the caller can try again by itself, and is told at once what is full.
  ///   - backoff: the waits between tries.
  public init(
    now: UInt64, patience: UInt64, callerRetries: Bool = false, backoff: Backoff = Backoff()
  ) {
    began = now
    self.patience = patience
    self.callerRetries = callerRetries
    self.backoff = backoff
  }

  /// A try ended without a result.
  public mutating func ended(_ end: TryEnd, now: UInt64, random: UInt64) -> Decision {
    if let refusal = end.refusal(
      patience: patience, isInDoubt: isInDoubt, callerRetries: callerRetries)
    {
      return .giveUp(.refused(refusal))
    }
    if end.leavesDoubt { isInDoubt = true }
    let wait = backoff.next(random: random, floor: end.retryAfter)
    let (deadline, overflow) = began.addingReportingOverflow(patience)
    guard overflow || now + wait <= deadline else {
      return .giveUp(end.exhaustion(waited: now - began, isInDoubt: isInDoubt))
    }
    return .retry(after: wait)
  }
}

extension Failure {
  /// Whether another coordinator may do better at once than the one that says this.
  ///
  /// One that has just led passes the next try on to who leads now: it is left only if it says again that it does not lead.
  ///
  /// - Parameter wasTurnedAway: whether it has said so before; noted here.
  /// - Returns: whether to leave it.
  public func asksElsewhere(wasTurnedAway: inout Bool) -> Bool {
    switch errorCode {
    case .notLeader:
      defer { wasTurnedAway = true }
      return wasTurnedAway
    case .unavailable, .notBootstrapped, .replicaDiverged: return true
    default: return false
    }
  }

  /// Whether it only says that no coordinator served the request, or that nobody knows whether one did.
  fileprivate var isUnserved: Bool {
    switch errorCode {
    case .notLeader, .unavailable, .notBootstrapped, .replicaDiverged, .outcomeUnknown: true
    default: false
    }
  }
}

extension TryEnd {
  /// The failure, if trying again would not help, or not within all the patience that there is: whoever asked is then told the
  /// wait that the other side names, and nothing less.
  ///
  /// - Parameters:
  ///   - patience: how long there is, in milliseconds.
  ///   - isInDoubt: whether an earlier try has done what was asked for, or may have.
  ///   - callerRetries: whether the caller can try again by itself.
  /// - Returns: the failure that ends the tries; nil if they go on.
  func refusal(patience: UInt64, isInDoubt: Bool, callerRetries: Bool) -> Failure? {
    guard case .failure(let failure) = self else { return nil }
    switch failure.errorCode {
    // The caller's to wait out: he may rather ask for less, or for something else.
    case .rateLimitExceeded, .noWorkerOnline, .queueTooLong,
      .overloaded where callerRetries, .storageFull where callerRetries:
      return isInDoubt ? nil : failure
    case let code?:
      return code.isRetryable && (isInDoubt || retryAfter <= patience) ? nil : failure
    case nil: return failure
    }
  }

  /// Why there is no answer when patience is over.
  ///
  /// - Parameters:
  ///   - waited: how long it was tried, in milliseconds.
  ///   - isInDoubt: whether a try has done what was asked for, or may have.
  /// - Returns: what the caller is told.
  func exhaustion(waited: UInt64, isInDoubt: Bool) -> ClientFailure {
    guard case .failure(let failure) = self, !isInDoubt, !failure.isUnserved else {
      return .unavailable(lastCause: cause, waited: waited)
    }
    return .refused(failure)
  }

  /// Whether what was asked for may have been done, or may be yet: there was no answer, or one that says so.
  var leavesDoubt: Bool {
    switch self {
    case .broke: true
    case .unreached: false
    case .failure(let failure): failure.errorCode == .outcomeUnknown
    }
  }

  /// The wait that the other side asked for, in milliseconds.
  var retryAfter: UInt64 {
    guard case .failure(let failure) = self else { return 0 }
    return UInt64(failure.retryAfterMs ?? 0)
  }

  /// What happened, in words.
  public var cause: String {
    switch self {
    case .failure(let failure): failure.message
    case .broke(let cause), .unreached(let cause): cause
    }
  }
}
