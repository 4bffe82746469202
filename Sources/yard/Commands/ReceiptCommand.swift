internal import ArgumentParser
internal import ExchangeTypes
internal import Foundation
internal import Identity
internal import JobDispatch
internal import OpenAIFormat
internal import WireProtocol

/// `yard receipt`.
struct ReceiptCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "receipt",
    abstract: "What a job cost and why, signed by the cluster; anyone can check it.",
    discussion: """
      Example: yard receipt 7 --to job-7.receipt
               yard receipt verify job-7.receipt --ca cluster/client/identity/ca.pem
      """,
    subcommands: [Get.self, Verify.self], defaultSubcommand: Get.self)

  struct Get: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Get the receipt of a job that has ended, while its record is kept.",
      discussion: "Example: yard receipt 7 --to job-7.receipt")

    @Argument(help: "The job's number.") var job: UInt64
    @Option(help: ArgumentHelp("The file; standard output if absent.", valueName: "file"))
    var to: String?
    @OptionGroup var cluster: ClusterOptions

    func run() async throws {
      let receipt = try await cluster.ask(ReceiptQuery(job: JobID(job))) {
        if case .receipt(let receipt) = $0 { receipt } else { nil }
      }
      let signed = SignedStatement(
        statement: receipt.statement, signedAt: receipt.signedAt,
        certificate: receipt.certificate, signature: receipt.signature)
      guard let to else { return Terminal.write(signed.text + "\n") }
      do {
        try Data((signed.text + "\n").utf8).write(to: URL(fileURLWithPath: to), options: .atomic)
      } catch { throw CommandError(.refused, "\(to) cannot be written: \(error)") }
      Terminal.note("the receipt of job \(job) is in \(to)")
    }
  }

  struct Verify: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Check a receipt with the cluster's public key, and show it: no cluster is asked.",
      discussion: """
        Signatures, and sums: the charge is the tokens at their prices, what was paid is the charge as it is divided. Whoever has what
        was asked and answered can have it compared: the request as its HTTP body was (with the options that go with it where yard run or
        yard submit made it), the output as yard result --output json prints it.

        Example: yard receipt verify job-7.receipt --ca ca.pem
                 yard receipt verify job-7.receipt --ca ca.pem --request body.json --events output.jsonl
        """)

    @Argument(help: "The receipt's file.") var file: String
    @Option(help: ArgumentHelp("The cluster's ca.pem.", valueName: "file")) var ca: String
    @Option(help: ArgumentHelp("The request's body, to the byte.", valueName: "file"))
    var request: String?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("The --max-input-price of the request.", valueName: "credits"),
      transform: Amount.price)
    var maxInputPrice: Price?
    @Option(
      parsing: .unconditional,
      help: ArgumentHelp("The --max-output-price of the request.", valueName: "credits"),
      transform: Amount.price)
    var maxOutputPrice: Price?
    @Option(help: ArgumentHelp("The --retention of the request.", valueName: "time"))
    var retention: TimeSpan?
    @Option(
      help: ArgumentHelp("What yard result --output json printed of the job.", valueName: "file"))
    var events: String?
    @Option(help: "text or json.") var output: ClusterOptions.Format = .text

    func run() throws {
      let anchor: TrustAnchor
      do { anchor = try TrustAnchor(pem: try read(ca)) } catch let error as IdentityError {
        throw CommandError(.refused, "\(ca): \(error)")
      }
      let signer: PeerIdentity
      let receipt: JobReceipt
      let signedAt: UInt64
      do {
        let signed = try SignedStatement(text: try read(file))
        signedAt = signed.signedAt
        signer = try signed.verify(anchor, allowed: [.coordinator])
        receipt = try JobReceipt(bytes: signed.statement)
      } catch let fault as SignedStatement.Fault {
        throw CommandError(.refused, "\(file) is not a good receipt: \(fault.sentence)")
      } catch let error as CanonicalError {
        throw CommandError(.refused, "\(file) is signed, and states no receipt: \(error)")
      }
      guard receipt.cluster == anchor.cluster else {
        throw CommandError(.refused, "\(file) is about a job of another cluster")
      }
      if let word = receipt.word {
        guard let stated = receipt.workerStatement,
          AttemptSignature.isGood(
            word.signature, under: stated.bytes, by: word.publicKey, in: receipt.cluster)
        else {
          throw CommandError(
            .refused, "\(file) has a worker's signature that does not fit what it says")
        }
      }
      if let fault = receipt.fault {
        throw CommandError(.refused, "\(file) is signed, and does not add up: \(fault)")
      }
      try compare(receipt)
      Terminal.write(
        output == .json
          ? JSONText(receipt, signer, at: signedAt).line
          : table(receipt, signer, at: signedAt).text)
    }

    /// Whether it is about the request and the output that are at hand.
    private func compare(_ receipt: JobReceipt) throws {
      if let request {
        let body = Array(try read(request).utf8)
        guard submits(of: body).contains(where: { $0.requestHash == receipt.requestHash }) else {
          throw CommandError(.refused, "\(file) is not about the request in \(request)")
        }
      }
      if let events {
        let given = try EventLine.events(of: try read(events), named: events)
        let hash = ChainHash(cluster: receipt.cluster, job: receipt.job).appending(given)
        guard given.last?.seq ?? 0 == receipt.lastSeq,
          given.isEmpty || hash.bytes == receipt.outputHash
        else {
          throw CommandError(.refused, "\(file) is not about the output in \(events)")
        }
      }
    }

    /// All that a body can have been submitted as: by a gateway, with a name of its own or not, and by `yard`.
    private func submits(of body: [UInt8]) -> [Submit] {
      Endpoint.allCases.flatMap { endpoint -> [Submit] in
        let parsed = try? InferenceRequest.parse(
          body: body, endpoint: InferenceRequest.Endpoint(endpoint))
        guard let parsed else { return [] }
        return JobMode.allCases.map { mode in
          Submit(
            requestKey: RequestKey(high: 0, low: 0), mode: mode, endpoint: endpoint,
            model: parsed.model, body: body, maxInputPrice: maxInputPrice,
            maxOutputPrice: maxOutputPrice, queueTimeoutMs: 0, follow: false,
            retentionMs: retention?.milliseconds, durable: nil, servedOnly: nil)
        }
      }
    }

    private func read(_ path: String) throws -> String {
      do { return try String(contentsOfFile: path, encoding: .utf8) } catch {
        throw CommandError(.refused, "\(path) cannot be read: \(error)")
      }
    }

    private func table(
      _ receipt: JobReceipt, _ signer: PeerIdentity, at signedAt: UInt64
    ) -> Table {
      var table = Table("signed by", "\(signer) of \(signer.cluster)")
      table.add("signed at", Date(timeIntervalSince1970: Double(signedAt)).ISO8601Format())
      table.add("job", "\(receipt.job) of account \(receipt.account)")
      table.add("model", receipt.model)
      table.add(
        "ended", receipt.error == 0 ? receipt.state.name : errorName(receipt.error))
      table.add("request", hexadecimal(receipt.requestHash))
      table.add("output", "\(receipt.lastSeq) events, \(receipt.outputBytes) bytes")
      table.add("", hexadecimal(receipt.outputHash))
      table.add(
        "prompt",
        "\(receipt.promptTokens) tokens at \(receipt.prices.input) credits per million")
      if receipt.cachedTokens > .zero {
        table.add(
          "",
          "\(receipt.cachedTokens) of them cached, at "
            + "\(receipt.cachedPrice ?? receipt.prices.input) credits per million")
      }
      table.add(
        "output",
        "\(receipt.outputTokens) tokens at \(receipt.prices.output) credits per million"
          + (receipt.basis.map { ", by \($0.name)" } ?? ""))
      table.add("charged", "\(receipt.charge) of \(receipt.hold) credits held")
      for part in receipt.parts {
        table.add("delivered", "\(part.bytes) bytes by account \(part.supplier)")
      }
      for posting in receipt.postings {
        table.add(
          posting.isFee ? "fee" : "paid",
          "\(posting.amount) to account \(posting.payee) by transfer \(posting.transfer)")
      }
      for transfer in receipt.reversals {
        table.add("taken back", "by transfer \(transfer)")
      }
      guard let word = receipt.word else {
        table.add("worker", "signed nothing")
        return table
      }
      table.add("worker", "\(word.worker) signed from event \(word.firstSeq) on, with the key")
      table.add("", word.keyFingerprint)
      table.add("weights", word.modelDigest ?? "the worker states no digest of them")
      return table
    }
  }
}

extension SignedStatement.Fault {
  fileprivate var sentence: String {
    switch self {
    case .malformed: "it is not a signed statement, or was changed"
    case .certificate(let refusal): "its certificate is not good: \(refusal)"
    case .signature: "the signature does not fit"
    }
  }
}

extension JobReceipt.Word {
  fileprivate var keyFingerprint: String {
    hexadecimal(AttemptSignature.fingerprint(of: publicKey))
  }
}

extension BillingBasis {
  /// As receipts call it.
  fileprivate var name: String {
    switch self {
    case .tokenIDs: "token_ids"
    case .usage: "usage"
    case .chunkCount: "chunk_count"
    }
  }
}

extension JSONText {
  fileprivate init(_ receipt: JobReceipt, _ signer: PeerIdentity, at signedAt: UInt64) {
    self = [
      "signed_by": .string("\(signer)"), "signed_at": .unsigned(signedAt),
      "cluster": .string("\(receipt.cluster)"),
      "job": .id(receipt.job), "account": .id(receipt.account), "model": .string(receipt.model),
      "state": .string(receipt.state.name),
      "finish": receipt.finish.map { .string($0.name) } ?? .null,
      "error": receipt.error == 0 ? .null : .string(errorName(receipt.error)),
      "created_at_ms": .unsigned(receipt.createdAt.rawValue),
      "ended_at_ms": .unsigned(receipt.endedAt.rawValue),
      "request_hash": .string(hexadecimal(receipt.requestHash)),
      "events": .unsigned(receipt.lastSeq),
      "output_hash": .string(hexadecimal(receipt.outputHash)),
      "output_bytes": .unsigned(receipt.outputBytes),
      "counted_by": receipt.basis.map { .string($0.name) } ?? .null,
      "price_input_nano_per_million": .unsigned(receipt.prices.input.rawValue),
      "price_output_nano_per_million": .unsigned(receipt.prices.output.rawValue),
      "prompt_tokens": .unsigned(receipt.promptTokens.rawValue),
      "output_tokens": .unsigned(receipt.outputTokens.rawValue),
      "cached_tokens": .unsigned(receipt.cachedTokens.rawValue),
      "price_cached_input_nano_per_million": .unsigned(
        (receipt.cachedPrice ?? receipt.prices.input).rawValue),
      "hold_nano": .unsigned(receipt.hold.rawValue),
      "charge_nano": .unsigned(receipt.charge.rawValue),
      "fee_parts": .number(receipt.feeParts), "attempts": .number(receipt.attempts),
      "parts": .array(
        receipt.parts.map { ["supplier": .id($0.supplier), "bytes": .unsigned($0.bytes)] }),
      "postings": .array(
        receipt.postings.map {
          [
            "transfer": .id($0.transfer), "payee": .id($0.payee),
            "amount_nano": .unsigned($0.amount.rawValue), "fee": .boolean($0.isFee),
          ]
        }),
      "reversals": .array(receipt.reversals.map { .id($0) }),
      "worker": receipt.word.map { JSONText($0) } ?? .null,
    ]
  }

  private init(_ word: JobReceipt.Word) {
    self = [
      "worker": .id(word.worker), "key_sha256": .string(word.keyFingerprint),
      "model_digest": word.modelDigest.map { .string($0) } ?? .null,
      "first_event": .unsigned(word.firstSeq),
      "prompt_tokens": word.promptTokens.map { .unsigned($0.rawValue) } ?? .null,
      "output_tokens": word.outputTokens.map { .unsigned($0.rawValue) } ?? .null,
      "cached_tokens": .unsigned(word.cachedTokens.rawValue),
    ]
  }
}
