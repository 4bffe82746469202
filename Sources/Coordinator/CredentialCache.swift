internal import JobDispatch

/// What the authorization headers of one link present, so that a header that comes with every request is
/// read and hashed once.
///
/// Only reading is remembered, never a verdict: whether the key is known, live and the secret its own is
/// asked of the state for every stream. Bounded: beyond `headersMax` it begins anew, so a peer that sends
/// ever other headers pays what it paid without a cache.
struct CredentialCache {
  /// A gateway speaks for many accounts; a header and its credential take about 300 bytes.
  static let headersMax = 256

  private var known: [String: Credential] = [:]

  /// What a header presents; nil if it presents no API key.
  mutating func credential(of header: String) -> Credential? {
    if let credential = known[header] { return credential }
    guard let credential = Credential(header: header) else { return nil }
    if known.count == Self.headersMax { known.removeAll(keepingCapacity: true) }
    known[header] = credential
    return credential
  }
}
