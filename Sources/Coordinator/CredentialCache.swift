internal import JobDispatch

/// What the authorization headers of one link present, so that a header that comes with every request is
/// read and hashed once.
///
/// Only reading is remembered, never a verdict: whether the key is known, live and the secret its own is
/// asked of the state for every stream. Bounded: beyond `headersMax` of them or `headerBytesMax` in all it begins anew,
/// so a peer that sends ever other headers pays what it paid without a cache.
struct CredentialCache {
  /// A gateway speaks for many accounts; a header with an API key and its credential take about 300 bytes.
  static let headersMax = 256
  /// A delegation is some 400 bytes, and up to ten times that.
  static let headerBytesMax = 64 << 10

  private var known: [String: Credential] = [:]
  private var bytes = 0

  /// What a header presents; nil if it presents no API key.
  mutating func credential(of header: String) -> Credential? {
    if let credential = known[header] { return credential }
    guard let credential = Credential(header: header) else { return nil }
    if known.count == Self.headersMax || bytes + header.utf8.count > Self.headerBytesMax {
      known.removeAll(keepingCapacity: true)
      bytes = 0
    }
    known[header] = credential
    bytes += header.utf8.count
    return credential
  }
}
