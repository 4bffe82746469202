import ExchangeTypes
import Foundation
import Gateway
import HTTP2Session
import Testing
import Transport
import WireProtocol

private let path = "/v1/chat/completions"
private let whole = #"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":2}"#
private let streaming = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#

@Suite("The gateway under TLS", .timeLimit(.minutes(5)))
struct SecureGatewayTests {
  @Test("speaks HTTP/2: many requests at once on one connection, whole answers and streams")
  func answers() async throws {
    let given = try TestCertificate()
    try await withGateway(
      certificate: given.certificate,
      script: { message, channel in
        if case .submit = message { JobScript(["a", "b"]).run(on: channel) }
      }
    ) { gateway, coordinator in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      async let one = client.post(path, whole, headers: [HeaderField("x-request-id", "mine")])
      async let other = client.post(path, streaming)
      let (first, stream) = await (one, other)
      #expect(first.status == 200 && first.end == .complete)
      #expect(first.body.contains(#""content":"ab""#))
      #expect(first.fields.first("x-request-id") == "mine")
      #expect(first.fields.first("date")?.hasSuffix(" GMT") == true)
      #expect(first.fields.first("x-switchyard-job") == "3")
      #expect(first.fields.first("content-length") == "\(first.body.utf8.count)")
      #expect(stream.status == 200 && stream.end == .complete)
      #expect(stream.fields.first("content-type")?.hasPrefix("text/event-stream") == true)
      #expect(stream.body.hasSuffix("data: [DONE]\n\n"))
      let key = await coordinator.hears { heard -> String? in
        if case .message(.submit, let key) = heard { key } else { nil }
      }
      #expect(key == "Bearer sy_1_x")
      // More than a connection begins in one turn of the loop.
      let many = await client.post(
        (0..<60).map { _ in ("/v1/nothing", "", true) }, afterFirst: {})
      #expect(many.map(\.status) == Array(repeating: 404, count: 60))
      client.close()
    }
  }

  @Test("what is refused has its status, and what breaks in mid-stream is reset after its error")
  func failures() async throws {
    let given = try TestCertificate()
    var limits = HTTPLimits()
    limits.bodyBytesMax = 1_000
    limits.bodyMilliseconds = 200
    limits.lingerMilliseconds = 200
    limits.sweepMilliseconds = 10
    try await withGateway(
      limits: limits, certificate: given.certificate,
      script: { message, channel in
        guard case .submit = message else { return }
        let job = JobScript(["a"])
        job.run(on: channel, ends: false)
        job.end(on: channel, state: .failed)
      }
    ) { gateway, _ in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      let broken = await client.post(path, streaming)
      #expect(broken.status == 200 && broken.end == .reset(.internalError))
      #expect(broken.body.contains(#"data: {"error":{"#) && !broken.body.contains("[DONE]"))
      let large = await client.post(path, String(repeating: " ", count: 1_001), ends: false)
      #expect(large.status == 413 && large.body.contains("payload_too_large"))
      #expect(large.end == .complete)
      let slow = await client.post(path, "{", ends: false)
      #expect(slow.status == 408 && slow.body.contains("request_timeout"))
      #expect(await client.post("/v1/nothing", "").status == 404)
      // None of it has ended the connection.
      #expect(await client.post(path, "{").body.contains("malformed_request"))
      client.close()
    }
  }

  /// More than the client's window lets through: some of it waits in the gateway.
  private static let large = JobScript(
    (0..<200).map { _ in String(repeating: "x", count: 8_000) })

  @Test("what a client gave up, or never took, has not been delivered, though it was all sent")
  func undelivered() async throws {
    let given = try TestCertificate()
    try await withGateway(
      certificate: given.certificate,
      script: { message, channel in
        guard case .submit = message else { return }
        Self.large.run(on: channel, ends: false)
        Self.large.end(on: channel, untilDelivered: true)
      }
    ) { gateway, coordinator in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      let giveUp = try await client.hold(path, whole)
      giveUp()
      let taken = await client.post(path, whole)
      #expect(taken.status == 200 && taken.end == .complete && taken.body.utf8.count > 1_600_000)
      var heard: [String] = []
      while heard.last != "purge" {
        let next = await coordinator.hears { heard -> String? in
          switch heard {
          case .message(.submit, _): "submit"
          case .message(.purge(let purge), _): purge.jobs == [JobID(3)] ? "purge" : "another"
          default: nil
          }
        }
        heard.append(try #require(next))
      }
      #expect(heard == ["submit", "submit", "purge"])
      client.close()
    }
  }

  /// One answer that is not taken leaves a connection no room for another.
  private static let tight = {
    var limits = HTTPLimits()
    limits.bodyBytesMax = 1_000
    limits.outboundHighWater = 4 << 10
    limits.lingerMilliseconds = 200
    limits.sweepMilliseconds = 10
    return limits
  }()

  @Test("no request is begun while the client has not taken the other answers of its connection")
  func holdsBack() async throws {
    let given = try TestCertificate()
    try await withGateway(
      limits: Self.tight, certificate: given.certificate,
      script: { message, channel in if case .submit = message { Self.large.run(on: channel) } }
    ) { gateway, _ in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      let giveUp = try await client.hold(path, whole)
      // The second is refused before it has come, and has no turn to wait for.
      let answers = await client.post(
        [("/v1/nothing", "", true), (path, String(repeating: " ", count: 1_001), false)],
        afterFirst: giveUp)
      #expect(answers.map(\.status) == [413, 404])
      client.close()
    }
  }

  @Test("who leaves more untaken than all clients may is ended, and what runs for it is cancelled")
  func inAll() async throws {
    let given = try TestCertificate()
    var limits = HTTPLimits()
    limits.outboundInAllMax = 64 << 10
    limits.sweepMilliseconds = 10
    // Not for the time that it takes.
    limits.stallMilliseconds = 600_000
    try await withGateway(
      limits: limits, certificate: given.certificate,
      script: { message, channel in
        if case .submit = message { Self.large.run(on: channel, ends: false) }
      }
    ) { gateway, coordinator in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      _ = try await client.hold(path, streaming)
      let cancelled = await coordinator.hears { heard -> Bool? in
        if case .message(.cancel, _) = heard { true } else { nil }
      }
      #expect(cancelled == true)
      client.close()
    }
  }

  @Test("a request that waits while its client leaves is never begun")
  func leavesWaiting() async throws {
    let given = try TestCertificate()
    try await withGateway(
      limits: Self.tight, certificate: given.certificate,
      script: { message, channel in if case .submit = message { Self.large.run(on: channel) } }
    ) { gateway, coordinator in
      let client = try await SecureClient(gateway.address, trusting: given.anchor)
      _ = try await client.hold(path, whole)
      // The second is refused at once, when the first has come and waits.
      let answers = await client.post(
        [(path, whole, true), (path, String(repeating: " ", count: 1_001), false)],
        afterFirst: { client.close() })
      #expect(answers.first?.status == 413)
      let next = try await SecureClient(gateway.address, trusting: given.anchor)
      #expect(await next.post(path, streaming).status == 200)
      next.close()
      var begun = 0
      _ = await coordinator.hears { heard -> Bool? in
        guard case .message(.submit(let submit), _) = heard else { return nil }
        guard !String(decoding: submit.body, as: UTF8.self).contains("stream") else { return true }
        begun += 1
        return nil
      }
      #expect(begun == 1)
    }
  }

  @Test("a client that leaves cancels its job; a new certificate is the next connection's")
  func leavesAndRenews() async throws {
    let (old, new) = (try TestCertificate(), try TestCertificate())
    try await withGateway(
      certificate: old.certificate,
      script: { message, channel in
        if case .submit = message { JobScript(["a"]).run(on: channel, ends: false) }
      }
    ) { gateway, coordinator in
      let client = try await SecureClient(gateway.address, trusting: old.anchor)
      async let cut = client.post(path, streaming)
      let accepted = await coordinator.hears { heard -> Bool? in
        if case .message(.submit, _) = heard { true } else { nil }
      }
      gateway.apply(new.certificate)
      await #expect(throws: TransportError.self) {
        try await SecureClient(gateway.address, trusting: old.anchor)
      }
      try await SecureClient(gateway.address, trusting: new.anchor).close()
      client.close()
      #expect(await cut.end != .complete && accepted == true)
      let cancelled = await coordinator.hears { heard -> JobID? in
        if case .message(.cancel(let cancel), _) = heard { cancel.job } else { nil }
      }
      #expect(cancelled == JobID(3))
    }
  }

  @Test("a gateway that stops does not wait for what has not agreed on TLS")
  func stops() async throws {
    let given = try TestCertificate()
    var limits = HTTPLimits()
    limits.headMilliseconds = 3_600_000
    let gateway = try await startGateway(
      ["127.0.0.1:1"], limits: limits, certificate: given.certificate)
    let silent = try await RawClient(gateway.address)
    // Whoever comes later is accepted later.
    let client = try await SecureClient(gateway.address, trusting: given.anchor)
    client.close()
    await gateway.stop(within: 3_600_000)
    try await silent.close()
  }

  @Test("what is no TLS gets no answer, and no certificate is used with another's key")
  func refusals() async throws {
    let given = try TestCertificate()
    try await withGateway(certificate: given.certificate) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.get("/healthz")
      #expect(await !client.readToEnd().contains("HTTP/1.1"))
    }
    let other = try TestCertificate()
    #expect(throws: TransportError.self) {
      try ServerCertificate(certificateFile: given.chain, keyFile: other.key)
    }
  }

  @Test(
    "a key that others may read, or a group may write, is not used",
    arguments: [0o644, 0o660, 0o604])
  func exposedKey(mode: Int) throws {
    let given = try TestCertificate()
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: given.key)
    let error = #expect(throws: TransportError.self) {
      try ServerCertificate(certificateFile: given.chain, keyFile: given.key)
    }
    #expect(
      error?.description.contains("chmod 600 \(given.key)") == true, "\(String(describing: error))")
  }
}
