import Crypto
import ExchangeTypes
import Testing

@testable import Identity

@Suite("Keyed hashes and random bits")
struct KeyedHashTests {
  @Test("are what the library's HMAC and HKDF are, for every length of key and text")
  func againstTheLibrary() {
    for length in [0, 1, 31, 32, 55, 56, 63, 64] {
      let key = Array((0..<length).map { UInt8($0 * 7 & 0xff) })
      for count in [0, 1, 55, 64, 65, 200] {
        let text = [UInt8](repeating: UInt8(count), count: count)
        let code = HMAC<SHA256>.authenticationCode(for: text, using: SymmetricKey(data: key))
        #expect(KeyedHash.code(of: text, key: key) == Array(code))
        let expanded = HKDF<SHA256>.expand(pseudoRandomKey: key, info: text, outputByteCount: 32)
        #expect(KeyedHash.expand(key, info: text) == expanded.withUnsafeBytes { Array($0) })
      }
    }
  }

  @Test("a sealed piece is AES-GCM under the place's HKDF subkey, as the format says")
  func format() throws {
    let key = JobKey(Secret(Array(0..<32)))
    let cluster = ClusterID(7)
    let place = SealPlace.payload(part: 2)
    let sealed = JobSealer(key: key, cluster: cluster).seal([1, 2, 3], at: place)
    let subkey = HKDF<SHA256>.expand(
      pseudoRandomKey: key.secret.bytes, info: place.info, outputByteCount: 32)
    var context = CanonicalWriter()
    context.write(cluster.rawValue)
    context.writeRaw(place.info)
    let box = try AES.GCM.SealedBox(
      nonce: AES.GCM.Nonce(data: [UInt8](repeating: 0, count: 12)), ciphertext: sealed.dropLast(16),
      tag: sealed.suffix(16))
    let opened = try AES.GCM.open(box, using: subkey, authenticating: context.bytes)
    #expect(Array(opened) == [1, 2, 3])
  }

  @Test("no word of a block is given twice, nor zero, nor are two blocks alike")
  func blocks() {
    let generator = SystemRandomBlocks()
    let words = (0..<200).map { _ in generator.next() }
    #expect(Set(words).count == 200)
    #expect(!words.contains(0))
  }
}
