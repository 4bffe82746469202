import Crypto
import Foundation
import Logging
import NIOSSL
import OpenAIFormat
import SwiftASN1
import Testing
import X509

@testable import Engines

@Suite("Connections to an engine", .timeLimit(.minutes(2))) struct ConnectionTests {
  private static let stream = Array(Recorded.ollama.utf8)
  private static let question = EngineRequest(endpoint: .chatCompletions, body: Array("{}".utf8))

  private func engine(_ server: ScriptedEngine) -> OpenAICompatibleEngine {
    OpenAICompatibleEngine(
      spec: EngineSpec(baseURL: server.address), logger: Logger(label: "test"))
  }

  @Test("one that is not used is closed before an engine would close it")
  func idle() async throws {
    let gone = ScriptedEngine.Gate()
    try await ScriptedEngine.serving([
      .awaitRequest, .send(Self.stream), .awaitClose(gone),
    ]) { server in
      let engine = engine(server)
      let clock = ContinuousClock()
      let since = clock.now
      let end = try await engine.run(Self.question) { _ in }
      #expect(end.finishes.count == 1)
      await gone.pass()
      #expect(clock.now - since > .seconds(1))
      try await engine.shutdown()
    }
  }

  @Test("one that brings what nobody asked for is given no further request")
  func unasked() async throws {
    let sent = ScriptedEngine.Gate()
    let gone = ScriptedEngine.Gate()
    let first: [ScriptedEngine.Step] = [
      .awaitRequest, .send(Self.stream), .await(sent), .send(Self.stream), .awaitClose(gone),
    ]
    try await ScriptedEngine.serving(first, [.awaitRequest, .send(Self.stream)]) { server in
      let engine = engine(server)
      _ = try await engine.run(Self.question) { _ in }
      sent.open()
      await gone.pass()
      let end = try await engine.run(Self.question) { _ in }
      #expect(end.finishes.count == 1 && server.received.count == 2)
      try await engine.shutdown()
    }
  }

  @Test("an answer that says so is the last on its connection, and so is one that ends with it")
  func lastOnes() async throws {
    let status = "HTTP/1.1 200 OK"
    let said = Recorded.ollama.replacing(status, with: status + "\r\nConnection: close")
    let gone = ScriptedEngine.Gate()
    let events =
      #"data: {"choices":[{"index":0,"delta":{"content":"a"},"finish_reason":"stop"}]}"# + "\n\n"
    let plain = "HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + events
    try await ScriptedEngine.serving(
      [.awaitRequest, .send(Array(said.utf8)), .awaitClose(gone)],
      [.awaitRequest, .send(Array(plain.utf8)), .close],
      [.awaitRequest, .send(Self.stream)]
    ) { server in
      let engine = engine(server)
      for _ in 0..<3 {
        let end = try await engine.run(Self.question) { _ in }
        #expect(end.finishes.count == 1)
      }
      await gone.pass()
      #expect(server.received.count == 3)
      try await engine.shutdown()
    }
  }

  @Test("what comes before and behind an answer is passed over, and the connection is kept")
  func around() async throws {
    let hints = "HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"
    let last = "0\r\n\r\n"
    let trailing = Recorded.ollama.dropLast(last.count) + "0\r\nx-checksum: 7\r\n\r\n"
    #expect(Recorded.ollama.hasSuffix(last))
    let script: [ScriptedEngine.Step] = [
      .awaitRequest, .send(Array((hints + trailing).utf8)), .awaitRequest, .send(Self.stream),
    ]
    try await ScriptedEngine.serving([script]) { server in
      let engine = engine(server)
      for _ in 0..<2 {
        let end = try await engine.run(Self.question) { _ in }
        #expect(end.finishes.count == 1)
      }
      #expect(server.received.count == 2)
      try await engine.shutdown()
    }
  }

  @Test("an answer that comes before the request has left is the last on its connection")
  func early() async throws {
    let busy = Recorded.answer("503 Service Unavailable", "full", type: "text/plain")
    let goOn = ScriptedEngine.Gate()
    try await ScriptedEngine.serving(
      // Reads nothing, so that the request cannot leave.
      [.send(busy), .await(goOn)], [.awaitRequest, .send(Self.stream)]
    ) { server in
      let engine = engine(server)
      let large = EngineRequest(
        endpoint: .chatCompletions, body: Array(repeating: UInt8(ascii: " "), count: 32 << 20))
      let error = await #expect(throws: EngineError.self) {
        try await engine.run(large) { _ in }
      }
      guard case .busy = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
      let end = try await engine.run(Self.question) { _ in }
      #expect(end.finishes.count == 1)
      goOn.open()
      try await engine.shutdown()
    }
  }

  @Test("as many requests run at once as are asked for, each on its own")
  func many() async throws {
    // Fewer than a socket's queue of connections is long.
    let arrived = (0..<100).map { _ in ScriptedEngine.Gate() }
    let goOn = ScriptedEngine.Gate()
    let scripts = arrived.map { gate -> [ScriptedEngine.Step] in
      [.awaitRequest, .reach(gate), .await(goOn), .send(Self.stream)]
    }
    try await ScriptedEngine.serving(scripts) { server in
      let engine = engine(server)
      try await withThrowingTaskGroup(of: Int.self) { group in
        for _ in arrived {
          group.addTask { try await engine.run(Self.question) { _ in }.finishes.count }
        }
        for gate in arrived { await gate.pass() }
        goOn.open()
        for try await finishes in group { #expect(finishes == 1) }
      }
      try await engine.shutdown()
    }
  }

  @Test("a shutdown ends what runs, and what comes later")
  func shutdown() async throws {
    let begun = ScriptedEngine.Gate()
    let gone = ScriptedEngine.Gate()
    let head = Array((Recorded.head + Recorded.text("one")).utf8)
    try await ScriptedEngine.serving([.awaitRequest, .send(head), .awaitClose(gone)]) { server in
      let engine = engine(server)
      let running = Task { try await engine.run(Self.question) { _ in begun.open() } }
      await begun.pass()
      try await engine.shutdown()
      await gone.pass()
      for attempt in [running, Task { try await engine.run(Self.question) { _ in } }] {
        let error = await #expect(throws: EngineError.self) { try await attempt.value }
        guard case .cancelled = error else {
          Issue.record("got \(String(describing: error))")
          return
        }
      }
    }
  }

  @Test("a task that is cancelled already asks nothing")
  func cancelledBefore() async throws {
    try await ScriptedEngine.serving([.awaitRequest, .send(Self.stream)]) { server in
      let engine = engine(server)
      let attempt = Task {
        withUnsafeCurrentTask { $0?.cancel() }
        return try await engine.run(Self.question) { _ in }
      }
      let error = await #expect(throws: EngineError.self) { try await attempt.value }
      guard case .cancelled = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
      try await engine.shutdown()
      #expect(server.received == [])
    }
  }

  @Test("addresses are taken apart")
  func addresses() throws {
    let named = try EngineSpec.Server("https://host/llm")
    #expect(named.isTLS && named.host == "host" && named.port == 443 && named.path == "/llm")
    #expect(named.authority == "host" && named.tlsName == "host")
    let numbered = try EngineSpec.Server("http://[::1]:8000")
    #expect(!numbered.isTLS && numbered.host == "::1" && numbered.port == 8000)
    #expect(numbered.authority == "[::1]:8000" && numbered.path == "" && numbered.tlsName == nil)
    #expect(try EngineSpec.Server("http://10.0.0.1").tlsName == nil)
  }

  @Test("behind https the certificate must be trusted, and the engine's own")
  func secure() async throws {
    let (server, trusting) = try Self.secured()
    let script: [ScriptedEngine.Step] = [.awaitRequest, .send(Self.stream)]
    for (host, configuration, isTrusted) in [
      ("localhost", trusting, true), ("127.0.0.1", trusting, true),
      ("localhost", .makeClientConfiguration(), false),
    ] {
      let result = try await Self.result([script], host, server, configuration)
      switch result {
      case .success(let end): #expect(isTrusted && end.finishes.count == 1)
      case .failure(.down(let reason)):
        #expect(!isTrusted && reason.contains("CERTIFICATE_VERIFY_FAILED"), "\(host): \(reason)")
      case .failure(let error): Issue.record("\(host): \(error)")
      }
    }
  }

  @Test(
    "behind https too a connection that breaks off before an answer is asked once more, and no more"
  )
  func secureBreak() async throws {
    let (server, trusting) = try Self.secured()
    let broken: [ScriptedEngine.Step] = [.awaitRequest, .breakOff]
    let whole: [ScriptedEngine.Step] = [.awaitRequest, .send(Self.stream)]
    let once = try await Self.result([broken, whole], "127.0.0.1", server, trusting)
    #expect(try once.get().finishes.count == 1)
    // The second connection is not greeted: who has read the request may be gone because of it.
    for script in [
      [broken, broken, whole], [broken, [.reset]], [[.awaitRequest, .stopListening, .breakOff]],
    ] {
      let result = try await Self.result(script, "127.0.0.1", server, trusting)
      guard case .failure(.truncated) = result else {
        Issue.record("got \(result)")
        continue
      }
    }
  }

  @Test(
    "who does not greet is down after the time for a connection; what is shut down meanwhile is cancelled"
  )
  func unGreeted() async throws {
    let result = try await Self.result(
      [[.awaitClose(.init())]], "127.0.0.1", nil, .makeClientConfiguration())
    guard case .failure(.down(let reason)) = result else {
      Issue.record("got \(result)")
      return
    }
    #expect(reason.contains("no connection within"))
    let reached = ScriptedEngine.Gate()
    try await ScriptedEngine.serving([.reach(reached), .awaitClose(.init())]) { server in
      let address = server.address.replacing("http:", with: "https:")
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: address), logger: Logger(label: "test"))
      let attempt = Task { try await engine.run(Self.question) { _ in } }
      await reached.pass()
      try await engine.shutdown()
      let error = await #expect(throws: EngineError.self) { try await attempt.value }
      guard case .cancelled = error else {
        Issue.record("got \(String(describing: error))")
        return
      }
    }
  }

  /// How a request ends at `https`, of a server under these or under no TLS.
  private static func result(
    _ scripts: [[ScriptedEngine.Step]], _ host: String, _ server: NIOSSLContext?,
    _ configuration: TLSConfiguration
  ) async throws -> Result<EngineEnd, EngineError> {
    try await ScriptedEngine.serving(scripts, under: server) { scripted in
      let port = scripted.address.split(separator: ":").last ?? ""
      var limits = OpenAICompatibleEngine.Limits()
      if server == nil { limits.connect = .milliseconds(50) }
      let engine = OpenAICompatibleEngine(
        spec: EngineSpec(baseURL: "https://\(host):\(port)"), limits: limits,
        logger: Logger(label: "test"), on: nil, tls: configuration)
      let result: Result<EngineEnd, EngineError>
      do throws(EngineError) {
        result = .success(try await engine.run(Self.question) { _ in })
      } catch {
        result = .failure(error)
      }
      try await engine.shutdown()
      return result
    }
  }

  /// A server's side, and a client's that trusts it.
  private static func secured() throws -> (NIOSSLContext, TLSConfiguration) {
    let (certificate, key) = try selfSigned()
    var trusting = TLSConfiguration.makeClientConfiguration()
    trusting.trustRoots = .certificates([certificate])
    return (
      try NIOSSLContext(
        configuration: .makeServerConfiguration(
          certificateChain: [.certificate(certificate)], privateKey: .privateKey(key))),
      trusting
    )
  }

  private static func selfSigned() throws -> (NIOSSLCertificate, NIOSSLPrivateKey) {
    let key = P256.Signing.PrivateKey()
    let name = try DistinguishedName { CommonName("engine") }
    let certificate = try Certificate(
      version: .v3, serialNumber: Certificate.SerialNumber(),
      publicKey: Certificate.PublicKey(key.publicKey), notValidBefore: Date() - 60,
      notValidAfter: Date() + 3_600, issuer: name, subject: name,
      signatureAlgorithm: .ecdsaWithSHA256,
      extensions: try Certificate.Extensions {
        Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
        SubjectAlternativeNames([
          .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
        ])
      },
      issuerPrivateKey: Certificate.PrivateKey(key))
    return (
      try NIOSSLCertificate(
        bytes: Array(certificate.serializeAsPEM().pemString.utf8), format: .pem),
      try NIOSSLPrivateKey(bytes: Array(key.pemRepresentation.utf8), format: .pem)
    )
  }
}
