public import ExchangeTypes
internal import OpenAIFormat
public import WireProtocol

/// The bodies of requests about keys and money, read strictly: what is not known is refused by name.
public enum MoneyBody {
  /// More than any such body needs.
  private static let limits = JSONLimits(depthMax: 4, bytesMax: 16 << 10)
  /// Transfers that are posted together.
  private static let legsMax = 16

  /// What `POST /v1/keys` asks for.
  public struct NewKey: Hashable, Sendable {
    /// Whose key it becomes; nil for the caller's own account.
    public var account: AccountID?
    /// A name for people.
    public var name = "key"
    /// What it allows.
    public var scopes: Scopes = [.submit, .read]
    /// How long it lives, in seconds; nil for as long as it is not revoked.
    public var expiresInSeconds: UInt64?
    /// The budget that it draws on; nil for none of its own.
    public var budget: BudgetID?
    /// The most jobs that it may submit in a minute.
    public var requestsPerMinute: UInt32?
    /// The most tokens that its jobs may have in a minute.
    public var tokensPerMinute: UInt64?
    /// SHA-256 of a secret that the caller has drawn, 32 bytes; nil to be given one.
    public var secretHash: [UInt8]?

    /// What it may use in a minute; nil where there is no limit.
    public var limit: RateTerms? {
      requestsPerMinute == nil && tokensPerMinute == nil
        ? nil : RateTerms(requests: requestsPerMinute, tokens: tokensPerMinute)
    }
  }

  /// What `POST /v1/keys/{id}/rotation` asks for.
  public struct NewSecret: Hashable, Sendable {
    /// How long the former secret still works, in seconds; a day unless it is said.
    public var graceSeconds: UInt64 = 86_400
    /// SHA-256 of a secret that the caller has drawn, 32 bytes; nil to be given one.
    public var secretHash: [UInt8]?
  }

  /// Reads the body of `POST /v1/keys`; an empty one asks for all that is usual.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func newKey(_ body: [UInt8]) throws(HTTPRefusal) -> NewKey {
    var key = NewKey()
    guard !body.isEmpty else { return key }
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "account": key.account = AccountID(try scanner.number(from: 1))
      case "name":
        key.name = try scanner.text()
        guard (1...128).contains(key.name.utf8.count) else { throw .value("has 1 to 128 bytes") }
      case "scopes":
        key.scopes = []
        try scanner.elements { (scanner) throws(MemberFault) in
          let name = try scanner.text()
          guard let scope = Scopes.named.first(where: { $0.name == name })?.scope else {
            throw .value("holds submit, work, admin and read")
          }
          key.scopes.insert(scope)
        }
      case "expires_in": key.expiresInSeconds = try scanner.number(from: 1, to: 315_360_000)
      case "budget": key.budget = BudgetID(try scanner.number(from: 1))
      case "requests_per_minute": key.requestsPerMinute = try scanner.requestsPerMinute()
      case "tokens_per_minute": key.tokensPerMinute = try scanner.tokensPerMinute()
      case "secret_sha256": key.secretHash = try scanner.hash()
      default: throw .unknown
      }
    }
    return key
  }

  /// Reads the body of `PUT /v1/keys/{id}/limit`: `{"requests_per_minute":60,"tokens_per_minute":20000}`, one of them, or `{"none":true}`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func limit(_ body: [UInt8]) throws(HTTPRefusal) -> RateTerms {
    var key = NewKey()
    var isUnlimited = false
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "requests_per_minute": key.requestsPerMinute = try scanner.requestsPerMinute()
      case "tokens_per_minute": key.tokensPerMinute = try scanner.tokensPerMinute()
      case "none": isUnlimited = try scanner.boolean()
      default: throw .unknown
      }
    }
    guard isUnlimited == (key.limit == nil) else {
      throw HTTPRefusal(
        .malformedRequest, "give requests_per_minute, tokens_per_minute or both, or none alone",
        param: "none")
    }
    return key.limit ?? RateTerms(requests: nil, tokens: nil)
  }

  /// Reads the body of `POST /v1/keys/{id}/rotation`; an empty one asks for all that is usual.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func newSecret(_ body: [UInt8]) throws(HTTPRefusal) -> NewSecret {
    var secret = NewSecret()
    guard !body.isEmpty else { return secret }
    try members(of: body) { (name, scanner) throws(MemberFault) in
      switch name {
      case "grace": secret.graceSeconds = try scanner.number(from: 0, to: 315_360_000)
      case "secret_sha256": secret.secretHash = try scanner.hash()
      default: throw .unknown
      }
    }
    return secret
  }

  /// Reads the body of `PUT /v1/keys/{id}/signer`: `{"public_key":"d75a…"}`, 32 bytes in hexadecimal.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func signer(_ body: [UInt8]) throws(HTTPRefusal) -> [UInt8] {
    var key: [UInt8]?
    try members(of: body) { (name, scanner) throws(MemberFault) in
      guard name == "public_key" else { throw .unknown }
      key = try scanner.hash()
    }
    guard let key else {
      throw HTTPRefusal(
        .malformedRequest,
        "public_key is what delegations are signed for: Ed25519, 64 hexadecimal digits",
        param: "public_key")
    }
    return key
  }

  /// Reads the body of `POST /v1/transfers`: `{"transfers":[{"from":1,"to":2,"amount":"0.5"}]}`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  public static func transfers(_ body: [UInt8]) throws(HTTPRefusal) -> [TransferLeg] {
    var legs: [TransferLeg] = []
    try members(of: body) { (name, scanner) throws(MemberFault) in
      guard name == "transfers" else { throw .unknown }
      try scanner.elements { (scanner) throws(MemberFault) in
        guard legs.count < legsMax else { throw .value("holds at most \(legsMax)") }
        var from: AccountID?
        var to: AccountID?
        var amount: Credits?
        try scanner.object { (name, scanner) throws(MemberFault) in
          switch name {
          case "from": from = AccountID(try scanner.number(from: 1))
          case "to": to = AccountID(try scanner.number(from: 1))
          case "amount":
            amount = try scanner.credits()
          default: throw .unknown
          }
        }
        guard let from, let to, let amount else {
          throw .value("needs from, to and amount in each of its entries")
        }
        legs.append(TransferLeg(debit: from, credit: to, amount: amount))
      }
    }
    guard !legs.isEmpty else {
      throw HTTPRefusal(.malformedRequest, "transfers names no transfer", param: "transfers")
    }
    return legs
  }

  // MARK: Parts

  /// What is wrong with a member.
  enum MemberFault: Error {
    case unknown
    case value(String)
    case amount(AmountFault)
    case json(JSONError)
  }

  /// Reads an object's members, each by `read`.
  ///
  /// - Throws: `malformed_request` with the member at fault, `payload_too_large`.
  static func members(
    of body: [UInt8],
    _ read: (_ name: String, _ scanner: inout Scanner) throws(MemberFault) -> Void
  ) throws(HTTPRefusal) {
    guard body.count <= limits.bytesMax else {
      throw HTTPRefusal(.payloadTooLarge, "the body has more than \(limits.bytesMax) bytes")
    }
    var member: String?
    do throws(MemberFault) {
      var scanner = try Scanner(body, limits)
      try scanner.object { (name, scanner) throws(MemberFault) in
        member = name
        try read(name, &scanner)
      }
      try scanner.end()
    } catch {
      switch error {
      case .unknown:
        let name = (member ?? "").prefix(100)
        throw HTTPRefusal(
          .malformedRequest, "the body has no member '\(name)' that is known", param: String(name))
      case .value(let what):
        throw HTTPRefusal(.malformedRequest, "\(member ?? "the body") \(what)", param: member)
      case .amount(let fault):
        throw HTTPRefusal(
          fault.code, "\(member ?? "an amount") \(fault.sentence)", param: member)
      case .json(let error):
        throw HTTPRefusal(
          .malformedRequest, "\(member.map { "\($0): " } ?? "")\(error)", param: member)
      }
    }
  }

  /// A scanner of JSON, whose errors are a member's.
  struct Scanner {
    private var json: JSONScanner

    init(_ body: [UInt8], _ limits: JSONLimits) throws(MemberFault) {
      do throws(JSONError) { json = try JSONScanner(body, limits: limits) } catch {
        throw .json(error)
      }
    }

    mutating func object(
      _ read: (_ name: String, _ scanner: inout Scanner) throws(MemberFault) -> Void
    ) throws(MemberFault) {
      var seen: Set<String> = []
      try scan { (json) throws(JSONError) in try json.beginObject() }
      while let name = try scan({ (json) throws(JSONError) in try json.nextKey() }) {
        guard seen.insert(name).inserted else { throw .value("has the member '\(name)' twice") }
        try read(name, &self)
      }
    }

    mutating func elements(
      _ read: (_ scanner: inout Scanner) throws(MemberFault) -> Void
    ) throws(MemberFault) {
      try scan { (json) throws(JSONError) in try json.beginArray() }
      while try scan({ (json) throws(JSONError) in try json.nextElement() }) { try read(&self) }
    }

    mutating func text() throws(MemberFault) -> String {
      try scan { (json) throws(JSONError) in try json.readString() }
    }

    /// 32 bytes in hexadecimal.
    mutating func hash() throws(MemberFault) -> [UInt8] {
      guard let hash = ExchangeTypes.bytes(ofHexadecimal: try text()), hash.count == 32 else {
        throw .value("is 64 hexadecimal digits")
      }
      return hash
    }

    /// Credits as text.
    mutating func credits() throws(MemberFault) -> Credits {
      let text = try self.text()
      do throws(AmountFault) { return try Credits(parsing: text) } catch { throw .amount(error) }
    }

    /// `true` or `false`.
    mutating func boolean() throws(MemberFault) -> Bool {
      try scan { (json) throws(JSONError) in try json.readBoolean() }
    }

    mutating func number(
      from least: UInt64, to most: UInt64 = .max
    ) throws(MemberFault) -> UInt64 {
      let value = try scan { (json) throws(JSONError) in
        let span = try json.readNumber()
        return UInt64(json.text(of: span))
      }
      guard let value, (least...most).contains(value) else {
        throw .value(
          "is a whole number from \(least)" + (most == .max ? " on" : " to \(most)"))
      }
      return value
    }

    mutating func requestsPerMinute() throws(MemberFault) -> UInt32 {
      UInt32(try number(from: 1, to: UInt64(UInt32.max)))
    }

    mutating func tokensPerMinute() throws(MemberFault) -> UInt64 {
      try number(from: 1, to: 1_000_000_000_000)
    }

    mutating func end() throws(MemberFault) {
      try scan { (json) throws(JSONError) in try json.end() }
    }

    private mutating func scan<Value>(
      _ body: (inout JSONScanner) throws(JSONError) -> Value
    ) throws(MemberFault) -> Value {
      do throws(JSONError) { return try body(&json) } catch { throw .json(error) }
    }
  }
}
