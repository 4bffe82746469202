public import ExchangeTypes
public import WireProtocol

/// One request that runs in the engine; never given twice in a process.
public struct EngineRunID: RawRepresentable, Hashable, Comparable, Sendable,
  CustomStringConvertible
{
  /// The number.
  public let rawValue: UInt64
  /// Wraps a number.
  public init(rawValue: UInt64) { self.rawValue = rawValue }
  /// Later runs are greater.
  public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
  /// The decimal number.
  public var description: String { String(rawValue) }
}

/// What the engine is asked to generate.
public struct EngineOrder: Hashable, Sendable {
  /// What it is for.
  public let attempt: AttemptID
  /// Which kind of request `body` is.
  public let endpoint: Endpoint
  /// The model, as the worker offered it.
  public let model: String
  /// The consumer's JSON, not yet rewritten for the engine; with the output so far as its end if
  /// `goesOn`.
  public let body: [UInt8]
  /// Whether the engine goes on from an output that another attempt has begun.
  public let goesOn: Bool
  /// The most output tokens that are paid for: the engine is asked for no more.
  public let outputTokensMax: UInt32
  /// The output at the end of `body` in parts, where ids of it are known; else empty.
  public let output: [OutputPart]

  init(_ assign: Assign) {
    attempt = AttemptID(job: assign.job, epoch: assign.epoch)
    endpoint = assign.endpoint
    model = assign.model
    body = assign.body
    goesOn = assign.recordSeq > 0
    outputTokensMax = assign.outputTokensMax
    output = assign.output ?? []
  }
}

/// A piece of an engine's output that has no number yet.
public struct GeneratedEvent: Hashable, Sendable {
  /// Which of the n answers it belongs to.
  public var choice: UInt16
  /// What `bytes` are.
  public var kind: EventKind
  /// Tokens that it stands for, as the engine claims.
  public var tokenCount: UInt32
  /// Their ids; empty if the engine gives none.
  public var ids: [UInt32]
  /// The output: UTF-8, a JSON object for `.delta`, float32 numbers for `.vector`.
  public var bytes: [UInt8]
  /// Tokens of the prompt, where the engine has said it before its output's end: they are owed for what was delivered, also if nobody wants
  /// the rest.
  public var promptTokens: UInt32?

  /// Joins the parts.
  public init(
    choice: UInt16, kind: EventKind, tokenCount: UInt32, ids: [UInt32] = [], bytes: [UInt8],
    promptTokens: UInt32? = nil
  ) {
    self.promptTokens = promptTokens
    self.choice = choice
    self.kind = kind
    self.tokenCount = tokenCount
    self.ids = ids
    self.bytes = bytes
  }

  /// Bytes of a piece that others were added to.
  static let mergedBytesMax = 4 << 10
  /// Token ids of one.
  static let mergedIDsMax = 128

  /// Adds the next piece to this one, if both are text, or both reasoning, of one answer, and it does not grow large.
  ///
  /// Each piece is numbered, hashed, sent and recorded: what waits for the same turn costs that once.
  public mutating func merge(_ next: GeneratedEvent) -> Bool {
    guard choice == next.choice, kind == next.kind, kind == .text || kind == .reasoning,
      ids.isEmpty == next.ids.isEmpty, ids.count + next.ids.count <= Self.mergedIDsMax,
      bytes.count + next.bytes.count <= Self.mergedBytesMax
    else { return false }
    let (count, overflow) = tokenCount.addingReportingOverflow(next.tokenCount)
    guard !overflow else { return false }
    tokenCount = count
    ids += next.ids
    bytes += next.bytes
    promptTokens = next.promptTokens ?? promptTokens
    return true
  }
}

/// What went wrong in the engine, with the engine's own words where it had any.
public struct EngineFault: Hashable, Sendable {
  /// What it is to the exchange.
  public let code: ErrorCode
  /// A sentence for people.
  public let message: String
  /// Milliseconds after which it said that it may have room, if it said so.
  public let retryAfterMilliseconds: UInt64?

  /// Joins the parts.
  public init(_ code: ErrorCode, _ message: String, retryAfterMilliseconds: UInt64? = nil) {
    self.code = code
    self.message = message
    self.retryAfterMilliseconds = retryAfterMilliseconds
  }

  /// Whether the fault is the engine's, and not the request's: another worker need not meet it.
  var isTheEngines: Bool {
    switch code {
    case .engineBusy, .engineUnreachable, .engineError, .engineTimeout, .engineGarbled,
      .engineTruncated:
      true
    default: false
    }
  }
}

/// How a run ended.
public enum EngineEnding: Hashable, Sendable {
  /// With a finish reason of the engine's, the usage that it reported, how many of the prompt's tokens it had cached, and how many of
  /// the output's were reasoning.
  case completed(
    FinishReason, Usage, cachedTokens: UInt32? = nil, reasoningTokens: UInt32? = nil)
  /// Without one.
  case failed(EngineFault)
  /// It was told to stop.
  case cancelled
}
