import Foundation
import Testing

@testable import yard

@Suite("Memory that nobody uses")
struct SpareHeapTests {
  @Test("is given back once there is more of it, and not again for what stays")
  func due() {
    var heap = SpareHeap()
    func isDue(mebibytes: Int) -> Bool { heap.isDue(mebibytes << 20) }
    #expect(!isDue(mebibytes: 8))
    #expect(isDue(mebibytes: 9))
    heap.gaveBack(20 << 20)
    #expect(!isDue(mebibytes: 28), "20 could not be given back")
    #expect(isDue(mebibytes: 29))
    // What goes by itself counts as given back.
    #expect(!isDue(mebibytes: 5))
    #expect(isDue(mebibytes: 14))
  }

  @Test("is looked for only while there is little to do")
  func idle() {
    var heap = SpareHeap()
    func isIdle(after seconds: Double) -> Bool { heap.isIdle(seconds) }
    #expect(isIdle(after: 0.9))
    #expect(!isIdle(after: 2))
    #expect(isIdle(after: 3))
  }

  /// Under a sanitizer, whose heap stands in for the C library's: whoever runs the tests with one, of either kind, sets this
  /// (`deploy/test --full` does).
  private static let isSanitized = ProcessInfo.processInfo.environment["ASAN_OPTIONS"] != nil

  @Test(
    "what is in use is not spare, and what was in use is",
    .disabled(if: isSanitized, "a sanitizer has a heap of its own"))
  func look() throws {
    let before = try #require(SpareHeap.spare)
    // Smaller than what the C library takes from the system, and gives back to it, each by itself.
    var pieces = (0..<640).map { [UInt8](repeating: UInt8($0 & 255), count: 100_000) }
    let meanwhile = try #require(SpareHeap.spare)
    #expect(meanwhile < before + (32 << 20) && pieces.count == 640)
    // Every other one goes, and the library keeps what lies between the others.
    pieces = stride(from: 0, to: 640, by: 2).map { pieces[$0] }
    let after = try #require(SpareHeap.spare)
    #expect(after > meanwhile + (16 << 20) && pieces.count == 320)
  }

  @Test(
    "of another heap than the C library's nothing is known",
    .enabled(if: isSanitized, "only a sanitizer brings one"))
  func foreign() {
    #expect(SpareHeap.spare == nil)
  }
}
