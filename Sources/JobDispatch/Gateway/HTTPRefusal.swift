public import ExchangeTypes
public import OpenAIFormat
public import WireProtocol

/// Why a gateway answers a request with an error, in the terms of HTTP and of OpenAI's clients.
///
/// The code's name is the one of proto-spec/errors.md, but for the two that OpenAI's clients know by another.
public struct HTTPRefusal: Error, Hashable, Sendable {
  /// What went wrong.
  public var code: ErrorCode?
  /// A code that this version does not know.
  private var unknownCode: UInt16 = 0
  /// What happened and what would be right, for people.
  public var message: String
  /// The request's field at fault.
  public var param: String?
  /// Milliseconds after which a retry may succeed.
  public var retryAfterMs: UInt32?
  /// The job concerned, once there is one.
  public var job: JobID?
  /// What was charged for it.
  public var charge: Credits?
  /// Header fields that say what the caller's key may use and has left.
  private var rate: [HTTPReply.Field] = []
  /// Methods that the path does take.
  public var allow: String?
  /// Whether the same request will always be answered like this.
  private var isKept = false

  /// A refusal of the gateway's own.
  public init(
    _ code: ErrorCode, _ message: String, param: String? = nil, retryAfterMs: UInt32? = nil,
    allow: String? = nil
  ) {
    self.code = code
    self.message = message
    self.param = param
    self.retryAfterMs = retryAfterMs
    self.allow = allow
  }

  /// Says that this answer is kept under the request's own key, so that asking again under it changes nothing.
  mutating func keep() {
    isKept = true
    retryAfterMs = nil
    message += "; under this Idempotency-Key the answer stays so: ask again under another one"
  }

  /// Says what the caller's key may use and has left, as far as it does not say so already.
  mutating func add(_ summary: RateSummary?) {
    if rate.isEmpty { rate = RateFields.of(summary) }
  }

  /// What a coordinator said.
  public init(_ failure: Failure) {
    self.init(
      failure.errorCode ?? .internalError, failure.message, retryAfterMs: failure.retryAfterMs)
    if failure.errorCode == nil {
      code = nil
      unknownCode = failure.code
    }
    rate = RateFields.of(failure.details)
    if failure.job.rawValue > 0 { job = failure.job }
    charge = failure.charge
    switch failure.errorCode {
    case .modelNotFound, .noWorkerOnline, .endpointNotServed: param = "model"
    case .malformedRequest, .unsupportedParameter:
      param = failure.details.first { $0.name == "field" }?.value
    case .noSupplierAdmitted: param = "provider"
    case .idempotencyConflict:
      message =
        failure.job == JobID(0)
        ? "the request's key was used before by another key of the account"
        : "the request's key was used before with another body, for job \(failure.job)"
    case .contextLengthExceeded:
      param = failure.details.first { $0.name == "field" }?.value ?? "messages"
    default: break
    }
  }

  /// Why the client machine gave up.
  public init(_ failure: ClientFailure) {
    switch failure {
    case .refused(let failure): self.init(failure)
    case .unavailable(let cause, _):
      self.init(.unavailable, "no coordinator answered in time: \(cause)", retryAfterMs: 1_000)
    case .violated(let what):
      self.init(.internalError, "a coordinator broke the protocol: \(what)")
    }
  }

  /// What an engine takes to have room again that had none at many tries, in milliseconds.
  private static let engineBusyDelay: UInt32 = 10_000

  /// How a job ended that did not complete; nil if it did.
  public init?(_ summary: JobSummary) {
    switch summary.state {
    case .completed: return nil
    case .cancelled: self.init(.cancelled, "the job was cancelled; what had arrived was charged")
    case .expired:
      self.init(.deadlineExpired, "no worker was free for the job within its queue timeout")
    case .failed, .queued, .running, .cancelling:
      let known = ErrorCode(rawValue: summary.error)
      self.init(
        known ?? .internalError,
        summary.errorText.isEmpty ? known?.name ?? "the job failed" : summary.errorText,
        retryAfterMs: known == .engineBusy ? Self.engineBusyDelay : nil)
      if known == .unsupportedParameter { param = Self.quoted(in: summary.errorText) }
    }
    job = summary.job
    charge = summary.charge
  }

  /// What a sentence has in single quotes first: of a worker's about a field, the field's name.
  private static func quoted(in text: String) -> String? {
    let parts = text.split(separator: "'", maxSplits: 2, omittingEmptySubsequences: false)
    return parts.count == 3 ? String(parts[1]) : nil
  }

  /// What is wrong with a request's body.
  public init(_ error: RequestError) {
    self.init(ErrorCode(error), error.description, param: error.field)
  }

  /// The status of the answer.
  public var status: Int { code?.httpStatus ?? 500 }

  /// The word for programs.
  public var name: String {
    switch code {
    case .unauthenticated: "invalid_api_key"
    case .insufficientCredit: "insufficient_quota"
    case let code?: code.name
    case nil: "error_\(unknownCode)"
    }
  }

  /// Whether the same request may succeed later; nil where that depends on what the consumer does meanwhile.
  public var shouldRetry: Bool? {
    guard !isKept else { return false }
    return switch code {
    case .tooManyJobs: nil
    // Another gateway may be welcome, and this one again when its certificate is renewed.
    case .nodeRefused: true
    case let code?: code.isRetryable
    case nil: false
    }
  }

  /// OpenAI's class of the error.
  private var type: String {
    // A conflict by its status, but none that the consumer has made.
    code == .streamDiverged ? "server_error" : ErrorAnswer.type(forStatus: status)
  }

  /// The error that consumers read.
  public var error: ErrorAnswer {
    var additions: [InferenceRequest.Rewriting.Addition] = []
    if let job { additions.append(.init("job", "\(job)")) }
    if let charge { additions.append(.init("charge", "\"\(charge)\"")) }
    return ErrorAnswer(
      message: message, type: type, param: param, code: name,
      additions: additions)
  }

  /// The whole answer.
  public var reply: HTTPReply {
    var fields: [HTTPReply.Field] = []
    if let shouldRetry { fields.append(.init("x-should-retry", shouldRetry ? "true" : "false")) }
    if let retryAfterMs {
      fields.append(.init("retry-after", "\((UInt64(retryAfterMs) + 999) / 1_000)"))
      fields.append(.init("retry-after-ms", "\(retryAfterMs)"))
    }
    fields += rate
    if code == .unauthenticated { fields.append(.init("www-authenticate", "Bearer")) }
    if let allow { fields.append(.init("allow", allow)) }
    if let job { fields.append(.init(HTTPReply.jobField, "\(job)")) }
    return .json(error.body, status: status, fields: fields)
  }
}

extension ErrorCode {
  /// The code for what is wrong with a request's body.
  init(_ error: RequestError) {
    if case .unsupported = error { self = .unsupportedParameter } else { self = .malformedRequest }
  }
}

extension HTTPReply {
  /// The header field that names the job.
  public static let jobField = "x-switchyard-job"
}
