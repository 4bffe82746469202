import ExchangeTypes
import Testing
import WireProtocol

@Suite struct `Chain hashes and stream MACs` {
  private func claim(_ vector: Reference.Hashes) throws -> StreamMAC.Claim {
    let last = try #require(vector.hashes.last)
    let hash = try #require(ChainHash(bytes: bytes(hex: last)))
    return StreamMAC.Claim(
      attempt: AttemptID(job: JobID(vector.job), epoch: Epoch(vector.epoch)),
      lastSeq: vector.lastSeq, durableThrough: vector.durableThrough, hash: hash)
  }

  @Test func `agree with the reference`() throws {
    let vector = try Reference.hashes()
    let cluster = try #require(UInt128(vector.cluster, radix: 16))
    let start = ChainHash(cluster: ClusterID(rawValue: cluster), job: JobID(vector.job))
    var events: [Event] = []
    for text in vector.events {
      var reader = CanonicalReader(bytes(hex: text))
      events.append(try Event(from: &reader))
      try reader.finish()
    }
    let steps = events.indices.map { start.appending(events[...$0]) }
    #expect(([start] + steps).map { hex($0.bytes) } == vector.hashes)
    let mac = StreamMAC(key: bytes(hex: vector.key))
    #expect(hex(mac.code(for: try claim(vector))) == vector.mac)
    #expect(mac.isValid(bytes(hex: vector.mac), for: try claim(vector)))
  }

  @Test func `refuse a claim that differs anywhere`() throws {
    let vector = try Reference.hashes()
    let good = try claim(vector)
    let mac = StreamMAC(key: bytes(hex: vector.key))
    let code = mac.code(for: good)
    let zero = try #require(ChainHash(bytes: Array(repeating: 0, count: 32)))
    let job = AttemptID(job: JobID(vector.job + 1), epoch: good.attempt.epoch)
    let epoch = AttemptID(job: good.attempt.job, epoch: Epoch(vector.epoch + 1))
    for (attempt, lastSeq, durable, hash) in [
      (job, good.lastSeq, good.durableThrough, good.hash),
      (epoch, good.lastSeq, good.durableThrough, good.hash),
      (good.attempt, good.lastSeq + 1, good.durableThrough, good.hash),
      (good.attempt, good.lastSeq, good.durableThrough + 1, good.hash),
      (good.attempt, good.lastSeq, good.durableThrough, zero),
    ] {
      let other = StreamMAC.Claim(
        attempt: attempt, lastSeq: lastSeq, durableThrough: durable, hash: hash)
      #expect(!mac.isValid(code, for: other))
    }
    #expect(!mac.isValid(Array(code.dropLast()), for: good))
    #expect(!mac.isValid([], for: good))
    #expect(!StreamMAC(key: Array(repeating: 1, count: 32)).isValid(code, for: good))
    #expect(ChainHash(bytes: []) == nil)
  }

  @Test func `differ between jobs and clusters from the start`() {
    let one = ChainHash(cluster: ClusterID(rawValue: 1), job: JobID(1))
    #expect(one != ChainHash(cluster: ClusterID(rawValue: 1), job: JobID(2)))
    #expect(one != ChainHash(cluster: ClusterID(rawValue: 2), job: JobID(1)))
  }
}
