import ExchangeTypes
import Identity
import Testing
import WireProtocol

@Suite("What holds a secret")
struct RedactionTests {
  /// A secret that is easy to find: the same byte again and again, and no other place has it.
  private static let byte: UInt8 = 0xB7
  private static let secret = Secret([UInt8](repeating: byte, count: 32))

  /// Everything that makes text of a value: descriptions, a dump, and a walk through its mirrors.
  private func texts(of value: Any) -> [String] {
    var dumped = ""
    dump(value, to: &dumped)
    var walked: [String] = []
    func walk(_ value: Any, depth: Int) {
      guard depth < 8 else { return }
      for child in Mirror(reflecting: value).children {
        walked.append("\(child.label ?? "") \(child.value) \(String(reflecting: child.value))")
        walk(child.value, depth: depth + 1)
      }
    }
    walk(value, depth: 0)
    return [String(describing: value), String(reflecting: value), "\(value)", dumped] + walked
  }

  private func expectHidden(
    _ value: Any, of forms: [String], sourceLocation: SourceLocation = #_sourceLocation
  ) {
    for text in texts(of: value) {
      for form in forms {
        #expect(!text.contains(form), "\(type(of: value))", sourceLocation: sourceLocation)
      }
    }
  }

  /// The byte in decimal, as an array shows it, in hexadecimal, and in base64.
  private static let forms = [
    "183, 183", "183\n", "b7b7", "B7B7", "t7e3", "sy_7_t7", "- 183", "0xb7",
  ]

  @Test("is not seen in any description, dump or mirror")
  func hidden() throws {
    let cluster = ClusterID(7)
    let wrapping = WrappingKey(id: 3, secret: Self.secret)
    var ring = Keyring(cluster: cluster)
    let isKept = ring.insert(wrapping)
    #expect(isKept)
    let job = JobKey(Self.secret)
    let values: [Any] = [
      Self.secret, Optional(Self.secret) as Any, ["a": [Self.secret]],
      APIKey(id: KeyID(7), secret: Self.secret), job,
      InvitationKey(
        id: InvitationID(7), secret: Self.secret, fingerprint: [UInt8](repeating: 1, count: 32)),
      JobSealer(key: job, cluster: cluster),
      wrapping, ring, StreamMAC(key: Self.secret.bytes),
      KeyOffer(wrappingKey: 3, secret: Self.secret),
      Message.keyOffer(KeyOffer(wrappingKey: 3, secret: Self.secret)),
    ]
    for value in values { expectHidden(value, of: Self.forms) }
  }

  @Test("nor is a private key in what holds one")
  func privateKeys() throws {
    let cluster = try TestCluster()
    let node = try cluster.node(.coordinator, "coordinator-1")
    let lines = node.key.pem.split(separator: "\n").filter { !$0.hasPrefix("-----") }
    let forms = [String(lines[0]), "PrivateKey("]
    for value in [node.key, node, cluster.authority] as [Any] { expectHidden(value, of: forms) }
  }

  @Test("would be seen if it were not wrapped: the search finds it in plain bytes")
  func found() {
    struct Plain { let secret: [UInt8] }
    let texts = texts(of: Plain(secret: Self.secret.bytes))
    #expect(texts.contains { text in Self.forms.contains { text.contains($0) } })
  }

  @Test("is compared byte by byte, and told from what is shorter")
  func equality() {
    var other = Self.secret.bytes
    other[31] ^= 1
    #expect(Self.secret == Secret(Self.secret.bytes))
    #expect(Self.secret != Secret(other))
    #expect(Self.secret != Secret(Array(Self.secret.bytes.dropLast())))
  }
}
