internal import ExchangeCore
internal import ExchangeTypes
internal import JobMarket
internal import TokenLedger
internal import WireProtocol

// Receipts: what a job came to, signed when somebody asks.
extension Dispatcher {
  /// Answers with a signed statement about one of the caller's own jobs, or any for who administers, once it has ended.
  func receipt(_ message: ReceiptQuery, of caller: Caller, _ answer: Answer) {
    let isAdmin = caller.scopes.contains(.admin)
    guard let job = exchange.job(message.job),
      isAdmin || exchange.isOwn(job, of: caller.key, in: caller.account)
    else {
      if let tombstone = exchange.tombstone(message.job),
        isAdmin || exchange.isOwn(tombstone, of: caller.key, in: caller.account)
      {
        return answer(
          Failure(
            refusing: .outputExpired, "the record of job \(message.job) is no longer kept",
            job: message.job, charge: tombstone.charge))
      }
      return answer(
        Failure(refusing: .unknownJob, "there is no job \(message.job) in this account"))
    }
    guard let ending = job.ending else {
      return answer(
        Failure(
          refusing: .wrongState, "job \(job.id) has not ended, and so has no receipt yet",
          job: job.id))
    }
    guard let signer else {
      return answer(
        Failure(
          .unavailable,
          "this coordinator has no certificate, and so cannot sign: it runs without TLS"))
    }
    guard let postings = postings(of: job, ending) else {
      return answer(
        Failure(
          refusing: .outputExpired, "the transfers of job \(job.id) are no longer in the journal",
          job: job.id, charge: ending.charge))
    }
    var receipt = statement(about: job, ending, postings)
    // What is not well signed is left out: whoever signs nonsense spoils nobody's receipt.
    if let word = receipt.word, let stated = receipt.workerStatement,
      !signer.isGood(word.signature, under: stated.bytes, by: word.publicKey)
    {
      receipt.word = nil
    }
    let stated = receipt.bytes
    do {
      let signed = try signer.sign(stated)
      answer(
        Receipt(
          statement: stated, signedAt: signed.signedAt, certificate: signed.certificate,
          signature: signed.signature))
    } catch {
      answer(Failure(.internalError, "the receipt cannot be signed: \(error)"))
    }
  }

  private func statement(
    about job: Job, _ ending: Ending, _ postings: [JobReceipt.Posting]
  ) -> JobReceipt {
    let billed = job.billedAttempt
    let cached = exchange.cachedPrompt(of: job.id)
    let cachedPrice = billed.flatMap { billed in cached?.price(of: billed) }
    return JobReceipt(
      cluster: configuration.clusterID, job: job.id, account: job.account, model: job.model,
      state: ending.state, finish: ending.finish, error: ending.error?.rawValue ?? 0,
      createdAt: job.createdAt, endedAt: ending.endedAt, requestHash: job.bodyHash,
      lastSeq: job.record.lastSeq, outputHash: job.record.chainHash,
      outputBytes: job.record.bytes, basis: billed?.basis,
      prices: billed?.prices ?? PricePair(input: .zero, output: .zero),
      promptTokens: ending.promptTokens, outputTokens: ending.outputTokens, hold: job.hold,
      charge: ending.charge, feeParts: job.feeParts, attempts: job.lastEpoch.rawValue,
      parts: job.contributions.map { JobReceipt.Part(supplier: $0.supplier, bytes: $0.bytes) },
      postings: postings, cachedTokens: cached?.tokens ?? .zero,
      cachedPrice: cachedPrice == billed?.prices.input ? nil : cachedPrice,
      reversals: postings.compactMap { exchange.reversal(of: $0.transfer) },
      word: word(about: job, ending))
  }

  private func word(about job: Job, _ ending: Ending) -> JobReceipt.Word? {
    guard let attempt = ending.attempt, ending.finish != nil,
      let row = exchange.signedAttempt(of: job.id), row.signed.signature.count == 64
    else { return nil }
    return JobReceipt.Word(
      worker: attempt.offer.worker, publicKey: row.signed.publicKey,
      modelDigest: row.signed.modelDigest, promptTokens: ending.usage.promptTokens,
      outputTokens: ending.usage.outputTokens, cachedTokens: row.cachedTokens,
      firstSeq: row.signed.firstSeq, signature: row.signed.signature)
  }

  /// The transfers that paid a job; nil if the journal does not keep them any more.
  private func postings(of job: Job, _ ending: Ending) -> [JobReceipt.Posting]? {
    guard let first = ending.transfer else { return [] }
    guard exchange.transfer(first) != nil else { return nil }
    // A job is paid by as many transfers as it had attempts, and one to the operator.
    let count = Int(job.lastEpoch.rawValue) + 1
    let posted = exchange.transfers(after: TransferID(first.rawValue - 1), limit: count)
    return posted.filter { $0.id == first || ($0.group == first && $0.job == job.id) }.map {
      JobReceipt.Posting(
        transfer: $0.id, payee: $0.credit, amount: $0.amount, isFee: $0.kind == .fee)
    }
  }
}
