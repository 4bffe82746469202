import ExchangeTypes
import Testing
import WireProtocol

@testable import yard

@Suite("What a receipt says, computed again")
struct ReceiptTests {
  /// The example of Sources/MONEY.md: alice (3) had 133 bytes of sam (4) and sue (5), the operator (6) has 25,000 parts.
  private func example(_ change: (inout JobReceipt) -> Void = { _ in }) -> JobReceipt {
    func paid(_ transfer: UInt64, _ payee: UInt64, _ amount: UInt64) -> JobReceipt.Posting {
      .init(
        transfer: TransferID(transfer), payee: AccountID(payee), amount: Credits(nano: amount),
        isFee: payee == 6)
    }
    var receipt = JobReceipt(
      cluster: ClusterID(7), job: JobID(8), account: AccountID(3), model: "m", state: .completed,
      finish: .stop, error: 0, createdAt: LogTime(milliseconds: 10),
      endedAt: LogTime(milliseconds: 11), requestHash: [UInt8](repeating: 12, count: 32),
      lastSeq: 20, outputHash: [UInt8](repeating: 14, count: 32), outputBytes: 133,
      basis: .chunkCount,
      prices: PricePair(
        input: Price(nanoPerMillion: 1_000_000_000), output: Price(nanoPerMillion: 2_000_000_000)),
      promptTokens: TokenCount(31), outputTokens: TokenCount(20), hold: Credits(nano: 400_000),
      charge: Credits(nano: 71_000), feeParts: 25_000, attempts: 2,
      parts: [.init(supplier: AccountID(4), bytes: 100), .init(supplier: AccountID(5), bytes: 33)],
      postings: [paid(25, 4, 52_048), paid(26, 5, 17_177), paid(27, 6, 1_775)])
    change(&receipt)
    return receipt
  }

  @Test("a receipt that the cluster would make adds up")
  func good() {
    #expect(example().fault == nil)
    // Sam's own job: he is not paid, and no part of it is the operator's.
    let own = example {
      $0.account = AccountID(4)
      $0.postings.removeFirst()
      $0.postings[1] = .init(
        transfer: TransferID(27), payee: AccountID(6), amount: Credits(nano: 440), isFee: true)
    }
    #expect(own.fault == nil)
    // The prompt was read and nothing came of it: who read it is not said.
    let unheard = example {
      $0.parts = []
      $0.postings = [$0.postings[0], $0.postings[2]]
      $0.postings[0] = .init(
        transfer: TransferID(25), payee: AccountID(9), amount: Credits(nano: 69_225), isFee: false)
    }
    #expect(unheard.fault == nil)
    let full = example { ($0.charge, $0.postings) = (.zero, []) }
    #expect(full.fault == nil, "a supplier that can be paid no more")
    let cached = example {
      ($0.cachedTokens, $0.cachedPrice) = (TokenCount(31), .zero)
      ($0.charge, $0.parts) = (Credits(nano: 40_000), [$0.parts[0]])
      $0.postings = [
        .init(transfer: TransferID(25), payee: AccountID(4), amount: $0.charge, isFee: false)
      ]
    }
    #expect(cached.fault == nil, "the operator had ended his part when the job ended")
  }

  @Test("each sum that is not what it should be is found")
  func bad() {
    let changes: [(inout JobReceipt) -> Void] = [
      { $0.charge = Credits(nano: 71_001) }, { $0.outputTokens = TokenCount(21) },
      { $0.charge = .zero }, { $0.hold = Credits(nano: 70_999) },
      { $0.cachedTokens = TokenCount(32) }, { $0.cachedPrice = Price(nanoPerMillion: .max) },
      { $0.outputBytes = 132 }, { $0.feeParts = 1_000_001 }, { $0.feeParts = 24_000 },
      { $0.account = AccountID(4) }, { $0.postings.swapAt(0, 1) }, { $0.postings = [] },
      { $0.parts.reverse() }, { $0.parts = [$0.parts[0]] },
      {
        $0.postings[0] = .init(
          transfer: TransferID(25), payee: AccountID(9), amount: Credits(nano: 52_048),
          isFee: false)
      },
    ]
    for (number, change) in changes.enumerated() {
      #expect(example(change).fault != nil, "\(number)")
    }
  }

  @Test("the events of an output are read back as they are printed, among other lines")
  func events() throws {
    let events = [
      Event(seq: 1, choice: 0, kind: .text, tokenCount: 1, ids: [7, 8], bytes: Array("é\n".utf8)),
      Event(seq: 2, choice: 1, kind: .reasoning, tokenCount: 2, ids: [], bytes: [0xc3]),
      Event(seq: 3, choice: 0, kind: .vector, tokenCount: 0, ids: [], bytes: [0, 0, 0, 0]),
    ]
    let text =
      "{\"waiting\":{}}\n" + events.map { EventLine.text(of: $0, durableThrough: 1) }.joined()
    #expect(try EventLine.events(of: text, named: "output") == events)
    #expect(throws: CommandError.self) { try EventLine.events(of: "{\n", named: "output") }
    let unknown = text.split(separator: "vector").joined(separator: "sound")
    #expect(throws: CommandError.self) { try EventLine.events(of: unknown, named: "output") }
  }
}
