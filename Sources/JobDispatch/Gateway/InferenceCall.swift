public import ExchangeTypes
public import OpenAIFormat
public import WireProtocol

/// A consumer's request for inference, as a gateway understands it.
public struct InferenceCall: Sendable {
  /// Which API.
  public let endpoint: InferenceRequest.Endpoint
  /// The model, as the consumer named it.
  public let model: String
  /// Whether a stream is wanted.
  public let stream: Bool
  /// Whether the stream ends with usage.
  public let wantsUsage: Bool
  /// Whether it only asks what it would come to.
  public let isDryRun: Bool
  /// How many answers there may be; of embeddings, how many there are.
  public let sequences: Int
  /// How the numbers of embeddings are written.
  public let encoding: InferenceRequest.VectorEncoding
  /// What the leader is asked.
  public let submit: Submit

  /// Reads a body, and orders the job that it asks for.
  ///
  /// A request that names its own key is *submitted*: it goes on when its connection is lost, and a retry under
  /// the key gets the stream from its beginning. One without is *attached*: nobody could ever ask for it again.
  ///
  /// - Parameters:
  ///   - body: the request as it came; it travels on byte for byte.
  ///   - endpoint: which API.
  ///   - key: the consumer's name for the request (`Idempotency-Key`), or nil.
  ///   - drawn: a key that no other request has.
  ///   - maxWaitMs: the longest that it may wait for a worker, in milliseconds (`x-switchyard-max-wait-ms`); 0 for the usual.
  ///   - isDurable: whether nothing is to be answered that is not committed (`x-switchyard-durable`).
  /// - Throws: `malformed_request` with the field at fault, `payload_too_large`.
  public init(
    body: [UInt8], endpoint: InferenceRequest.Endpoint, key: RequestKey?, drawn: RequestKey,
    maxWaitMs: UInt32 = 0, isDurable: Bool = false
  ) throws(HTTPRefusal) {
    let request: InferenceRequest
    do throws(RequestError) {
      request = try InferenceRequest.parse(
        body: body, endpoint: endpoint, limits: JSONLimits(bytesMax: Self.bodyBytesMax))
    } catch {
      throw HTTPRefusal(error)
    }
    self.endpoint = endpoint
    model = request.model
    stream = request.stream
    isDryRun = request.isDryRun
    wantsUsage = request.wantsUsage
    sequences = max(1, request.sequences)
    encoding = request.encoding
    submit = Submit(
      requestKey: key ?? drawn, mode: key == nil ? .attached : .submitted,
      endpoint: Endpoint(endpoint), model: request.model, body: body, maxInputPrice: nil,
      maxOutputPrice: nil,
      queueTimeoutMs: maxWaitMs, follow: true, retentionMs: nil, durable: isDurable ? true : nil,
      servedOnly: true)
    do throws(BoundsError) { try submit.checkBounds() } catch {
      throw HTTPRefusal(
        .malformedRequest,
        "\(error.field) has \(error.count) bytes; \(error.limit) are allowed",
        param: error.field == "Submit.model" ? "model" : nil)
    }
  }

  /// What the leader is asked where it is a dry run.
  public var dryRun: DryRun {
    DryRun(
      requestKey: submit.requestKey, endpoint: submit.endpoint, model: submit.model,
      body: submit.body, maxInputPrice: nil, maxOutputPrice: nil, servedOnly: true)
  }

  /// The most bytes of a body: what a Submit carries.
  public static let bodyBytesMax = 1_048_576
}
