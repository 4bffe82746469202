import Crypto
import ExchangeTypes
import Testing
import WireProtocol

@Suite("A job's receipt as bytes")
struct JobReceiptTests {
  private let receipt = JobReceipt(
    cluster: ClusterID(7), job: JobID(8), account: AccountID(3), model: "añ", state: .failed,
    finish: .error, error: 9, createdAt: LogTime(milliseconds: 10),
    endedAt: LogTime(milliseconds: 11), requestHash: [UInt8](repeating: 12, count: 32),
    lastSeq: 13, outputHash: [UInt8](repeating: 14, count: 32), outputBytes: 15,
    basis: .chunkCount,
    prices: PricePair(input: Price(nanoPerMillion: 16), output: Price(nanoPerMillion: 17)),
    promptTokens: TokenCount(18), outputTokens: TokenCount(19), hold: Credits(nano: 20),
    charge: Credits(nano: 21), feeParts: 22, attempts: 2,
    parts: [.init(supplier: AccountID(4), bytes: 23), .init(supplier: AccountID(5), bytes: 24)],
    postings: [
      .init(
        transfer: TransferID(25), payee: AccountID(4), amount: Credits(nano: 26), isFee: false),
      .init(transfer: TransferID(26), payee: AccountID(6), amount: Credits(nano: 1), isFee: true),
    ])

  /// One that has all of version 2.
  private var full: JobReceipt {
    var receipt = receipt
    receipt.cachedTokens = TokenCount(27)
    receipt.cachedPrice = Price(nanoPerMillion: 28)
    receipt.reversals = [TransferID(29), TransferID(30)]
    receipt.word = .init(
      worker: WorkerID(31), publicKey: [32, 33], modelDigest: "gguf-sha256:00",
      promptTokens: TokenCount(34), outputTokens: nil, cachedTokens: TokenCount(35), firstSeq: 4,
      signature: [UInt8](repeating: 36, count: 64))
    return receipt
  }

  @Test("a request's hash is over what makes it another request, and nothing else")
  func request() {
    func submit(
      _ mode: JobMode = .attached, _ endpoint: Endpoint = .chatCompletions, model: String = "m",
      input: Price? = nil, output: Price? = nil, body: [UInt8] = [9], retention: UInt64? = nil,
      key: UInt64 = 1, follow: Bool = true
    ) -> Submit {
      Submit(
        requestKey: RequestKey(high: 0, low: key), mode: mode, endpoint: endpoint, model: model,
        body: body, maxInputPrice: input, maxOutputPrice: output, queueTimeoutMs: UInt32(key),
        follow: follow, retentionMs: retention, durable: follow, servedOnly: follow)
    }
    let price = Price(nanoPerMillion: 5)
    let whole = submit(.submitted, input: price, retention: 3)
    let bytes: [UInt8] =
      [2, 1, 0, 0, 0, 1, 0x6d, 1, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 0, 1, 9]
      + [0, 0, 0, 0, 0, 0, 0, 3]
    #expect(whole.requestHash == Array(SHA256.hash(data: bytes)))
    let hash = submit().requestHash
    #expect(submit(key: 2, follow: false).requestHash == hash)
    for other in [
      submit(.submitted), submit(.attached, .completions), submit(model: "n"),
      submit(input: price), submit(output: price), submit(body: [8]), submit(retention: 0),
    ] { #expect(other.requestHash != hash) }
  }

  @Test("a receipt is of the lowest version that holds it, and is not read as of another")
  func versions() throws {
    #expect(receipt.bytes[0] == 1 && full.bytes[0] == 2)
    // What version 2 has more, all of it empty: zero, absent, no element, absent.
    let empty: [UInt8] = [2] + receipt.bytes.dropFirst() + [UInt8](repeating: 0, count: 14)
    #expect(throws: CanonicalError.unknownValue(offset: 0, value: 2)) {
      try JobReceipt(bytes: empty)
    }
    var some = receipt
    some.reversals = [TransferID(1)]
    #expect(some.bytes[0] == 2)
  }

  @Test("a digest is a kind and a hash, and nothing that changes what people read around it")
  func digests() throws {
    for good in ["gguf-sha256:00af", "x:1"] { #expect(WorkerStatement.isDigest(good)) }
    for bad in [
      "", ":", "x:", ":1", "x1", "x:1:2", "X:1", "x:G", "x:1\npaid  0", "x\u{1b}[2A:1", "x: 1",
    ] {
      #expect(!WorkerStatement.isDigest(bad), "\(bad)")
    }
    var other = full
    let word = try #require(full.word)
    other.word = .init(
      worker: word.worker, publicKey: word.publicKey, modelDigest: "x:1\nfee  0",
      promptTokens: nil, outputTokens: nil, cachedTokens: .zero, firstSeq: 1,
      signature: word.signature)
    #expect(throws: CanonicalError.self) { try JobReceipt(bytes: other.bytes) }
  }

  @Test("what a worker has signed follows from the receipt: each thing that it says is in it")
  func statement() throws {
    #expect(receipt.workerStatement == nil)
    let stated = try #require(full.workerStatement)
    #expect(stated.job == JobID(8) && stated.epoch == Epoch(2) && stated.finish == .error)
    #expect(stated.lastSeq == 13 && stated.firstSeq == 4 && stated.outputHash == full.outputHash)
    let changes: [(inout JobReceipt) -> Void] = [
      { $0.job = JobID(9) }, { $0.attempts = 3 }, { $0.model = "b" }, { $0.finish = .stop },
      { $0.lastSeq = 14 }, { $0.outputHash[31] ^= 1 },
      {
        $0.word = .init(
          worker: WorkerID(31), publicKey: [32, 33], modelDigest: nil,
          promptTokens: TokenCount(34), outputTokens: nil, cachedTokens: TokenCount(35),
          firstSeq: 4, signature: [UInt8](repeating: 36, count: 64))
      },
    ]
    for change in changes {
      var other = full
      change(&other)
      #expect(other.workerStatement?.bytes != stated.bytes)
    }
    var nothing = full
    nothing.lastSeq = 0
    #expect(nothing.workerStatement?.outputHash == [UInt8](repeating: 0, count: 32))
  }

  @Test("reads what it wrote, and nothing shorter, longer or of another version")
  func roundTrip() throws {
    try check(receipt)
    try check(full)
  }

  private func check(_ receipt: JobReceipt) throws {
    let bytes = receipt.bytes
    #expect(try JobReceipt(bytes: bytes) == receipt)
    for length in 0..<bytes.count {
      #expect(throws: CanonicalError.self) { try JobReceipt(bytes: Array(bytes[..<length])) }
    }
    #expect(throws: CanonicalError.self) { try JobReceipt(bytes: bytes + [0]) }
    #expect(throws: CanonicalError.unknownValue(offset: 0, value: 3)) {
      try JobReceipt(bytes: [3] + bytes.dropFirst())
    }
  }

  @Test("one receipt has one encoding: a changed byte is refused or is another receipt")
  func mutation() {
    change(receipt)
    change(full)
  }

  private func change(_ receipt: JobReceipt) {
    let bytes = receipt.bytes
    for place in bytes.indices {
      for change in [1, 0x80, 0xFF] as [UInt8] {
        var other = bytes
        other[place] ^= change
        guard let read = try? JobReceipt(bytes: other) else { continue }
        #expect(read != receipt && read.bytes == other)
      }
    }
  }
}
