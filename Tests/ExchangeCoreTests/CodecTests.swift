import ExchangeCore
import ExchangeTypes
import JobMarket
import Testing

@Suite("Command codec")
struct CodecTests {
  /// One command of each kind, with every optional present and every list filled.
  static let commands: [Command] = [
    .bootstrap(.init(clusterID: ClusterID(7), rootSecretHash: hash(1))),
    .pulse,
    .accountCreate(
      .init(caller: KeyID(1), requestKey: request(2), name: "añb", kind: .supplier)),
    .accountCredit(
      .init(
        caller: KeyID(1), requestKey: request(2), account: AccountID(3), amount: Credits(nano: 4))),
    .keyCreate(
      .init(
        caller: KeyID(1), requestKey: request(2), account: AccountID(3), name: "k", scopes: .all,
        secretHash: hash(4))),
    .keyRevoke(.init(caller: KeyID(1), key: KeyID(2))),
    .payloadPart(
      .init(caller: KeyID(1), requestKey: request(2), part: 3, of: 4, bytes: [5, 6])),
    submit(1, inputCeiling: 5, outputCeiling: 6, timeout: 7),
    submit(1, mode: .submitted, endpoint: .completions, output: nil, payload: .parts(3)),
    submit(1, likely: 3, answers: 4), submit(1, payload: .parts(3), likely: 3),
    assign(1, epoch: 2, worker: 3, offer: 4, version: 5),
    checkpoint((attempt(1), events(from: 2)), (attempt(3), events(from: 4))),
    settle(
      attempt(1), .error, prompt: 2, output: 3, error: .engineError, tail: events(from: 4),
      claim: .init(lastSeq: 5, chainHash: hash(6))),
    settle(attempt(1)),
    cancel(1),
    lost(attempt(1)),
    register(offers: [offer(), offer("x", endpoints: [.chatCompletions, .completions])]),
    .workerGone(.init(worker: WorkerID(1), incarnation: 2)),
    .purge(.init(caller: KeyID(1), jobs: [JobID(2), JobID(3)])),
    .raiseStateVersion(.init(to: 2)),
    .orphan(.init(job: JobID(1))),
    .adopt(.init(caller: KeyID(1), job: JobID(2))),
    .adopt(.init(caller: nil, job: JobID(2))),
    .cancelMany(.init(caller: KeyID(1), jobs: [JobID(2)])),
    submitAssigned(1, worker: 2, offer: 3, version: 4),
    .keyIssue(
      .init(
        create: .init(
          caller: KeyID(1), requestKey: request(2), account: AccountID(3), name: "k",
          scopes: .all, secretHash: hash(4)), lifetime: 5)),
    .keyRotate(
      .init(caller: KeyID(1), requestKey: request(2), key: KeyID(3), secretHash: hash(4), grace: 5)
    ),
    .keysUsed(.init(keys: [KeyID(1), KeyID(2)])),
    bind(70), bind(nil), undelegate(3),
    admit(1, scopes: .all, day: 2, total: 3, models: ["m", "añb"]),
    .submitOnTerms(
      .init(
        submit: plainSubmit(7),
        terms: JobTerms(
          needs: [.tools, .echo],
          preferences: Preferences(
            order: ["a", "b/c"], only: ["d"], ignore: [], allowsFallbacks: false, sort: .latency)),
        retention: Retention(kept: 2, untilDelivered: false),
        assignment: .init(offer: OfferID(worker: WorkerID(1), index: 2), askVersion: 3))),
    .submitOnTerms(.init(submit: plainSubmit(8), terms: JobTerms(needs: .logprobs))),
    .goesOnFromIDs(.init(attempt: attempt(3, 4))),
    .keyLimit(
      .init(caller: KeyID(1), key: KeyID(2), limit: RateLimit(requests: 3, tokens: 4))),
    .keyIssueLimited(
      .init(
        create: .init(
          caller: KeyID(1), requestKey: request(3), account: AccountID(4), name: "k",
          scopes: .submit, secretHash: hash(5)), lifetime: nil,
        limit: RateLimit(requests: nil, tokens: 6))),
    invite(), invite(name: nil),
    join(InvitationID(1), name: "w"), join(InvitationID(1)),
    renew(node("w"), [1, 2, 3]),
    revoke(.node(node("w", .gateway))), revoke(.serial([1, 2])),
    .wrappingKeyAnnounce(.init(key: 1 << 40 | 2)),
    .retentionSet(
      .init(caller: KeyID(1), retention: Retention(kept: 2, untilDelivered: true))),
    retained(1, Retention(kept: 2, untilDelivered: false), assigned: true),
    retained(1, Retention(kept: 2, untilDelivered: true), assigned: false),
    transfer([(3, 4, 5), (6, 7, 8)]), reverse(9),
    .accountClose(.init(caller: KeyID(1), account: AccountID(2))), feeSet(3, to: 4),
    budget(request: 2, under: 4, day: 5, total: 6), budget(request: 2),
    budgetSet(3, total: 4, closed: true), budgetedKey(3, request: 4, lifetime: 5),
    budgetedKey(3, request: 4),
    askSet(
      "m",
      AskTerms(
        input: Price(nanoPerMillion: 2), cachedInput: Price(nanoPerMillion: 1),
        output: Price(nanoPerMillion: 3), reserve: 4,
        own: [AccountID(5)], only: [AccountID(6), AccountID(7)], refuse: [AccountID(8)])),
    askSet("m", AskTerms(reserve: 1)), askSet("m", nil),
    settleCached(attempt(1), prompt: 9, cached: 8, output: 3),
    settleSigned(attempt(1), cached: 8), settleSigned(attempt(1), digest: nil),
    settleReasoned(attempt(1), reasoning: 2),
    settleReasoned(attempt(1), cached: 8, reasoning: 2, isSigned: true),
    inClass(.batch, 1), inClass(.interactive, 2, needs: .tools, at: 3),
    .attemptPreempted(.init(attempt: attempt(1, 2))), weigh(3, 250),
    ownerSet(3, "acme"), ownerSet(3, ""),
  ]

  private static func retained(
    _ number: UInt64, _ retention: Retention, assigned: Bool
  ) -> Command {
    guard case .submit(let submit) = submit(number) else { fatalError("a submit is a submit") }
    return .submitRetained(
      .init(
        submit: submit, retention: retention,
        assignment: assigned
          ? .init(offer: OfferID(worker: WorkerID(2), index: 3), askVersion: 4) : nil))
  }

  static let codes = Array(Set(commands.map(\.code))).sorted()

  @Test("every code that was given is tested here")
  func complete() {
    #expect(
      Self.codes == Array(1...25) + Array(28...33) + [43, 46, 47, 48, 60, 61, 62] + Array(67...76)
        + Array(80...82) + [89, 90])
  }

  @Test(
    "reads what it wrote, and nothing that is shorter, longer or of another code",
    arguments: commands)
  func roundTrip(_ command: Command) throws {
    let batch = CommandBatch(time: LogTime(milliseconds: 9), commands: [command])
    let payload = try #require(batch.payload())
    #expect(try CommandBatch(payload: payload) == batch)
    #expect(payload[13] == command.code)
    for length in 0..<payload.count {
      #expect(throws: CanonicalError.self) {
        try CommandBatch(payload: Array(payload[..<length]))
      }
    }
    #expect(throws: CanonicalError.self) { try CommandBatch(payload: payload + [0]) }
    for code in [0, 200, 255] as [UInt8] {
      var other = payload
      other[13] = code
      #expect(throws: CanonicalError.unknownValue(offset: 13, value: UInt64(code))) {
        try CommandBatch(payload: other)
      }
    }
  }

  @Test(
    "one value has one encoding: a changed byte is refused or is another value",
    arguments: commands)
  func mutation(_ command: Command) throws {
    let batch = CommandBatch(time: LogTime(milliseconds: 9), commands: [command])
    let payload = try #require(batch.payload())
    for place in payload.indices {
      for change in [1, 0x80, 0xFF] as [UInt8] {
        var other = payload
        other[place] ^= change
        guard let read = try? CommandBatch(payload: other) else { continue }
        #expect(read != batch)
        #expect(read.payload() == other)
      }
    }
  }

  @Test("how a submit uses contexts stands behind what submits were; there is an answer at least")
  func contextUse() throws {
    func payload(_ command: Command) throws -> [UInt8] {
      try #require(CommandBatch(time: LogTime(milliseconds: 1), commands: [command]).payload())
    }
    let old = try payload(submit(1, payload: .parts(3)))
    let new = try payload(submit(1, payload: .parts(3), likely: 1))
    // The payload's form, and its number of parts.
    let form = old.count - 3
    #expect(Array(new[..<form]) == Array(old[..<form]) && old[form] == 2 && new[form] == 4)
    #expect(new.count == old.count + 12 && Array(new[(form + 1)..<(form + 3)]) == [0, 3])
    var none = new
    none[none.count - 1] = 0
    #expect(throws: CanonicalError.unknownValue(offset: new.count - 4, value: 0)) {
      try CommandBatch(payload: none)
    }
  }

  @Test("the version is checked, and an entry larger than an entry may be is refused")
  func envelope() throws {
    var payload = try #require(
      CommandBatch(time: LogTime(milliseconds: 1), commands: [.pulse]).payload())
    payload[0] = 2
    #expect(throws: CanonicalError.unknownValue(offset: 0, value: 2)) {
      try CommandBatch(payload: payload)
    }
    #expect(throws: CanonicalError.self) {
      try CommandBatch(payload: [UInt8](repeating: 1, count: LogEntry.payloadBytesMax + 1))
    }
  }

  @Test("the builder fills an entry, and refuses a command that no reader would take")
  func builder() throws {
    var builder = CommandBatch.Builder(time: LogTime(milliseconds: 3))
    let big = submit(
      1, payload: .inline([UInt8](repeating: 1, count: Command.Limits.inlineBytesMax)))
    #expect(builder.append(big) == .taken)
    #expect(builder.append(big) == .full)
    var count: UInt32 = 1
    while builder.append(cancel(1)) == .taken { count += 1 }
    #expect(builder.count == count)
    let batch = try CommandBatch(payload: builder.payload)
    #expect(batch.commands.count == Int(count) && batch.time == LogTime(milliseconds: 3))

    let tooLarge: [Command] = [
      submit(1, payload: .inline([UInt8](repeating: 1, count: Command.Limits.inlineBytesMax + 1))),
      submit(1, model: String(repeating: "m", count: 257)),
      submit(1, wrappedKey: [UInt8](repeating: 1, count: 129)),
      .bootstrap(.init(clusterID: ClusterID(1), rootSecretHash: [1])),
      .purge(.init(caller: KeyID(1), jobs: [JobID](repeating: JobID(1), count: 1_025))),
      checkpoint(
        (
          attempt(1),
          events(
            from: 1, sealed: [UInt8](repeating: 1, count: Command.Limits.segmentBytesMax + 1))
        )),
    ]
    for command in tooLarge {
      var builder = CommandBatch.Builder(time: LogTime(milliseconds: 3))
      #expect(builder.append(command) == .invalid)
      #expect(builder.count == 0)
      // Nothing of it is left.
      let next = CommandBatch(time: LogTime(milliseconds: 3), commands: [cancel(1)])
      #expect(builder.append(cancel(1)) == .taken)
      #expect(builder.payload == next.payload())
      #expect(CommandBatch(time: LogTime(milliseconds: 3), commands: [command]).payload() == nil)
    }
  }

  @Test("each largest command fits in an entry, and so does the row that it makes")
  func largest() {
    func bytes(_ count: Int) -> [UInt8] { [UInt8](repeating: 1, count: count) }
    let limits = Command.Limits.self
    let name = String(repeating: "n", count: limits.nameBytesMax)
    let model = String(repeating: "m", count: Offer.modelBytesMax - 2)
    let offers = (10..<26).map {
      offer(model + "\($0)", endpoints: [.chatCompletions, .completions])
    }
    let tail = events(from: 1, sealed: bytes(limits.segmentBytesMax))
    let largest: [Command] = [
      .payloadPart(
        .init(
          caller: KeyID(1), requestKey: request(1), part: 0, of: 1,
          bytes: bytes(limits.partBytesMax))),
      submit(
        1, model: model, inputCeiling: 1, outputCeiling: 1,
        wrappedKey: bytes(limits.wrappedKeyBytesMax),
        payload: .inline(bytes(limits.inlineBytesMax))),
      .settle(
        .init(
          attempt: attempt(1), finish: .error,
          usage: ReportedUsage(promptTokens: TokenCount(1), outputTokens: TokenCount(1)),
          error: .engineError, detailSealed: bytes(limits.detailBytesMax), tail: tail,
          claim: .init(lastSeq: 1, chainHash: hash(1)))),
      .settleSigned(
        .init(
          settle: .init(
            settle: .init(
              attempt: attempt(1), finish: .error,
              usage: ReportedUsage(promptTokens: TokenCount(1), outputTokens: TokenCount(1)),
              error: .engineError, detailSealed: bytes(limits.detailBytesMax), tail: tail,
              claim: .init(lastSeq: 1, chainHash: hash(1))), cachedTokens: TokenCount(1)),
          signed: .init(
            firstSeq: 1, modelDigest: String(repeating: "d", count: limits.digestBytesMax),
            publicKey: bytes(limits.publicKeyBytesMax),
            signature: bytes(limits.signatureBytesMax)))),
      register(name, offers: offers),
      .cancelMany(
        .init(
          caller: KeyID(1), jobs: [JobID](repeating: JobID(1), count: limits.jobsMax))),
    ]
    for command in largest {
      var builder = CommandBatch.Builder(time: LogTime(milliseconds: 3))
      #expect(builder.append(command) == .taken)
    }
  }
}

/// The submit of that number.
func plainSubmit(_ number: UInt64) -> Command.Submit {
  guard case .submit(let submit) = submit(number) else { fatalError("a submit is a submit") }
  return submit
}
