internal import Identity
internal import JobDispatch

extension Credential {
  /// What an authorization header presents; nil if it presents no API key.
  init?(header: String) {
    let scheme = "Bearer "
    guard header.hasPrefix(scheme) else { return nil }
    let text = String(header.dropFirst(scheme.count))
    if let key = APIKey(parsing: text) {
      self.init(key: key.id, secretHash: key.secretHash)
    } else if let key = DelegatedKey(parsing: text) {
      self.init(key.signed)
    } else {
      return nil
    }
  }
}
