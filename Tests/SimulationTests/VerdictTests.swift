import Glibc
import Testing

@testable import yard_sim

@Suite("What yard-sim says")
struct VerdictTests {
  private typealias Outcome = MutationTable.Outcome

  @Test("a mutation is found by a broken promise, or by a precondition that says so")
  func found() {
    let reported = "seed 1\nseed 2\nG2 found by seed 2: P1 at 5 ms: a lie\n"
    #expect(Outcome(text: reported, status: 0) == .found(2, as: "P1 at 5 ms: a lie"))
    let trapped = "seed 3\nRoom/File.swift:7: Fatal error: a gap in the log\n"
    for signal in [SIGILL, SIGTRAP] {
      #expect(
        Outcome(text: trapped, status: signal)
          == .found(3, as: "the process ends: a gap in the log"))
    }
  }

  @Test("a process that was killed has found nothing")
  func killed() {
    for signal in [SIGKILL, SIGSEGV, SIGABRT, SIGTERM] {
      #expect(Outcome(text: "seed 4\n", status: signal) == .broken(signal))
      #expect(Outcome(text: "seed 4\nFatal error: x\n", status: signal) == .broken(signal))
    }
    #expect(Outcome(text: "seed 4\n", status: SIGILL) == .wordless(4))
    #expect(Outcome(text: "seed 4\n", status: 0) == .broken(0))
    #expect(Outcome(text: "", status: SIGILL) == .broken(SIGILL))
    #expect(Outcome(text: "seed 4\nG2 not found by 4 seeds\n", status: 1 << 8) == .missed)
    #expect(Outcome(text: "Error: no such seed\n", status: 64 << 8) == .broken(64 << 8))
  }

  @Test("the last line counts what never happened, or says that nobody counted")
  func lastLine() {
    #expect(Summary().lastLine(missing: 3).contains("0 failed, 3 never happened;"))
    #expect(
      Summary().lastLine(missing: nil).contains("0 failed, what never happened was not counted;"))
    #expect(Summary().missing.count > 50)
  }
}
