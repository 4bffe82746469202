internal import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// Answers about models.
public enum ModelAnswer {
  /// The body of `GET /v1/models`.
  public static func list(_ models: [ModelSummary]) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("object")
    writer.string("list")
    writer.key("data")
    writer.beginArray()
    for model in models { write(model, to: &writer) }
    writer.endArray()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// The answer of `GET /v1/models/{id}`.
  public static func one(_ name: String, of models: [ModelSummary]) -> HTTPReply {
    guard let model = models.first(where: { $0.model == name }) else {
      return HTTPRefusal(
        .modelNotFound,
        "no supplier offers the model '\(name.prefix(200))'; GET /v1/models lists them",
        param: "model"
      ).reply
    }
    var writer = JSONWriter()
    write(model, to: &writer)
    return .json(writer.bytes)
  }

  private static func write(_ model: ModelSummary, to writer: inout JSONWriter) {
    writer.beginObject()
    writer.key("id")
    writer.string(model.model)
    writer.key("object")
    writer.string("model")
    // Nobody knows when a supplier's model was made; clients demand a number.
    writer.key("created")
    writer.integer(0)
    writer.key("owned_by")
    writer.string("switchyard")
    writer.key("context_length")
    writer.integer(Int(model.context))
    writer.key("max_output_tokens_default")
    writer.integer(Int(model.outputDefault))
    writer.key("pricing")
    writer.beginObject()
    writer.key("prompt")
    writer.string(model.priceInputMin.perToken)
    writer.key("completion")
    writer.string(model.priceOutputMin.perToken)
    writer.endObject()
    writer.key("suppliers")
    writer.integer(Int(model.suppliers))
    writer.key("slots")
    writer.integer(Int(model.slots))
    writer.key("slots_free")
    writer.integer(Int(model.slotsFree))
    writer.endObject()
  }
}

extension Price {
  /// Credits per token, as a decimal without trailing zeros: exact, 15 digits after the point at most.
  var perToken: String {
    // Nano-credits (10⁻⁹) per million (10⁶) tokens: 10⁻¹⁵ credits per token.
    let unit: UInt64 = 1_000_000_000_000_000
    let fraction = String(rawValue % unit)
    let padded = String(repeating: "0", count: 15 - fraction.count) + fraction
    let digits = padded.reversed().drop { $0 == "0" }.reversed()
    let whole = String(rawValue / unit)
    return digits.isEmpty ? whole : whole + "." + String(digits)
  }
}
