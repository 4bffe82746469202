import ExchangeTypes
import Testing

@testable import JobDispatch

/// Holds that a method and a target are no route, for this reason and because of this field of the query.
func expectNoRoute(
  _ method: String, _ target: String, _ code: ErrorCode, param: String? = nil,
  sourceLocation: SourceLocation = #_sourceLocation
) {
  #expect(sourceLocation: sourceLocation) {
    _ = try HTTPRoute(method: method, target: target)
  } throws: {
    let refusal = $0 as? HTTPRefusal
    return refusal?.code == code && refusal?.param == param
  }
}
