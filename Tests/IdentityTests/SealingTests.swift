import ExchangeTypes
import Foundation
import Identity
import TemporaryDirectory
import Testing

@Suite("Sealing")
struct SealingTests {
  let cluster = ClusterID(1)
  let places: [SealPlace] = [
    .payload(part: 0), .payload(part: 1),
    .checkpoint(term: 1, epoch: Epoch(1), checkpoint: 1),
    .checkpoint(term: 1, epoch: Epoch(1), checkpoint: 2),
    .checkpoint(term: 1, epoch: Epoch(2), checkpoint: 1),
    .checkpoint(term: 2, epoch: Epoch(1), checkpoint: 1),
  ]

  @Test("opens at the place where it was sealed, and at no other")
  func eachPlace() throws {
    let sealer = JobSealer(key: .generate(), cluster: cluster)
    let plain = Array("a prompt".utf8)
    for place in places {
      let sealed = sealer.seal(plain, at: place)
      #expect(sealed.count == plain.count + JobSealer.overhead)
      for other in places {
        if other == place {
          #expect(try sealer.open(sealed, at: other) == plain)
        } else {
          #expect(throws: SealRefusal.self) { try sealer.open(sealed, at: other) }
        }
      }
    }
  }

  @Test("of the same bytes at two places, or for two jobs, has nothing in common")
  func subkeys() throws {
    let plain = [UInt8](repeating: 0, count: 64)
    let sealers = [
      JobSealer(key: .generate(), cluster: cluster), JobSealer(key: .generate(), cluster: cluster),
    ]
    var seen: Set<[UInt8]> = []
    for sealer in sealers {
      for place in places { seen.insert(Array(sealer.seal(plain, at: place).prefix(16))) }
    }
    #expect(seen.count == sealers.count * places.count)
  }

  @Test("is refused after damage to any byte, for another cluster and another job")
  func damage() throws {
    let key = JobKey.generate()
    let sealer = JobSealer(key: key, cluster: cluster)
    let sealed = sealer.seal(Array(0..<40), at: .payload(part: 3))
    for place in sealed.indices {
      var damaged = sealed
      damaged[place] ^= 0x10
      #expect(throws: SealRefusal.self) { try sealer.open(damaged, at: .payload(part: 3)) }
    }
    for other in [
      JobSealer(key: key, cluster: ClusterID(2)), JobSealer(key: .generate(), cluster: cluster),
    ] {
      #expect(throws: SealRefusal.self) { try other.open(sealed, at: .payload(part: 3)) }
    }
    #expect(throws: SealRefusal.self) { try sealer.open([1, 2, 3], at: .payload(part: 3)) }
  }

  @Test("of a job's key goes with its wrapping key, and is the same bytes for the same draw")
  func wrapping() throws {
    let wrapping = WrappingKey.generate(id: 5)
    let key = JobKey.generate()
    var (first, second) = (CountingGenerator(), CountingGenerator())
    let wrapped = wrapping.wrap(key, cluster: cluster, using: &first)
    #expect(wrapped == wrapping.wrap(key, cluster: cluster, using: &second))
    #expect(wrapped != wrapping.wrap(key, cluster: cluster))
    #expect(try wrapping.unwrap(wrapped, cluster: cluster) == key)
    #expect(wrapped.encoded.count == WrappedJobKey.encodedCount)
    #expect(try WrappedJobKey(decoding: wrapped.encoded) == wrapped)
    #expect(throws: SealRefusal.self) { try wrapping.unwrap(wrapped, cluster: ClusterID(2)) }
    #expect(throws: SealRefusal.self) {
      try WrappingKey(id: 6, secret: wrapping.secret).unwrap(wrapped, cluster: cluster)
    }
    for place in wrapped.encoded.indices {
      var damaged = wrapped.encoded
      damaged[place] ^= 1
      #expect(throws: SealRefusal.self) {
        try wrapping.unwrap(WrappedJobKey(decoding: damaged), cluster: cluster)
      }
    }
  }

  @Test("authenticates a tail, and nothing else")
  func tails() {
    let sealer = JobSealer(key: .generate(), cluster: cluster)
    let code = sealer.authenticate([1, 2, 3])
    #expect(code.count == 32)
    #expect(sealer.isAuthentic(code, for: [1, 2, 3]))
    #expect(!sealer.isAuthentic(code, for: [1, 2, 4]))
    #expect(!sealer.isAuthentic(Array(code.dropLast()), for: [1, 2, 3]))
    #expect(!JobSealer(key: .generate(), cluster: cluster).isAuthentic(code, for: [1, 2, 3]))
  }
}

@Suite("A keyring")
struct KeyringTests {
  let cluster = ClusterID(1)

  func ring() -> Keyring {
    var ring = Keyring(cluster: cluster)
    for id in [3, 1, 2] as [UInt64] {
      ring.insert(WrappingKey(id: id, secret: Secret([UInt8](repeating: UInt8(id), count: 32))))
    }
    return ring
  }

  @Test("keeps keys by number, once each")
  func order() {
    var ring = ring()
    #expect(ring.keys.map(\.id) == [1, 2, 3])
    let same = ring.insert(WrappingKey(id: 2, secret: Secret([UInt8](repeating: 2, count: 32))))
    let other = ring.insert(WrappingKey(id: 2, secret: Secret([UInt8](repeating: 9, count: 32))))
    #expect(same && !other)
    #expect(ring[2]?.secret.bytes.first == 2)
  }

  @Test("comes back from its file, which is the owner's alone; a removed key does not")
  func file() throws {
    let scratch = try TemporaryDirectory()
    let path = scratch.file("keyring")
    #expect(throws: IdentityError.missing(path: path)) {
      try Keyring.load(path: path, cluster: cluster)
    }
    #expect(try Keyring.loadIfPresent(path: path, cluster: cluster) == Keyring(cluster: cluster))
    var ring = ring()
    let wrapped = try #require(ring[1]).wrap(JobKey.generate(), cluster: cluster)
    try ring.save(path: path)
    #expect(try Keyring.load(path: path, cluster: cluster) == ring)
    let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    _ = try ring.unwrap(wrapped)
    ring.remove(1)
    try ring.save(path: path)
    let loaded = try Keyring.load(path: path, cluster: cluster)
    #expect(loaded.keys.map(\.id) == [2, 3])
    #expect(throws: SealRefusal.self) { try loaded.unwrap(wrapped) }
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["keyring"])
    #expect(throws: IdentityError.self) { try Keyring.load(path: path, cluster: ClusterID(2)) }
  }

  @Test("is refused after damage to any byte, and when cut or lengthened")
  func damage() throws {
    let bytes = ring().encoded
    #expect(try Keyring(decoding: bytes) == ring())
    for place in bytes.indices {
      var damaged = bytes
      damaged[place] ^= 1
      #expect(throws: CanonicalError.self) { try Keyring(decoding: damaged) }
    }
    for size in bytes.indices {
      #expect(throws: CanonicalError.self) { try Keyring(decoding: Array(bytes[..<size])) }
    }
    #expect(throws: CanonicalError.self) { try Keyring(decoding: bytes + [0]) }
  }
}

@Suite("An API key")
struct APIKeyTests {
  @Test("is read as it is written, and in no other form")
  func forms() throws {
    let key = APIKey(id: KeyID(42), secret: APIKey.generateSecret())
    let text = key.text
    #expect(text.hasPrefix("sy_42_") && text.utf8.count == 6 + 43)
    let parsed = try #require(APIKey(parsing: text))
    #expect(parsed.id == key.id && parsed.secret == key.secret)
    for bad in [
      "", "sy_42", "sy__\(text.dropFirst(6))", "sk\(text.dropFirst(2))", text + "A",
      String(text.dropLast()), "sy_042\(text.dropFirst(5))", "sy_0\(text.dropFirst(5))",
      "sy_+42\(text.dropFirst(5))", text + "=", " " + text,
      "sy_99999999999999999999\(text.dropFirst(5))",
    ] { #expect(APIKey(parsing: bad) == nil, "\(bad)") }
  }

  @Test("has one form per secret: unused bits of the last letter are refused")
  func unusedBits() {
    let key = APIKey(id: KeyID(1), secret: Secret([UInt8](repeating: 0, count: 32)))
    #expect(APIKey(parsing: key.text) != nil)
    #expect(APIKey(parsing: key.text.dropLast() + "B") == nil)
  }

  @Test("matches its own hash only, and shows no secret")
  func hashes() throws {
    let (key, other) = (
      APIKey(id: KeyID(1), secret: APIKey.generateSecret()),
      APIKey(id: KeyID(1), secret: APIKey.generateSecret())
    )
    #expect(key.matches(key.secretHash) && key.secretHash == APIKey.hash(key.secret))
    #expect(
      !key.matches(other.secretHash) && !key.matches([])
        && !key.matches(Array(key.secretHash.dropLast())))
    #expect("\(key)" == "sy_1_…")
    var generator = CountingGenerator()
    #expect(APIKey.generateSecret(using: &generator).count == 32)
  }
}
