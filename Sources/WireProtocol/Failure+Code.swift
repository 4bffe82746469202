public import ExchangeTypes

extension Failure {
  /// The most facts that a failure carries.
  public static let detailsMax = 16

  /// A failure with `code`; facts beyond `detailsMax` are left out.
  ///
  /// - Parameters:
  ///   - code: what went wrong.
  ///   - message: what happened and what would be right, for people.
  ///   - details: the facts, for programs.
  ///   - retryAfterMs: milliseconds after which a retry may succeed.
  ///   - job: the job concerned; 0 if none.
  ///   - charge: what was charged for it.
  public init(
    _ code: ErrorCode, _ message: String, details: [ErrorDetail] = [],
    retryAfterMs: UInt32? = nil, job: JobID = JobID(0), charge: Credits? = nil
  ) {
    self.init(
      code: code.rawValue, message: message, details: Array(details.prefix(Self.detailsMax)),
      retryAfterMs: retryAfterMs, job: job, charge: charge)
  }

  /// A refusal that says what was wrong and, as the table of errors does, what would be right.
  ///
  /// - Parameters:
  ///   - code: what went wrong.
  ///   - what: the same in words that know more; nil for those of the table.
  ///   - facts: numbers and names for people; `details` are those for programs.
  ///   - instead: what would be right, in words that know more; nil for those of the table.
  ///   - details: the facts, for programs.
  ///   - retryAfterMs: milliseconds after which a retry may succeed.
  ///   - job: the job concerned; 0 if none.
  ///   - charge: what was charged for it.
  public init(
    refusing code: ErrorCode, _ what: String? = nil, facts: String = "", instead: String? = nil,
    details: [ErrorDetail] = [], retryAfterMs: UInt32? = nil, job: JobID = JobID(0),
    charge: Credits? = nil
  ) {
    self.init(
      code, code.sentence(what, facts: facts, instead: instead), details: details,
      retryAfterMs: retryAfterMs,
      job: job, charge: charge)
  }

  /// The failure that tells the other side why its bytes were refused.
  public init(_ error: WireError) {
    self.init(error.code, error.explanation)
  }

  /// The code, or nil if it is one that this version does not know.
  public var errorCode: ErrorCode? { ErrorCode(rawValue: code) }
}

extension WireError {
  /// What was found and what would be right, in one sentence.
  public var explanation: String {
    switch self {
    case .reserved(let type, let value):
      "the reserved bytes of a frame of type \(type) are \(value) instead of 0"
    case .unknownType(let type):
      "there is no message of type \(type)"
    case .notAllowed(let kind):
      "\(kind.name) may not be sent on this stream"
    case .tooLarge(let kind, let length, let limit):
      "\(kind.name) claims \(length) bytes of payload; at most \(limit) are allowed"
    case .malformed(let kind, let error):
      "\(kind.name) is not canonical: \(error)"
    case .cutShort(let missing):
      "the stream ended \(missing) bytes before the end of a frame"
    case .outOfBounds(let kind, let error):
      "\(error.field) of \(kind.name) has \(error.count) bytes or elements; \(error.limit) are allowed"
    }
  }
}
