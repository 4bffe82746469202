internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// Answers that say why: of a job or a dry run for consumers, of workers for suppliers.
///
/// Prices are credits per million tokens.
public enum WhyAnswer {
  /// The answer of `GET /v1/jobs/{id}/why` and of a request with `"dry_run": true`.
  public static func reply(_ report: JobWhyReport) -> HTTPReply { .json(json(report)) }

  /// The same as bytes of JSON.
  public static func json(_ report: JobWhyReport) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.member("object", report.summary == nil ? "dry_run" : "job.why")
    writer.key("job")
    if let summary = report.summary {
      JobSummaryAnswer.write(summary, resumed: nil, to: &writer)
    } else {
      writer.null()
    }
    writer.member("model", report.model)
    writer.member("class", (report.jobClass ?? .standard).name)
    writer.member("preemptions", UInt64(report.preemptions ?? 0))
    writer.member("prompt_tokens_max", report.promptBound.rawValue)
    writer.member("completion_tokens_max", report.outputMax.rawValue)
    writer.prices("max_price", report.maxInputPrice, report.maxOutputPrice)
    writer.member("hold", "\(report.hold)")
    writer.key("refusal")
    if report.refusal == 0 {
      writer.null()
    } else {
      let refusal = HTTPRefusal(
        Failure(
          code: report.refusal, message: report.refusalText, details: [], retryAfterMs: nil,
          job: JobID(0), charge: nil))
      writer.beginObject()
      writer.member("code", refusal.name)
      writer.member("message", report.refusalText)
      writer.endObject()
    }
    writer.member("queue_ahead", report.queueAhead.map(UInt64.init))
    writer.member("waits_ms", report.waitsMs)
    let warm = report.warm ?? []
    writer.list("candidates", report.candidates) { candidate, writer in
      write(
        candidate, known: warm.first { $0.worker == candidate.worker }?.bytes ?? 0, to: &writer)
    }
    writer.member("candidates_left_out", UInt64(report.candidatesLeftOut))
    writer.list("attempts", report.attempts) { write($0, to: &$1) }
    writer.key("remedy")
    if report.remedy.isEmpty {
      writer.null()
    } else {
      writer.beginObject()
      writer.member("worker", report.remedyWorker.rawValue)
      writer.list("changes", report.remedy) { change, writer in
        writer.beginObject()
        writer.member("field", change.field)
        writer.member("value", change.value.isEmpty ? nil : change.value)
        writer.endObject()
      }
      writer.endObject()
    }
    writer.endObject()
    return writer.bytes
  }

  /// What a supplier is answered, as bytes of JSON.
  public static func json(_ report: WorkerWhyReport) -> [UInt8] {
    var writer = JSONWriter()
    writer.beginObject()
    writer.list("offers", report.offers) { outlook, writer in
      writer.beginObject()
      writer.member("model", outlook.model)
      writer.key("offer")
      write(outlook.offer, known: nil, to: &writer)
      writer.member("queued", UInt64(outlook.queued))
      writer.member("jobs_seen", UInt64(outlook.seen))
      writer.member("jobs_taken", UInt64(outlook.taken))
      writer.list("reasons", outlook.reasons) { reason, writer in
        writer.beginObject()
        writer.member("reason", reason.reason)
        writer.member("jobs", UInt64(reason.count))
        writer.endObject()
      }
      writer.member("cheapest_other", outlook.cheapest?.rawValue)
      writer.list("prices", outlook.prices) { step, writer in
        writer.beginObject()
        writer.prices("price", step.priceInput, step.priceOutput)
        writer.member("jobs", UInt64(step.jobs))
        writer.endObject()
      }
      writer.endObject()
    }
    writer.member("left_out", UInt64(report.leftOut))
    writer.endObject()
    return writer.bytes
  }

  /// A candidate; where it is one for a prompt, with the bytes of that which it has read.
  private static func write(
    _ candidate: CandidateTerms, known: UInt64?, to writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.member("worker", candidate.worker.rawValue)
    writer.member("name", candidate.name)
    writer.member("place", candidate.place == 0 ? nil : UInt64(candidate.place))
    writer.member("obstacle", candidate.obstacle.isEmpty ? nil : candidate.obstacle)
    writer.member("detail", candidate.detail.isEmpty ? nil : candidate.detail)
    writer.prices("price", candidate.priceInput, candidate.priceOutput)
    writer.member("context_length", UInt64(candidate.context))
    writer.member("slots", UInt64(candidate.slots))
    writer.member("busy", UInt64(candidate.busy))
    writer.member("free", UInt64(candidate.free))
    writer.key("has_failed")
    writer.boolean(candidate.hasFailed)
    writer.member("first_output_ms", candidate.firstOutputMs.map(UInt64.init))
    writer.member("tokens_per_second", candidate.tokensPerSecond.map(UInt64.init))
    if let known { writer.member("prompt_bytes_known", known) }
    writer.endObject()
  }

  private static func write(_ attempt: AttemptTerms, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.member("attempt", UInt64(attempt.epoch.rawValue))
    writer.member("worker", attempt.worker.rawValue)
    writer.member("state", attempt.state)
    writer.member(
      "error",
      attempt.error == 0
        ? nil : ErrorCode(rawValue: attempt.error)?.name ?? "error_\(attempt.error)")
    if let input = attempt.priceInput, let output = attempt.priceOutput {
      writer.prices("price", input, output)
    } else {
      writer.key("price")
      writer.null()
    }
    writer.endObject()
  }
}

extension JSONWriter {
  fileprivate mutating func member(_ name: String, _ value: String?) {
    key(name)
    if let value { string(value) } else { null() }
  }

  fileprivate mutating func member(_ name: String, _ value: UInt64?) {
    key(name)
    if let value { verbatim(String(value).utf8) } else { null() }
  }

  fileprivate mutating func prices(_ name: String, _ input: Price, _ output: Price) {
    key(name)
    beginObject()
    member("prompt", "\(Credits(nano: input.rawValue))")
    member("completion", "\(Credits(nano: output.rawValue))")
    endObject()
  }

  fileprivate mutating func list<Element>(
    _ name: String, _ elements: [Element], _ write: (Element, inout JSONWriter) -> Void
  ) {
    key(name)
    beginArray()
    for element in elements { write(element, &self) }
    endArray()
  }
}
