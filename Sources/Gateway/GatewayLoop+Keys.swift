internal import ExchangeClient
internal import ExchangeTypes
internal import Identity
internal import JobDispatch
internal import WireProtocol

// Keys that are given out: their secrets are drawn here, shown once and kept nowhere.
extension GatewayLoop {
  /// Makes a key; one that draws on a budget gets its limit in a second step, before the gateway shows what it has drawn.
  ///
  /// If that step has no answer the key is there without, and its secret is the caller's own or nobody's.
  func makeKey(
    _ key: String, _ request: HTTPRequest, _ connection: any RequestSource
  ) throws(HTTPRefusal) {
    let name = try Self.requestKey(request)
    let asked = try MoneyBody.newKey(request.takeBody())
    let given = try GivenSecret(asked.secretHash, named: name)
    let requestKey = name ?? drawRequestKey()
    let account = asked.account ?? AccountID(0)
    let lifetime = asked.expiresInSeconds.map { $0 * 1_000 }
    guard let budget = asked.budget else {
      let create = KeyCreate(
        requestKey: requestKey, account: account, name: asked.name, scopes: asked.scopes,
        secretHash: given.hash, lifetimeMs: lifetime, limit: asked.limit)
      return ask(create, key, request, connection) { Self.key($0, secret: given.secret) }
    }
    let create = BudgetKeyCreate(
      requestKey: requestKey, account: account, name: asked.name, scopes: asked.scopes,
      secretHash: given.hash, lifetimeMs: lifetime, budget: budget)
    guard let limit = asked.limit else {
      return ask(create, key, request, connection) { Self.key($0, secret: given.secret) }
    }
    let answer = CallAnswer()
    connection.answer(request, with: answer)
    client.call(create, key: key, callerRetries: true) { [self, weak connection] result in
      // Also for a client that has left: he may know the secret.
      guard case .success(.keyReport(let made)) = result else {
        connection?.send(Self.reply(to: result) { _ in nil }, from: answer)
        return
      }
      // A repeated request leaves the limit that the key has by now.
      guard made.rate == nil else {
        connection?.send(
          Self.reply(to: result) { Self.key($0, secret: given.secret) }, from: answer)
        return
      }
      client.call(KeyLimit(key: made.summary.key, limit: limit), key: key) { result in
        connection?.send(
          Self.reply(to: result) { Self.key($0, secret: given.secret) }, from: answer)
      }
    }
  }

  /// Gives a key a new secret.
  func rotateKey(
    _ id: KeyID, _ key: String, _ request: HTTPRequest, _ connection: any RequestSource
  ) throws(HTTPRefusal) {
    let name = try Self.requestKey(request)
    let asked = try MoneyBody.newSecret(request.takeBody())
    guard asked.secretHash != nil || APIKey(parsing: key)?.id != id else {
      throw HTTPRefusal(
        .malformedRequest,
        "an answer that is lost would be the end of a key that changes its own secret: draw it, and give its secret_sha256",
        param: "secret_sha256")
    }
    let given = try GivenSecret(asked.secretHash, named: name)
    let rotate = KeyRotate(
      requestKey: name ?? drawRequestKey(), key: id, secretHash: given.hash,
      graceMs: asked.graceSeconds * 1_000)
    ask(rotate, key, request, connection) { Self.key($0, secret: given.secret) }
  }

  /// What a key's holder shows: drawn here, or known to him alone.
  ///
  /// Who is given one is given it once, so such a request has no name under which it could be repeated.
  private struct GivenSecret {
    /// What is shown with the answer; nil where the caller has drawn it himself.
    let secret: Secret?
    /// What the cluster keeps.
    let hash: [UInt8]

    init(_ own: [UInt8]?, named name: RequestKey?) throws(HTTPRefusal) {
      guard name == nil || own != nil else {
        throw HTTPRefusal(
          .malformedRequest,
          "with an idempotency-key a key has a secret of the caller's own: give its secret_sha256",
          param: "secret_sha256")
      }
      secret = own == nil ? APIKey.generateSecret() : nil
      hash = own ?? secret.map(APIKey.hash) ?? []
    }
  }

  /// What is said of a key.
  static func key(_ message: Message, secret: Secret?) -> HTTPReply? {
    guard case .keyReport(let report) = message else { return nil }
    return MoneyAnswer.key(
      report, secret: secret.map { APIKey(id: report.summary.key, secret: $0).text })
  }
}
