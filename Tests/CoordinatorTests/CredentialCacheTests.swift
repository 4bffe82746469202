import ExchangeTypes
import Identity
import JobDispatch
import Testing

@testable import Coordinator

@Suite("The headers of one link")
struct CredentialCacheTests {
  @Test("a header is read as it would be without the cache, however many came before")
  func bounded() {
    var cache = CredentialCache()
    let count = UInt64(2 * CredentialCache.headersMax)
    let keys = (1...count).map { APIKey(id: KeyID($0), secret: APIKey.generateSecret()) }
    for _ in 0..<2 {
      for key in keys {
        let credential = cache.credential(of: "Bearer \(key.text)")
        #expect(credential == Credential(key: key.id, secretHash: key.secretHash))
      }
    }
  }

  @Test("what presents no key presents none the second time")
  func nothing() {
    var cache = CredentialCache()
    for header in ["", "Bearer", "Bearer sy_1_short", "Basic c3k=", "Bearer  sy_1_x"] {
      #expect(cache.credential(of: header) == nil)
      #expect(cache.credential(of: header) == nil)
    }
  }
}
