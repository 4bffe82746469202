import ExchangeCore
import ExchangeTypes
import JobDispatch
import Testing
import WireProtocol

@Suite("The leader: refusals")
struct LeaderRefusalTests {
  @Test(
    "every code has one sentence that says what is wrong, and one that says what would be right")
  func sentences() {
    for code in ErrorCode.allCases {
      for text in [code.meaning, code.remedy] {
        #expect(text.hasSuffix(".") && text.first?.isUppercase == true, "\(code): \(text)")
      }
      #expect(!code.name.contains("_") || !code.sentence().contains(code.name), "\(code)")
    }
  }

  @Test(
    "what the state machine refuses says what was wrong, with its numbers, and what would be right, once"
  )
  func rejections() throws {
    let bench = try LeaderBench()
    let poor = try bench.poorCredential()
    func message(_ peer: Peer, _ code: ErrorCode) throws -> String {
      let failure = try peer.last(Failure.self)
      #expect(failure.errorCode == code)
      #expect(!failure.message.contains(code.name) && failure.message.contains("; "))
      return failure.message
    }
    let scope = bench.call(
      .accountCreate(.init(requestKey: bench.requestKey(), name: "x", kind: .consumer)), poor)
    #expect(
      try message(scope, .forbidden)
        == "the scopes of the key do not allow this (scope admin); use a key with the scope that is named"
    )
    let last = bench.call(.keyRevoke(.init(key: LeaderBench.root.key)))
    #expect(try message(last, .wrongState).contains("make another admin key first"))
    let model = try message(bench.submit(), .modelNotFound)
    #expect(model.contains("(model m)"))
    _ = try WorkerPeer(bench)
    let credit = bench.open(.job, poor)
    bench.say(.submit(bench.submission()), on: credit)
    #expect(try message(credit, .insufficientCredit).contains("available 0"))
    #expect(try message(bench.follow(JobID(77)), .unknownJob).contains("no job 77"))
  }
}
