internal import ExchangeTypes
internal import JobMarket
internal import OpenAIFormat
public import WireProtocol

/// Answers about models.
public enum ModelAnswer {
  /// The body of `GET /v1/models`.
  public static func list(_ listing: ModelListing) -> HTTPReply {
    var writer = JSONWriter()
    writer.beginObject()
    writer.key("object")
    writer.string("list")
    writer.key("data")
    writer.beginArray()
    for (place, model) in listing.models.enumerated() {
      write(model, abilities(of: place, in: listing), to: &writer)
    }
    writer.endArray()
    writer.endObject()
    return .json(writer.bytes)
  }

  /// What a coordinator is asked for `GET /v1/models/{id}`: of all models a listing may not have room.
  ///
  /// As much of the name as the question takes; those that go on otherwise come as well.
  public static func question(_ name: String) -> ModelList {
    // Up to where no character is cut.
    let beginnings = [48, 47, 46, 45].lazy.compactMap { String(name.utf8.prefix($0)) }
    return ModelList(beginning: beginnings.first)
  }

  /// The answer of `GET /v1/models/{id}`.
  public static func one(_ name: String, of listing: ModelListing) -> HTTPReply {
    guard let place = listing.models.firstIndex(where: { $0.model == name }) else {
      return HTTPRefusal(
        .modelNotFound,
        "no supplier offers the model '\(name.prefix(200))'; GET /v1/models lists them",
        param: "model"
      ).reply
    }
    var writer = JSONWriter()
    write(listing.models[place], abilities(of: place, in: listing), to: &writer)
    return .json(writer.bytes)
  }

  /// What a model is served for; nil where the coordinator does not say.
  private static func abilities(of place: Int, in listing: ModelListing) -> ModelAbilities? {
    listing.abilities.flatMap { $0.indices.contains(place) ? $0[place] : nil }
  }

  private static func write(
    _ model: ModelSummary, _ abilities: ModelAbilities?, to writer: inout JSONWriter
  ) {
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
    if let abilities {
      writer.key("endpoints")
      writer.beginArray()
      for endpoint in abilities.endpoints {
        writer.string(InferenceRequest.Endpoint(endpoint).rawValue)
      }
      writer.endArray()
      writer.key("capabilities")
      writer.beginArray()
      for name in Capabilities(rawValue: abilities.capabilities).names { writer.string(name) }
      writer.endArray()
    }
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
