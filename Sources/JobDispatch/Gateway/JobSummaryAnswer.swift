internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// Answers about jobs.
public enum JobSummaryAnswer {
  /// The answer of `GET /v1/jobs/{id}` and of its cancel.
  public static func one(_ report: JobReport) -> HTTPReply {
    var writer = JSONWriter()
    write(
      report.summary, resumed: report.resumed, cachedTokens: report.cachedTokens,
      reasoningTokens: report.reasoningTokens, to: &writer)
    return .json(writer.bytes)
  }

  /// Writes a job as the object that consumers read.
  static func write(
    _ job: JobSummary, resumed: Resumption?, cachedTokens: UInt32? = nil,
    reasoningTokens: UInt32? = nil, to writer: inout JSONWriter
  ) {
    writer.beginObject()
    writer.key("id")
    writer.verbatim("\(job.job)".utf8)
    writer.key("object")
    writer.string("job")
    writer.key("status")
    writer.string(job.state.name)
    writer.key("model")
    writer.string(job.model)
    writer.key("attempts")
    writer.integer(Int(job.epoch.rawValue))
    writer.key("events")
    writer.verbatim("\(job.lastSeq)".utf8)
    writer.key("finish_reason")
    if let finish = job.finish { writer.string(finish.name) } else { writer.null() }
    writer.key("usage")
    UsageReport(
      promptTokens: Int(clamping: job.promptTokens.rawValue),
      completionTokens: Int(clamping: job.outputTokens.rawValue),
      cachedTokens: cachedTokens.map { Int($0) }, reasoningTokens: reasoningTokens.map { Int($0) }
    ).write(to: &writer)
    writer.key("charge")
    writer.string("\(job.charge)")
    writer.key("hold")
    writer.string("\(job.hold)")
    writer.key("resumed")
    switch resumed {
    case .text: writer.string("text")
    case .ids: writer.string("ids")
    case nil: writer.null()
    }
    writer.key("error")
    if job.error == 0 {
      writer.null()
    } else if let refusal = HTTPRefusal(job) {
      writer.beginObject()
      writer.key("code")
      writer.string(refusal.name)
      writer.key("message")
      writer.string(refusal.message)
      writer.endObject()
    } else {
      writer.null()
    }
    writer.endObject()
  }
}
