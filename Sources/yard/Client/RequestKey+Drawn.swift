internal import ExchangeTypes

extension RequestKey {
  /// A key that no other request has.
  static func drawn() -> RequestKey {
    var generator = SystemRandomNumberGenerator()
    return RequestKey(high: generator.next(), low: generator.next())
  }
}
