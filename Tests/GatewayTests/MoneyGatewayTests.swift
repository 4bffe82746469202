import ExchangeTypes
import Foundation
import Gateway
import Identity
import JobDispatch
import Testing
import WireProtocol

/// Says that it has made the key or posted the transfers, with the key's hash in its place.
private let books: ScriptedCoordinator.Script = { message, channel in
  switch message {
  case .keyCreate(let message):
    channel.send(key(KeyID(7), named: message.name, message.scopes))
  case .budgetKeyCreate(let message):
    channel.send(key(KeyID(8), named: message.name, message.scopes))
  case .keyRotate(let message): channel.send(key(message.key, named: "bot", .submit))
  case .keyLimit(let message):
    channel.send(
      key(
        message.key, named: "bot", .submit,
        RateSummary(
          requests: message.limit.requests, requestsLeft: 5, tokens: message.limit.tokens,
          tokensLeft: 0)))
  case .transferPost, .transferReverse:
    channel.send(TransferReport(entries: [], duplicate: false))
  case .bookQuery, .quoteQuery:
    channel.send(Book(asks: [], costs: [], more: false))
  case .askSet(let message):
    channel.send(AskListing(terms: message.withdraw ? [] : [message.terms]))
  case .delegationList(let message):
    channel.send(delegations(of: message.key, signer: nil, more: message.after == 0))
  case .delegationKeySet(let message):
    channel.send(delegations(of: message.key, signer: message.signer, more: false))
  case .delegationRevoke(let message):
    channel.send(
      DelegationReport(
        summary: DelegationSummary(
          number: 12, delegation: message.delegation, parent: message.key, key: KeyID(0), name: "",
          scopes: [], models: [], live: false, expiresInMs: nil, budget: nil)))
  case .journalQuery(let message):
    let next = message.after.rawValue + 1
    channel.send(
      JournalListing(
        entries: [
          TransferEntry(
            transfer: TransferID(next), debit: AccountID(2), credit: AccountID(3),
            amount: Credits(nano: 1), kind: .credit, job: nil, time: LogTime(milliseconds: 1),
            group: nil, reverses: nil)
        ], more: next < 3, base: TransferID(0), baseHash: [UInt8](repeating: 0, count: 32),
        head: TransferID(3), headHash: [UInt8](repeating: 0, count: 32),
        logTime: LogTime(milliseconds: 1), sales: nil))
  default: channel.send(Failure(.internalError, "not in the script"))
  }
  channel.finish()
}

private func key(
  _ id: KeyID, named name: String, _ scopes: Scopes, _ rate: RateSummary? = nil
) -> KeyReport {
  KeyReport(
    summary: KeySummary(
      key: id, account: AccountID(3), scopes: scopes, name: name, revoked: false), life: nil,
    rate: rate)
}

private func delegations(of key: KeyID, signer: [UInt8]?, more: Bool) -> DelegationListing {
  DelegationListing(
    clusterID: ClusterID(7), key: key, signer: signer, delegations: [], more: more)
}

@Suite("The gateway: money", .timeLimit(.minutes(5)))
struct MoneyGatewayTests {
  @Test("a key is drawn here and shown once; a request with a name brings its own secret's hash")
  func keys() async throws {
    try await withGateway(script: books) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/keys", #"{"name":"bot"}"#)
      let made = await client.read(until: #""key":""#)
      #expect(made.hasPrefix("HTTP/1.1 200 OK\r\n") && made.contains(#""key":"sy_7_"#))
      let first = await coordinator.hears { heard -> KeyCreate? in
        if case .message(.keyCreate(let create), _) = heard { create } else { nil }
      }
      #expect(first?.account == AccountID(0) && first?.name == "bot")
      try await client.post("/v1/keys", "{}", headers: "idempotency-key: k1\r\n")
      #expect(await client.read(until: "secret_sha256").contains("HTTP/1.1 400 "))
      let other = try await RawClient(gateway.address)
      let hash = String(repeating: "0a", count: 32)
      for _ in 0..<2 {
        try await other.post(
          "/v1/keys", #"{"secret_sha256":"\#(hash)"}"#, headers: "idempotency-key: k1\r\n")
      }
      let answer = await other.read(until: "\"object\":\"key\"")
      #expect(!answer.contains(#""key":"sy_"#))
      var names: Set<RequestKey> = []
      for _ in 0..<2 {
        let create = await coordinator.hears { heard -> KeyCreate? in
          if case .message(.keyCreate(let create), _) = heard { create } else { nil }
        }
        #expect(create?.secretHash == [UInt8](repeating: 10, count: 32))
        if let create { names.insert(create.requestKey) }
      }
      #expect(names.count == 1)
    }
  }

  @Test(
    "a key that draws on a budget has its limit before it is shown; one is limited, one rotated")
  func keyChanges() async throws {
    try await withGateway(script: books) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/keys", #"{"budget":9,"requests_per_minute":60}"#)
      let made = await client.read(until: #""key":""#)
      #expect(made.contains(#""key":"sy_8_"#) && made.contains(#""requests":60"#))
      let budgeted = await coordinator.hears { heard -> BudgetKeyCreate? in
        if case .message(.budgetKeyCreate(let create), _) = heard { create } else { nil }
      }
      #expect(budgeted?.budget == BudgetID(9))
      let limiting = try await RawClient(gateway.address)
      try await limiting.post("/v1/keys/4/limit", #"{"tokens_per_minute":70}"#, method: "PUT")
      #expect(await limiting.read(until: "interval").contains(#""id":4,"object":"key""#))
      var limited: [KeyLimit] = []
      for _ in 0..<2 {
        let limit = await coordinator.hears { heard -> KeyLimit? in
          if case .message(.keyLimit(let limit), _) = heard { limit } else { nil }
        }
        if let limit { limited.append(limit) }
      }
      #expect(
        limited == [
          KeyLimit(key: KeyID(8), limit: RateTerms(requests: 60, tokens: nil)),
          KeyLimit(key: KeyID(4), limit: RateTerms(requests: nil, tokens: 70)),
        ])
      let rotating = try await RawClient(gateway.address)
      try await rotating.post("/v1/keys/4/rotation", #"{"grace":3600}"#)
      #expect(await rotating.read(until: #""key":""#).contains(#""key":"sy_4_"#))
      let rotated = await coordinator.hears { heard -> KeyRotate? in
        if case .message(.keyRotate(let rotate), _) = heard { rotate } else { nil }
      }
      #expect(rotated?.key == KeyID(4) && rotated?.graceMs == 3_600_000)
      let own = try await RawClient(gateway.address)
      let mine = APIKey(id: KeyID(4), secret: APIKey.generateSecret()).text
      try await own.send(
        "POST /v1/keys/4/rotation HTTP/1.1\r\nhost: x\r\nauthorization: Bearer \(mine)\r\n"
          + "content-length: 14\r\n\r\n{\"grace\":3600}")
      #expect(await own.read(until: "secret_sha256").hasPrefix("HTTP/1.1 400 "))
    }
  }

  @Test("what moves money is named; without a name nothing is asked of a coordinator")
  func transfers() async throws {
    try await withGateway(script: books) { gateway, coordinator in
      let body = #"{"transfers":[{"from":2,"to":3,"amount":"1.5"}]}"#
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/transfers", body)
      let refused = await client.read(until: "idempotency-key")
      #expect(refused.hasPrefix("HTTP/1.1 400 ") && refused.contains("malformed_request"))
      let named = try await RawClient(gateway.address)
      try await named.post("/v1/transfers", body, headers: "idempotency-key: t1\r\n")
      #expect(await named.read(until: "duplicate").hasPrefix("HTTP/1.1 200 OK\r\n"))
      let posted = await coordinator.hears { heard -> TransferPost? in
        if case .message(.transferPost(let post), _) = heard { post } else { nil }
      }
      #expect(posted?.legs.map(\.amount) == [Credits(nano: 1_500_000_000)])
    }
  }

  @Test("a reversal is named too, an ask is posted as it stands, and a quote asks for what it says")
  func market() async throws {
    try await withGateway(script: books) { gateway, coordinator in
      let unnamed = try await RawClient(gateway.address)
      try await unnamed.post("/v1/transfers/8/reversal", "")
      #expect(await unnamed.read(until: "idempotency-key").hasPrefix("HTTP/1.1 400 "))
      let partial = try await RawClient(gateway.address)
      try await partial.post(
        "/v1/transfers/8/reversal", #"{"amount":"1"}"#, headers: "idempotency-key: r0\r\n")
      #expect(await partial.read(until: "has no body").hasPrefix("HTTP/1.1 400 "))
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/transfers/8/reversal", "", headers: "idempotency-key: r1\r\n")
      #expect(await client.read(until: "duplicate").hasPrefix("HTTP/1.1 200 OK\r\n"))
      let reversed = await coordinator.hears { heard -> TransferReverse? in
        if case .message(.transferReverse(let reverse), _) = heard { reverse } else { nil }
      }
      #expect(reversed?.transfer == TransferID(8))
      let asking = try await RawClient(gateway.address)
      try await asking.post(
        "/v1/market/asks", #"{"model":"m","output_price":"0.6"}"#, method: "PUT")
      #expect(await asking.read(until: "refuse").contains(#""output_price":"0.6","reserve":0"#))
      let quoting = try await RawClient(gateway.address)
      try await quoting.get("/v1/market/quote?model=m&input_tokens=7&output_tokens=5")
      #expect(await quoting.read(until: "has_more").hasPrefix("HTTP/1.1 200 OK\r\n"))
      let quoted = await coordinator.hears { heard -> QuoteQuery? in
        if case .message(.quoteQuery(let query), _) = heard { query } else { nil }
      }
      #expect(quoted?.promptTokens == 7 && quoted?.outputTokens == 5)
    }
  }

  @Test("a key is bound to what signs for it, shown, unbound, and one delegation revoked")
  func delegated() async throws {
    try await withGateway(script: books) { gateway, coordinator in
      let hash = String(repeating: "0a", count: 32)
      let wrong = try await RawClient(gateway.address)
      try await wrong.post("/v1/keys/7/signer", "{}", method: "PUT")
      #expect(await wrong.read(until: "public_key").hasPrefix("HTTP/1.1 400 "))
      let binding = try await RawClient(gateway.address)
      try await binding.post(
        "/v1/keys/7/signer", #"{"public_key":"\#(hash)"}"#, method: "PUT")
      #expect(await binding.read(until: "has_more").contains(#""signer":"\#(hash)""#))
      let listing = try await RawClient(gateway.address)
      try await listing.get("/v1/keys/7/delegations")
      #expect(await listing.read(until: "has_more\":true").contains(#""key":7,"signer":null"#))
      let revoking = try await RawClient(gateway.address)
      let id = "00000000000000010000000000000002"
      try await revoking.post("/v1/keys/7/delegations/\(id)", "", method: "DELETE")
      #expect(await revoking.read(until: "live").contains(#""id":"\#(id)""#))
      let unbinding = try await RawClient(gateway.address)
      try await unbinding.post("/v1/keys/7/signer", "", method: "DELETE")
      #expect(await unbinding.read(until: "has_more").hasPrefix("HTTP/1.1 200 OK\r\n"))
      for expected in [[UInt8](repeating: 10, count: 32), nil] {
        let asked = await coordinator.hears { heard -> DelegationKeySet? in
          if case .message(.delegationKeySet(let set), _) = heard { set } else { nil }
        }
        #expect(asked?.key == KeyID(7) && asked?.signer == expected)
      }
    }
  }

  @Test("a report reads the whole journal, a page after the other")
  func report() async throws {
    try await withGateway(script: books) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.get("/v1/report")
      let answer = await client.read(until: "suppliers")
      #expect(answer.contains(#""first_transfer":1,"last_transfer":3,"issued":"0.000000003""#))
    }
  }
}
