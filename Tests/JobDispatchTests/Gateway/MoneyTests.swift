import ExchangeTypes
import OpenAIFormat
import Testing
import WireProtocol

@testable import JobDispatch

@Suite("Money over HTTP")
struct MoneyTests {
  @Test(
    "a method and a path ask for one thing",
    arguments: [
      ("GET", "/v1/account", MoneyRoute.account), ("HEAD", "/v1/key/", .key),
      ("GET", "/v1/credits", .credits), ("GET", "/v1/report", .report),
      ("GET", "/v1/budgets", .budgets(of: AccountID(0), after: BudgetID(0))),
      ("GET", "/v1/budgets?after=7", .budgets(of: AccountID(0), after: BudgetID(7))),
      ("GET", "/v1/budgets?account=3&after=7", .budgets(of: AccountID(3), after: BudgetID(7))),
      ("GET", "/v1/keys", .keys(of: AccountID(0))),
      ("GET", "/v1/keys?account=5", .keys(of: AccountID(5))),
      ("POST", "/v1/keys", .makeKey), ("DELETE", "/v1/keys/9", .endKey(KeyID(9))),
      ("PUT", "/v1/keys/9/limit", .limitKey(KeyID(9))),
      ("POST", "/v1/keys/9/rotation", .rotateKey(KeyID(9))),
      ("GET", "/v1/keys/9/delegations", .delegations(of: KeyID(9), after: 0)),
      ("GET", "/v1/keys/9/delegations?after=4", .delegations(of: KeyID(9), after: 4)),
      (
        "DELETE", "/v1/keys/9/delegations/00000000000000010000000000000002",
        .endDelegation(of: KeyID(9), DelegationID(high: 1, low: 2))
      ),
      ("PUT", "/v1/keys/9/signer", .setSigner(KeyID(9))),
      ("DELETE", "/v1/keys/9/signer", .endSigner(KeyID(9))),
      ("POST", "/v1/transfers", .transfer), ("GET", "/v1/jobs/7/receipt", .receipt(JobID(7))),
      ("POST", "/v1/transfers/8/reversal", .reverse(TransferID(8))),
      ("GET", "/v1/accounts?after=2", .accounts(after: AccountID(2))),
      ("POST", "/v1/accounts", .makeAccount),
      ("DELETE", "/v1/accounts/5", .closeAccount(AccountID(5))),
      ("GET", "/v1/accounts/5/owner", .owner(of: AccountID(5))),
      ("PUT", "/v1/accounts/5/owner", .setOwner(of: AccountID(5))),
      ("POST", "/v1/budgets", .makeBudget), ("PUT", "/v1/budgets/9", .setBudget(BudgetID(9))),
      ("GET", "/v1/fee", .fee), ("PUT", "/v1/fee", .setFee),
      ("GET", "/v1/ledger", .ledger(after: TransferID(0), limit: 512)),
      ("GET", "/v1/ledger?limit=3&after=4", .ledger(after: TransferID(4), limit: 3)),
    ])
  func asked(method: String, target: String, route: MoneyRoute) throws {
    #expect(try HTTPRoute(method: method, target: target) == .money(route))
  }

  @Test(
    "what is nothing is refused by its own code",
    arguments: [
      ("POST", "/v1/account", ErrorCode.methodNotAllowed, nil),
      ("PUT", "/v1/keys", .methodNotAllowed, nil), ("GET", "/v1/keys/9", .methodNotAllowed, nil),
      ("GET", "/v1/keys/9/limit", .methodNotAllowed, nil),
      ("PUT", "/v1/keys/9/rotation", .methodNotAllowed, nil),
      ("PUT", "/v1/keys/x/limit", .notFound, nil),
      ("GET", "/v1/keys/9/signer", .methodNotAllowed, nil),
      ("PUT", "/v1/keys/0/signer", .notFound, nil),
      ("POST", "/v1/keys/9/delegations", .methodNotAllowed, nil),
      ("GET", "/v1/keys/9/delegations?limit=1", .malformedRequest, "limit"),
      ("DELETE", "/v1/keys/9/delegations/2", .notFound, nil),
      ("GET", "/v1/keys/9/delegations/00000000000000010000000000000002", .methodNotAllowed, nil),
      ("GET", "/v1/transfers", .methodNotAllowed, nil),
      ("GET", "/v1/transfers/8/reversal", .methodNotAllowed, nil),
      ("POST", "/v1/transfers/x/reversal", .notFound, nil),
      ("GET", "/v1/accounts/5", .methodNotAllowed, nil),
      ("DELETE", "/v1/accounts/0", .notFound, nil),
      ("DELETE", "/v1/accounts/5/owner", .methodNotAllowed, nil),
      ("PUT", "/v1/accounts/x/owner", .notFound, nil),
      ("DELETE", "/v1/budgets/9", .methodNotAllowed, nil),
      ("PUT", "/v1/budgets/-9", .notFound, nil),
      ("PATCH", "/v1/accounts", .methodNotAllowed, nil),
      ("POST", "/v1/fee", .methodNotAllowed, nil),
      ("POST", "/v1/jobs/7/receipt", .methodNotAllowed, nil),
      ("GET", "/v1/jobs/+7/receipt", .unknownJob, nil), ("DELETE", "/v1/keys/0", .notFound, nil),
      ("GET", "/v1/account/1", .notFound, nil), ("GET", "/v1/account?x=1", .malformedRequest, "x"),
      ("GET", "/v1/ledger?limit=0", .malformedRequest, "limit"),
      ("GET", "/v1/ledger?limit=513", .malformedRequest, "limit"),
      ("GET", "/v1/ledger?after=-1", .malformedRequest, "after"),
      ("GET", "/v1/ledger?after=1&after=2", .malformedRequest, "after=2"),
      ("GET", "/v1/ledger?after", .malformedRequest, "after"),
      ("GET", "/v1/ledger?a=&b=&c=&d=&e=&f=&g=&h=&i=", .malformedRequest, nil),
      ("GET", "/v1/budgets?after=18446744073709551616", .malformedRequest, "after"),
    ] as [(String, String, ErrorCode, String?)])
  func refused(method: String, target: String, code: ErrorCode, param: String?) {
    expectNoRoute(method, target, code, param: param)
  }

  @Test("the body of a new key: what is absent is usual, what is unknown or wrong is named")
  func newKey() throws {
    #expect(try MoneyBody.newKey([]) == MoneyBody.NewKey())
    let hash = String(repeating: "0a", count: 32)
    let whole = try MoneyBody.newKey(
      Array(
        #"{"account":3,"name":"bot","scopes":["read","submit"],"expires_in":60,"requests_per_minute":5,"tokens_per_minute":6,"secret_sha256":"\#(hash)"}"#
          .utf8))
    #expect(
      whole
        == MoneyBody.NewKey(
          account: AccountID(3), name: "bot", scopes: [.submit, .read], expiresInSeconds: 60,
          requestsPerMinute: 5, tokensPerMinute: 6, secretHash: [UInt8](repeating: 10, count: 32)))
    let both = try MoneyBody.newKey(Array(#"{"budget":3,"requests_per_minute":4}"#.utf8))
    #expect(both.budget == BudgetID(3) && both.limit == RateTerms(requests: 4, tokens: nil))
    for (body, param) in [
      (#"{"account":0}"#, "account"), (#"{"account":"3"}"#, "account"), (#"{"name":""}"#, "name"),
      (#"{"scopes":["root"]}"#, "scopes"), (#"{"scopes":"read"}"#, "scopes"),
      (#"{"expires_in":0}"#, "expires_in"), (#"{"expires_in":1.5}"#, "expires_in"),
      (#"{"requests_per_minute":4294967296}"#, "requests_per_minute"),
      (#"{"secret_sha256":"0a"}"#, "secret_sha256"), (#"{"limit":3}"#, "limit"),
      (#"{"name":"a","name":"b"}"#, "name"),
      ("[]", nil), ("{", nil), (#"{} {}"#, nil),
    ] as [(String, String?)] {
      #expect {
        _ = try MoneyBody.newKey(Array(body.utf8))
      } throws: {
        let refusal = $0 as? HTTPRefusal
        return refusal?.code == .malformedRequest && refusal?.param == param
      }
    }
    #expect {
      _ = try MoneyBody.newKey([UInt8](repeating: UInt8(ascii: " "), count: 20_000))
    } throws: {
      ($0 as? HTTPRefusal)?.code == .payloadTooLarge
    }
  }

  @Test("a key's limit is named or ended in so many words; a new secret is given or drawn")
  func keyChanges() throws {
    #expect(
      try MoneyBody.limit(Array(#"{"requests_per_minute":5,"tokens_per_minute":6}"#.utf8))
        == RateTerms(requests: 5, tokens: 6))
    #expect(
      try MoneyBody.limit(Array(#"{"none":true}"#.utf8)) == RateTerms(requests: nil, tokens: nil))
    #expect(try MoneyBody.newSecret([]) == MoneyBody.NewSecret())
    let hash = String(repeating: "0a", count: 32)
    #expect(
      try MoneyBody.newSecret(Array(#"{"grace":0,"secret_sha256":"\#(hash)"}"#.utf8))
        == MoneyBody.NewSecret(graceSeconds: 0, secretHash: [UInt8](repeating: 10, count: 32)))
    for (read, body, param) in [
      (Self.limit, "{}", "none"), (Self.limit, #"{"none":false}"#, "none"),
      (Self.limit, #"{"none":true,"tokens_per_minute":6}"#, "none"),
      (Self.limit, #"{"tokens_per_minute":0}"#, "tokens_per_minute"),
      (Self.limit, #"{"requests":5}"#, "requests"),
      (Self.secret, #"{"grace":-1}"#, "grace"), (Self.secret, #"{"grace":"1h"}"#, "grace"),
      (Self.secret, #"{"secret":"x"}"#, "secret"),
    ] as [((String) throws -> Void, String, String)] {
      #expect {
        try read(body)
      } throws: {
        let refusal = $0 as? HTTPRefusal
        return refusal?.code == .malformedRequest && refusal?.param == param
      }
    }
  }

  @Test("the body of transfers: amounts are text, and each entry is whole")
  func transfers() throws {
    #expect(
      try MoneyBody.transfers(
        Array(
          #"{"transfers":[{"from":2,"to":3,"amount":"1.5"},{"amount":"0.000000001","to":4,"from":3}]}"#
            .utf8)) == [
          TransferLeg(
            debit: AccountID(2), credit: AccountID(3), amount: Credits(nano: 1_500_000_000)),
          TransferLeg(debit: AccountID(3), credit: AccountID(4), amount: Credits(nano: 1)),
        ])
    let one = #"{"from":2,"to":3,"amount":"1"}"#
    let many = [String](repeating: one, count: 17).joined(separator: ",")
    for body in [
      "", "{}", #"{"transfers":[]}"#, #"{"transfers":[{"from":2,"to":3}]}"#,
      #"{"transfers":[{"from":2,"to":3,"amount":1}]}"#,
      #"{"transfers":[{"from":2,"to":3,"amount":"1","note":"x"}]}"#,
      #"{"transfers":[{"from":2,"from":2,"to":3,"amount":"1"}]}"#, #"{"transfers":[\#(many)]}"#,
    ] {
      #expect {
        _ = try MoneyBody.transfers(Array(body.utf8))
      } throws: {
        ($0 as? HTTPRefusal)?.code == .malformedRequest
      }
    }
  }

  @Test(
    "what signs a key's delegations is 32 bytes in hexadecimal, and nothing else stands beside it")
  func signer() throws {
    let digits = String(repeating: "0A", count: 32)
    #expect(
      try MoneyBody.signer(Array(#"{"public_key":"\#(digits)"}"#.utf8))
        == [UInt8](repeating: 10, count: 32))
    for (body, param) in [
      ("", nil), ("{}", "public_key"), (#"{"public_key":null}"#, "public_key"),
      (#"{"public_key":"0a"}"#, "public_key"), (#"{"public_key":"\#(digits)00"}"#, "public_key"),
      (#"{"public_key":"+\#(digits.dropFirst())"}"#, "public_key"),
      (#"{"key":4,"public_key":"\#(digits)"}"#, "key"),
    ] as [(String, String?)] {
      #expect {
        _ = try MoneyBody.signer(Array(body.utf8))
      } throws: {
        let refusal = $0 as? HTTPRefusal
        return refusal?.code == .malformedRequest && refusal?.param == param
      }
    }
  }

  @Test("what is known of a key's delegations, and one that was revoked before it was used")
  func delegations() {
    let used = DelegationSummary(
      number: 12, delegation: DelegationID(high: 1, low: 2), parent: KeyID(4), key: KeyID(9),
      name: "crawler", scopes: .submit, models: ["m"], live: true, expiresInMs: 5_000, budget: nil)
    let listing = DelegationListing(
      clusterID: ClusterID(7), key: KeyID(4), signer: [UInt8](repeating: 10, count: 32),
      delegations: [used], more: true)
    let signer = String(repeating: "0a", count: 32)
    #expect(
      text(MoneyAnswer.delegations(listing))
        == #"{"object":"list","cluster":"00000000000000000000000000000007","key":4,"signer":"\#(signer)","data":[{"id":"00000000000000010000000000000002","object":"delegation","number":12,"parent":4,"key":9,"name":"crawler","scopes":["submit"],"models":["m"],"live":true,"expires_in":5,"budget":null}],"has_more":true}"#
    )
    let unused = DelegationSummary(
      number: 13, delegation: DelegationID(high: 0, low: 3), parent: KeyID(4), key: KeyID(0),
      name: "", scopes: [], models: [], live: false, expiresInMs: nil, budget: Self.summary)
    let told = text(MoneyAnswer.delegation(DelegationReport(summary: unused)))
    #expect(
      told.hasPrefix(
        #"{"id":"00000000000000000000000000000003","object":"delegation","number":13,"parent":4,"key":null,"name":"","scopes":[],"models":[],"live":false,"expires_in":null,"budget":{"id":9,"#
      ))
  }

  @Test("the bodies about accounts, budgets and the operator's part: what is wrong is named")
  func books() throws {
    let budget = try MoneyBody.newBudget(
      Array(
        #"{"name":"papers","level":"user","parent":4,"account":3,"per_day":"0.5","total":"2"}"#.utf8
      ))
    #expect(
      budget
        == MoneyBody.NewBudget(
          account: AccountID(3), parent: BudgetID(4), level: .user, name: "papers",
          limits: .init(perDay: Credits(nano: 500_000_000), total: Credits(nano: 2_000_000_000))))
    #expect(
      try MoneyBody.budgetAllowance(Array(#"{"per_month":"1"}"#.utf8))
        == .init(perMonth: Credits(nano: 1_000_000_000)))
    #expect(try MoneyBody.budgetAllowance(Array(#"{"closed":true}"#.utf8)).isClosed)
    #expect(
      try MoneyBody.budgetAllowance(Array(#"{"closed":false,"per_month":"1"}"#.utf8))
        == .init(perMonth: Credits(nano: 1_000_000_000)))
    #expect(try MoneyBody.budgetAllowance(Array(#"{"none":true}"#.utf8)) == .init())
    let account = try MoneyBody.newAccount(Array(#"{"name":"fees","kind":"fees"}"#.utf8))
    #expect(account.name == "fees" && account.kind == .fees)
    #expect(try MoneyBody.owner(Array(#"{"owner":"acme"}"#.utf8)) == "acme")
    #expect(try MoneyBody.owner(Array(#"{"owner":""}"#.utf8)).isEmpty)
    let fee = try MoneyBody.fee(Array(#"{"parts":25000,"account":4}"#.utf8))
    #expect(fee.parts == 25_000 && fee.account == AccountID(4))
    for (read, body, param) in [
      (Self.budget, "{}", "name"), (Self.budget, #"{"name":"b","level":"key"}"#, "level"),
      (Self.budget, #"{"name":"b","total":2}"#, "total"),
      (Self.budget, #"{"name":"b","limit":"2"}"#, "limit"),
      (Self.allowance, #"{"closed":1}"#, "closed"),
      (Self.allowance, #"{"closed":true,"total":"1"}"#, "closed"),
      (Self.allowance, #"{"closed":true,"none":true}"#, "closed"),
      (Self.allowance, "{}", "none"), (Self.allowance, #"{"closed":false}"#, "none"),
      (Self.allowance, #"{"none":false}"#, "none"), (Self.allowance, #"{"none":1}"#, "none"),
      (Self.allowance, #"{"none":true,"total":"1"}"#, "none"),
      (Self.account, #"{"kind":"consumer"}"#, "name"),
      (Self.owner, "{}", "owner"), (Self.owner, #"{"owner":5}"#, "owner"),
      (Self.owner, #"{"owner":"\#(String(repeating: "a", count: 129))"}"#, "owner"),
      (Self.account, #"{"name":"a","kind":"bank"}"#, "kind"),
      (Self.fee, #"{"account":4}"#, "parts"), (Self.fee, #"{"parts":1000001}"#, "parts"),
    ] as [((String) throws -> Void, String, String)] {
      #expect(throws: (any Error).self, "\(body)") { try read(body) }
      do { try read(body) } catch {
        let refusal = error as? HTTPRefusal
        #expect(refusal?.code == .malformedRequest && refusal?.param == param, "\(body)")
      }
    }
  }

  @Test("what is no amount is refused by its own name, whatever it is said of")
  func amounts() {
    for (text, code) in [
      ("-1", .invalidAmount), ("0.0000000001", .invalidAmount), ("1e3", .invalidAmount),
      ("", .invalidAmount), ("18446744073.709551616", .amountOverflow),
    ] as [(String, ErrorCode)] {
      for (read, body, param) in [
        (Self.legs, #"{"transfers":[{"from":2,"to":3,"amount":"\#(text)"}]}"#, "transfers"),
        (Self.budget, #"{"name":"b","per_month":"\#(text)"}"#, "per_month"),
        (Self.allowance, #"{"total":"\#(text)"}"#, "total"),
        (Self.ask, #"{"model":"m","input_price":"\#(text)"}"#, "input_price"),
      ] as [((String) throws -> Void, String, String)] {
        #expect {
          try read(body)
        } throws: {
          let refusal = $0 as? HTTPRefusal
          return refusal?.code == code && refusal?.param == param
        }
      }
    }
  }

  private static func legs(_ body: String) throws {
    _ = try MoneyBody.transfers(Array(body.utf8))
  }
  private static func limit(_ body: String) throws { _ = try MoneyBody.limit(Array(body.utf8)) }
  private static func secret(_ body: String) throws {
    _ = try MoneyBody.newSecret(Array(body.utf8))
  }
  private static func ask(_ body: String) throws { _ = try MoneyBody.ask(Array(body.utf8)) }
  private static func budget(_ body: String) throws {
    _ = try MoneyBody.newBudget(Array(body.utf8))
  }
  private static func allowance(_ body: String) throws {
    _ = try MoneyBody.budgetAllowance(Array(body.utf8))
  }
  private static func account(_ body: String) throws {
    _ = try MoneyBody.newAccount(Array(body.utf8))
  }
  private static func owner(_ body: String) throws { _ = try MoneyBody.owner(Array(body.utf8)) }
  private static func fee(_ body: String) throws { _ = try MoneyBody.fee(Array(body.utf8)) }

  private static let summary = BudgetSummary(
    budget: BudgetID(9), parent: BudgetID(0), account: AccountID(3), level: .key, name: "bot",
    key: KeyID(4), perDay: nil, perMonth: Credits(nano: 2_000_000_000), total: nil, closed: false,
    held: Credits(nano: 500_000_000), spentInDay: Credits(nano: 1),
    spentInMonth: Credits(nano: 1_000_000_000), spent: Credits(nano: 3_000_000_000),
    dayEndsInMs: 5_000, monthEndsInMs: 6_999)

  private func standing(account: Bool) -> Standing {
    Standing(
      key: KeySummary(
        key: KeyID(4), account: AccountID(3), scopes: [.submit, .read], name: "bot", revoked: false),
      life: KeyLife(expiresInMs: 61_000, formerForMs: nil, lastUsedAgoMs: nil),
      rate: RateSummary(requests: 60, requestsLeft: 3, tokens: nil, tokensLeft: 0),
      account: account
        ? AccountSummary(
          account: AccountID(3), name: "alice", kind: .consumer,
          balance: Credits(nano: 7_000_000_000), held: Credits(nano: 500_000_000),
          spent: Credits(nano: 3_000_000_000), earned: Credits(nano: 10_000_000_000)) : nil,
      budgets: [Self.summary], left: Credits(nano: 500_000_000))
  }

  private func text(_ reply: HTTPReply) -> String { String(decoding: reply.body, as: UTF8.self) }

  @Test("what a key is told of itself: the examples of MONEY.md")
  func standings() {
    #expect(
      text(MoneyAnswer.key(standing(account: true)))
        == #"{"data":{"label":"bot","id":4,"scopes":["submit","read"],"limit":2,"limit_remaining":0.5,"limit_reset":"monthly","usage":3,"usage_daily":0.000000001,"usage_monthly":1,"is_free_tier":false,"expires_in":61,"rate_limit":{"requests":60,"tokens":null,"interval":"1m"}}}"#
    )
    #expect(
      text(MoneyAnswer.credits(standing(account: true)))
        == #"{"data":{"total_credits":10,"total_usage":3}}"#)
    let hidden = MoneyAnswer.credits(standing(account: false))
    #expect(hidden.head?.status == 403 && text(hidden).contains(#""code":"forbidden""#))
    #expect(
      text(MoneyAnswer.account(standing(account: true)))
        == #"{"object":"account","id":3,"name":"alice","balance":"7","held":"0.5","available":"6.5","spent":"3","credited":"10","left":"0.5","budgets":[{"id":9,"object":"budget","parent":null,"level":"key","name":"bot","key":4,"closed":false,"held":"0.5","day":{"limit":null,"spent":"0.000000001","left":null,"ends_in":5},"month":{"limit":"2","spent":"1","left":"0.5","ends_in":6},"total":{"limit":null,"spent":"3","left":null}}]}"#
    )
    #expect(
      text(MoneyAnswer.account(standing(account: false)))
        .hasPrefix(#"{"object":"account","id":null,"name":null,"balance":null"#))
  }

  @Test("keys, and what was posted, as MONEY.md shows them")
  func listings() {
    let report = KeyReport(
      summary: standing(account: true).key, life: standing(account: true).life, rate: nil)
    #expect(
      text(MoneyAnswer.key(report, secret: "sy_4_x"))
        == #"{"id":4,"object":"key","name":"bot","account":3,"scopes":["submit","read"],"revoked":false,"expires_in":61,"last_used_seconds_ago":null,"rate_limit":null,"key":"sy_4_x"}"#
    )
    #expect(!text(MoneyAnswer.key(report, secret: nil)).contains(#""key":"#))
    let entry = TransferEntry(
      transfer: TransferID(8), debit: AccountID(2), credit: AccountID(3),
      amount: Credits(nano: 5), kind: .credit, job: nil, time: LogTime(milliseconds: 9),
      group: nil, reverses: TransferID(7))
    let posted =
      #"{"id":8,"object":"transfer","from":2,"to":3,"amount":"0.000000005","kind":"credit","job":null,"group":null,"reverses":7,"log_time_ms":9}"#
    #expect(
      text(MoneyAnswer.transfers(TransferReport(entries: [entry], duplicate: true)))
        == #"{"object":"list","duplicate":true,"data":[\#(posted)]}"#)
    let page = JournalListing(
      entries: [entry], more: true, base: TransferID(0), baseHash: [0], head: TransferID(9),
      headHash: [255], logTime: LogTime(milliseconds: 10), sales: nil)
    #expect(
      text(MoneyAnswer.ledger(page))
        == #"{"object":"list","has_more":true,"base":0,"base_hash":"00","head":9,"head_hash":"ff","log_time_ms":10,"data":[\#(posted)]}"#
    )
    let sold = JournalListing(
      entries: [entry, Self.sale(9)], more: false, base: TransferID(0), baseHash: [0],
      head: TransferID(9), headHash: [255], logTime: LogTime(milliseconds: 10),
      sales: [Self.delivered(9)])
    #expect(
      text(MoneyAnswer.ledger(sold)).hasSuffix(
        #""data":[\#(posted),{"id":9,"object":"transfer","from":3,"to":5,"amount":"0","kind":"sale","job":7,"group":null,"reverses":null,"log_time_ms":9,"prompt_tokens":30,"cached_tokens":10,"output_tokens":20,"charge":"0.000000006","own_use":true}]}"#
      ))
  }

  private static func sale(_ id: UInt64) -> TransferEntry {
    TransferEntry(
      transfer: TransferID(id), debit: AccountID(3), credit: AccountID(5), amount: .zero,
      kind: .sale, job: JobID(7), time: LogTime(milliseconds: 9), group: nil, reverses: nil)
  }

  private static func delivered(_ id: UInt64) -> JournalSale {
    JournalSale(
      transfer: TransferID(id), promptTokens: TokenCount(30), cachedTokens: TokenCount(10),
      outputTokens: TokenCount(20), charge: Credits(nano: 6), own: id % 2 == 1)
  }

  @Test("a report is read page by page, begins where the journal does, and notices a gap")
  func report() throws {
    func page(
      _ ids: [UInt64], base: UInt64 = 4, sold: [UInt64] = [], more: Bool
    ) -> JournalListing {
      JournalListing(
        entries: ids.map {
          TransferEntry(
            transfer: TransferID($0), debit: AccountID(3), credit: AccountID($0 % 2 + 5),
            amount: Credits(nano: 1_000_000_000), kind: $0 % 3 == 0 ? .fee : .capture,
            job: JobID($0 / 3), time: LogTime(milliseconds: 1), group: nil, reverses: nil)
        } + sold.map(Self.sale), more: more, base: TransferID(base), baseHash: [0],
        head: TransferID(9), headHash: [0], logTime: LogTime(milliseconds: 1),
        sales: sold.map(Self.delivered))
    }
    var reading = ReportReading()
    #expect(reading.query.after == TransferID(0))
    #expect(try reading.take(page([5, 6], more: true)) == nil)
    #expect(reading.query.after == TransferID(6))
    var broken = reading
    #expect {
      _ = try broken.take(page([8], base: 7, more: false))
    } throws: {
      ($0 as? HTTPRefusal)?.code == .unavailable
    }
    let reply = try #require(try reading.take(page([7, 8], sold: [9, 10, 11], more: false)))
    #expect(
      text(reply)
        == #"{"object":"report","first_transfer":5,"last_transfer":11,"issued":"0","redeemed":"0","fees":"1","earned":"3","moved":"0","taken_back_before":"0","paid_jobs":2,"suppliers":[{"account":5,"earned":"1"},{"account":6,"earned":"2"}],"sold":{"jobs":1,"prompt_tokens":30,"cached_tokens":10,"output_tokens":20,"charges":"0.000000006"},"own_use":{"jobs":2,"prompt_tokens":60,"cached_tokens":20,"output_tokens":40,"charges":"0.000000012"}}"#
    )
    var empty = ReportReading()
    #expect(try empty.take(page([], base: 0, more: false)) != nil)
  }
}
