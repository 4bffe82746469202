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

  @Test("reads what it wrote, and nothing shorter, longer or of another version")
  func roundTrip() throws {
    let bytes = receipt.bytes
    #expect(try JobReceipt(bytes: bytes) == receipt)
    for length in 0..<bytes.count {
      #expect(throws: CanonicalError.self) { try JobReceipt(bytes: Array(bytes[..<length])) }
    }
    #expect(throws: CanonicalError.self) { try JobReceipt(bytes: bytes + [0]) }
    #expect(throws: CanonicalError.unknownValue(offset: 0, value: 2)) {
      try JobReceipt(bytes: [2] + bytes.dropFirst())
    }
  }

  @Test("one receipt has one encoding: a changed byte is refused or is another receipt")
  func mutation() {
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
