internal import Identity
internal import JobDispatch

extension Credential {
  /// What an authorization header presents; nil if it presents no API key.
  init?(header: String) {
    let scheme = "Bearer "
    guard header.hasPrefix(scheme),
      let key = APIKey(parsing: String(header.dropFirst(scheme.count)))
    else { return nil }
    self.init(key: key.id, secretHash: key.secretHash)
  }
}
