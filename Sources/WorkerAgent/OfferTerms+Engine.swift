internal import Engines
internal import ExchangeTypes
internal import JobDispatch
internal import WireProtocol

extension WorkerConfiguration {
  /// The most offers of one registration (`proto-spec/messages.md`, WorkerRegister).
  static let offersMax = 16
  /// Attempts at a time where nobody says.
  static let slotsDefault = 4
  /// Each slot holds a stream to the leader.
  static let slotsMax = 256

  /// How many attempts run at a time on an engine that says this of itself.
  func slotCount(_ status: EngineStatus) -> Int {
    min(max(live.slots ?? status.slots ?? Self.slotsDefault, 1), Self.slotsMax)
  }

  /// What is offered of an engine that says this of itself: each model once.
  func offers(_ status: EngineStatus) -> [OfferTerms] {
    var names: Set<String> = []
    return status.models.filter { names.insert($0.name).inserted }.prefix(Self.offersMax).map {
      model in
      let context = model.contextTokens.flatMap { UInt32(exactly: $0) } ?? contextDefault
      return OfferTerms(
        model: model.name, context: context, outputDefault: min(outputDefault, context),
        slots: UInt16(slotCount(status)), priceInput: live.prices.input,
        priceOutput: live.prices.output,
        // vLLM is asked for ids and gives them; the built-in engine has no other way.
        basis: basis ?? ([.vLLM, .builtin].contains(status.kind) ? .tokenIDs : .usage),
        bytesPerTokenFloor: max(bytesPerTokenFloor, 1),
        endpoints: model.endpoints.map { Endpoint($0) }.sorted { $0.rawValue < $1.rawValue })
    }
  }
}
