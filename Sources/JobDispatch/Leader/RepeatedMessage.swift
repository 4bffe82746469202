/// A message whose like has come before under the same request key: it is answered as that was, and does nothing.
///
/// A client sends it when its link broke before the answer came. So does whoever has recorded it, who gets no more by it: which
/// of the two it was cannot be told, but many of them can be seen.
public enum RepeatedMessage: String, Sendable, CaseIterable {
  /// A Submit.
  case submit = "repeated_submit"
  /// Another request with a key of its own: for an account, an API key, a budget, a transfer, an invitation.
  case request = "repeated_request"
  /// A Join for the key that the invitation was used for.
  case join = "repeated_join"

  /// Why it did nothing, for people.
  public var reason: String {
    switch self {
    case .submit: "its request key has made a job already, and that is its answer"
    case .request: "its request key has been used for the same already, and it is answered as then"
    case .join: "its invitation was used for the same key already, and it is answered as then"
    }
  }
}
