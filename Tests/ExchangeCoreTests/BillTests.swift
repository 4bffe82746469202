import ExchangeTypes
import JobMarket
import Testing

@testable import ExchangeCore

@Suite("The bill, row by row of its table")
struct BillTests {
  struct Row: CustomTestStringConvertible, Sendable {
    let name: String
    let basis: BillingBasis
    var record: (tokens: UInt64, ids: UInt64, bytes: UInt64) = (10, 7, 40)
    var floor: UInt8 = 2
    var prompt: UInt64?
    var output: UInt64?
    var completed = true
    /// Bytes of the record when an earlier attempt was lost.
    var recomputed: UInt64?
    let billed: (prompt: UInt64, output: UInt64)
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "token ids: the ids in the record", basis: .tokenIDs, billed: (0, 7)),
    Row(name: "token ids: usage is not believed", basis: .tokenIDs, output: 900, billed: (0, 7)),
    Row(
      name: "token ids: a cut stream is the same", basis: .tokenIDs, completed: false,
      billed: (0, 7)),
    Row(name: "usage below the bound", basis: .usage, output: 9, billed: (0, 9)),
    Row(name: "usage above the bytes", basis: .usage, output: 900, billed: (0, 20)),
    Row(name: "usage of nothing", basis: .usage, output: 0, billed: (0, 0)),
    Row(
      name: "bytes that do not divide are rounded down", basis: .usage,
      record: (tokens: 10, ids: 0, bytes: 41), floor: 4, output: 900, billed: (0, 10)),
    Row(name: "no usage: claimed per chunk", basis: .usage, billed: (0, 10)),
    Row(
      name: "no usage, claimed above the bytes", basis: .usage,
      record: (tokens: 21, ids: 0, bytes: 40), billed: (0, 20)),
    Row(name: "a cut stream: claimed per chunk", basis: .usage, completed: false, billed: (0, 10)),
    Row(name: "chunk count: usage is not asked", basis: .chunkCount, output: 3, billed: (0, 10)),
    Row(
      name: "chunk count above the bytes", basis: .chunkCount,
      record: (tokens: 900, ids: 0, bytes: 40), floor: 1, billed: (0, 40)),
    Row(
      name: "never more than the output bound", basis: .tokenIDs,
      record: (tokens: 900, ids: 900, bytes: 9_000), billed: (0, 50)),
    Row(name: "prompt as reported", basis: .usage, prompt: 99, output: 1, billed: (99, 1)),
    Row(name: "prompt at most the bound", basis: .usage, prompt: 101, output: 1, billed: (100, 1)),
    Row(name: "the same for token ids", basis: .tokenIDs, prompt: 101, billed: (100, 7)),
    Row(
      name: "completed without output: the prompt", basis: .usage,
      record: (tokens: 0, ids: 0, bytes: 0), prompt: 5, output: 5, billed: (5, 0)),
    Row(
      name: "failed before any event: nothing", basis: .usage,
      record: (tokens: 0, ids: 0, bytes: 0), prompt: 5, output: 5, completed: false,
      billed: (0, 0)),
    Row(
      name: "hidden tokens: usage without bytes", basis: .usage,
      record: (tokens: 500, ids: 0, bytes: 1), output: 500, billed: (0, 0)),
    Row(
      name: "continued: claimed per chunk, whatever the last engine counted", basis: .usage,
      output: 3, recomputed: 4, billed: (0, 10)),
    Row(
      name: "continued: ids of one attempt are not those of the whole", basis: .tokenIDs,
      recomputed: 4, billed: (0, 10)),
    Row(
      name: "continued: the output so far is nobody's prompt", basis: .usage, prompt: 14,
      recomputed: 4, billed: (10, 10)),
    Row(
      name: "continued: less prompt than was recomputed", basis: .usage, prompt: 3, recomputed: 4,
      billed: (0, 10)),
  ]

  @Test("each row", arguments: rows)
  func row(_ row: Row) {
    let bill = Bill(
      of: job(row), attempt: attempt(row),
      usage: ReportedUsage(
        promptTokens: row.prompt.map { TokenCount($0) },
        outputTokens: row.output.map { TokenCount($0) }), completed: row.completed)
    #expect(bill.promptTokens == TokenCount(row.billed.prompt))
    #expect(bill.outputTokens == TokenCount(row.billed.output))
    #expect(
      bill.charge == Credits(nano: (row.billed.prompt * 1_500 + row.billed.output * 2_500) / 1_000))
  }

  @Test("a charge is rounded down, once, and a hold up: it always covers")
  func rounding() {
    var random = SeededGenerator(seed: 5)
    for _ in 0..<2_000 {
      let price = PricePair(
        input: Price(nanoPerMillion: .random(in: 0...3_000_000, using: &random)),
        output: Price(nanoPerMillion: .random(in: 0...3_000_000, using: &random)))
      let prompt = TokenCount(UInt64.random(in: 0...200, using: &random))
      let output = TokenCount(UInt64.random(in: 0...200, using: &random))
      let hold = price.cost(inputTokens: prompt, outputTokens: output, rounding: .up)
      let charge = price.cost(inputTokens: prompt, outputTokens: output, rounding: .down)
      let exact =
        price.input.rawValue * prompt.rawValue + price.output.rawValue * output.rawValue
      #expect(charge?.rawValue == exact / 1_000_000)
      #expect(hold?.rawValue == (exact + 999_999) / 1_000_000)
    }
  }

  private func job(_ row: Row) -> Job {
    var record = Record()
    record.lastSeq = row.record.bytes == 0 ? 0 : 1
    record.tokens = row.record.tokens
    record.idTokens = row.record.ids
    record.bytes = row.record.bytes
    return Job(
      id: JobID(1), account: AccountID(3), key: KeyID(2), requestKey: request(1),
      bodyHash: hash(1), mode: .attached, model: "m",
      bid: Bid(
        endpoint: .chatCompletions, promptBound: TokenCount(100), outputMax: TokenCount(50),
        ceilings: Self.prices),
      hold: Credits(nano: 275), wrappedKey: [1],
      payload: PayloadReference(upload: 1, parts: 1, bytes: 1), createdAt: LogTime(rawValue: 0),
      queueTimeout: 1, phase: .running(attempt(row)), lastEpoch: Epoch(1), record: record,
      orphanDeadline: nil,
      interruption: row.recomputed.map { Interruption(attempt: attempt(row), recordBytes: $0) })
  }

  private static let prices = PricePair(
    input: Price(nanoPerMillion: 1_500_000), output: Price(nanoPerMillion: 2_500_000))

  private func attempt(_ row: Row) -> Attempt {
    Attempt(
      epoch: Epoch(1), offer: OfferID(worker: WorkerID(1), index: 0), incarnation: 1,
      supplier: AccountID(4), prices: Self.prices, basis: row.basis,
      bytesPerTokenFloor: row.floor, startedAt: LogTime(rawValue: 0))
  }
}
