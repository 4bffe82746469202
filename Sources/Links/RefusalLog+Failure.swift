internal import ExchangeTypes
public import Transport
public import WireProtocol

extension RefusalLog {
  /// Notes a refusal under the name of its error.
  ///
  /// - Parameters:
  ///   - what: what happened.
  ///   - address: whose it was.
  ///   - failure: which error, and why.
  public func note(_ what: String, from address: String, _ failure: Failure) {
    note(
      what, from: address, kind: failure.errorCode?.name ?? "error_\(failure.code)",
      failure.message)
  }
}
