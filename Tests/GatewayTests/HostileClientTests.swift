import Foundation
import Gateway
import JobDispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import WireProtocol

private let path = "/v1/chat/completions"

private func post(_ length: String, _ more: String = "") -> String {
  "POST \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n\(length)\r\n\(more)\r\n"
}

private func old(_ coding: String, _ body: String) -> String {
  "POST \(path) HTTP/1.0\r\nhost: x\r\nconnection: keep-alive\r\nauthorization: Bearer sy_1_x\r\n"
    + "\(coding)\r\n\r\n\(body)"
}

private let long = String(repeating: "b", count: 17 << 10)
private let manyFields: String = {
  let fields = String(repeating: "a: b\r\n", count: 100)
  return "GET /healthz HTTP/1.1\r\nhost: x\r\n\(fields)\r\n"
}()
private let malformedRequests: [(String, Int)] = [
  ("GET / nonsense\r\n\r\n", 400), ("\u{0}\u{0}\u{0}\u{0}\r\n\r\n", 400),
  ("GET /healthz HTTP/1.1\r\n\r\n", 400),
  ("GET /healthz HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", 400),
  (post("transfer-encoding: chunked") + "1;a=\(String(repeating: long, count: 4))", 431),
  (String(repeating: "\r\n", count: 40_000), 431),
  ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
  (post("content-length: 1048577"), 413), (post("content-length: 99999999999999999999"), 400),
  (post("content-length: 5\r\ncontent-length: 6"), 400),
  (post("transfer-encoding: chunked\r\ncontent-length: 6"), 400),
  (post("transfer-encoding: chunked", "\r\nzz\r\n"), 400),
  (manyFields, 431),
  ("GET /healthz HTTP/1.1\r\nhost: x\r\na: \(long)", 431),
  ("GET /\(long)", 431),
  // RFC 9112, section 3.2: a host that is no name or address is refused.
  ("GET /healthz HTTP/1.1\r\nhost: a/b\r\n\r\n", 400),
  ("GET /healthz HTTP/1.1\r\nhost: a@b\r\n\r\n", 400),
  ("GET /healthz HTTP/1.0\r\nhost: a b\r\n\r\n", 400),
  ("GET /healthz HTTP/1.1\r\nhost: h\u{fc}\r\n\r\n", 400),
  // Section 6.1: in HTTP/1.0 a transfer-encoding makes the framing faulty, whatever it is and however it goes on.
  (old("transfer-encoding: chunked", "5\r\nabcde\r\n0\r\n\r\n"), 400),
  (old("transfer-encoding: gzip, chunked", "0\r\n\r\n"), 400),
  // The same: a coding that is not understood, in one line or two.
  (post("transfer-encoding: gzip, chunked", "\r\n0\r\n\r\n"), 501),
  (post("transfer-encoding: gzip\r\ntransfer-encoding: chunked", "\r\n0\r\n\r\n"), 501),
  // Chunks more than once are no framing at all.
  (post("transfer-encoding: chunked, chunked", "\r\n0\r\n\r\n"), 400),
  (post("transfer-encoding: chunked\r\ntransfer-encoding: chunked", "\r\n0\r\n\r\n"), 400),
  // Section 6.3: where chunks are not the last coding, nobody can tell where the body ends.
  (post("transfer-encoding: chunked, gzip", "\r\n0\r\n\r\n"), 400),
  (post("transfer-encoding: gzip", "\r\n0\r\n\r\n"), 400),
  (post("transfer-encoding: ", "\r\n0\r\n\r\n"), 400),
]

private let wellFormedHosts = [
  "localhost", "a.example:8080", "[::1]:8080", "[fe80::1%25eth0]", "127.0.0.1",
  "a_b~c!$&'()*+,;=%41", "",
]

private let refusedRequests: [(String, Int, String)] = [
  ("POST \(path) HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", 401, "invalid_api_key"),
  (
    "POST \(path) HTTP/1.1\r\nhost: x\r\nauthorization: Basic eA==\r\ncontent-length: 2\r\n\r\n{}",
    401,
    "invalid_api_key"
  ),
  ("\(post("content-length: 2")){}", 400, "malformed_request"),
  ("\(post("content-length: 2"))\u{ff}", 400, "malformed_request"),
  (post("content-length: 0"), 400, "malformed_request"),
  ("GET \(path) HTTP/1.1\r\nhost: x\r\n\r\n", 405, "method_not_allowed"),
  ("GET /nothing HTTP/1.1\r\nhost: x\r\n\r\n", 404, "not_found"),
  (
    "POST /v1/rerank HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}", 501, "not_implemented"
  ),
]

@Suite("A hostile client", .timeLimit(.minutes(5)))
struct HostileClientTests {
  /// No script: a request that reached the coordinator would wait, and its test fail.
  @Test(
    "what is no request is answered with its own status, and the connection ends",
    arguments: malformedRequests)
  func malformed(bytes: String, status: Int) async throws {
    try await withGateway { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.send(bytes)
      let answer = await client.readToEnd()
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
      #expect(answer.contains("connection: close\r\n") && answer.contains(#"{"error":{"#))
      // It has a kind and a count, in the log and here.
      let code = try #require(answer.split(separator: #""code":""#).dropFirst().first)
      let other = try await RawClient(gateway.address)
      try await other.get("/metrics", authorization: nil)
      let metrics = await other.read(until: "gen_ai_server_request_duration_seconds_count")
      #expect(
        metrics.contains(#"refusals_total{kind="http_\#(code.prefix { $0 != "\"" })"} 1"#),
        "\(metrics)")
    }
  }

  @Test(
    "a well-formed request that cannot be served is answered, and the connection goes on",
    arguments: refusedRequests)
  func refused(bytes: String, status: Int, code: String) async throws {
    try await withGateway { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.send(bytes)
      let answer = await client.read(until: "}}")
      #expect(answer.hasPrefix("HTTP/1.1 \(status) "), "\(answer)")
      #expect(answer.contains(#""code":"\#(code)""#))
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").hasSuffix(#"{"status":"ok"}"#))
    }
  }

  @Test("whatever RFC 3986 has for a host is one", arguments: wellFormedHosts)
  func host(value: String) async throws {
    try await withGateway { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.send("GET /healthz HTTP/1.1\r\nhost: \(value) \r\n\r\n")
      #expect(await client.read(until: "ok").hasSuffix(#"{"status":"ok"}"#))
    }
  }

  @Test("chunks are known by their name in either case, and may have extensions")
  func chunked() async throws {
    try await withGateway { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.send(post("Transfer-Encoding: Chunked") + "5;a=b\r\nabcde\r\n0\r\n\r\n")
      // The body has come whole, and is no JSON.
      #expect(await client.read(until: "}}").contains("malformed_request"))
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").hasSuffix(#"{"status":"ok"}"#))
    }
  }

  @Test("a body without a declared length is cut off at its limit")
  func chunkedBody() async throws {
    var limits = HTTPLimits()
    limits.bodyBytesMax = 1_000
    try await withGateway(limits: limits) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.send(post("transfer-encoding: chunked"))
      let chunk = "100\r\n" + String(repeating: " ", count: 256) + "\r\n"
      try await client.send(chunk + chunk + chunk + chunk)
      #expect(await client.readToEnd().hasPrefix("HTTP/1.1 413 "))
    }
  }

  @Test("a body that nobody will read counts against no limit but its own")
  func unread() async throws {
    var limits = HTTPLimits()
    limits.bodyBytesMax = 1_000
    limits.bodyBytesInAllMax = 100
    try await withGateway(limits: limits) { gateway, _ in
      let client = try await RawClient(gateway.address)
      let head = "POST \(path) HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n"
      let chunk = "100\r\n" + String(repeating: " ", count: 256) + "\r\n"
      try await client.send(head + chunk + "0\r\n\r\n")
      #expect(await client.read(until: "}}").hasPrefix("HTTP/1.1 401 "))
      try await client.send(head + chunk + chunk + chunk + chunk)
      #expect(await client.readToEnd().contains("HTTP/1.1 413 "))
    }
  }

  @Test("bodies of all connections together have a limit")
  func bodiesInAll() async throws {
    var limits = HTTPLimits()
    limits.bodyBytesInAllMax = 1_000
    try await withGateway(limits: limits) { gateway, _ in
      let first = try await RawClient(gateway.address)
      try await first.send(post("content-length: 1000") + String(repeating: " ", count: 600))
      // The first one's bytes are there once a later request of another connection is answered, or soon after it.
      var answer = ""
      while !answer.hasPrefix("HTTP/1.1 503 ") {
        let next = try await RawClient(gateway.address)
        try await next.send(post("content-length: 600") + String(repeating: " ", count: 600))
        answer = await next.read(until: "}}")
        try await next.close()
      }
      #expect(answer.contains(#""code":"overloaded""#))
      try await first.close()
    }
  }

  @Test("where there is room for no more bodies, the address that has most gives up its own")
  func bodiesOfOneAddress() async throws {
    var limits = HTTPLimits()
    limits.bodyBytesInAllMax = 10_000
    try await withGateway(
      limits: limits,
      script: { message, channel in
        if case .submit = message { JobScript(["a"]).run(on: channel) }
      }
    ) { gateway, _ in
      // No key of these is any good, and none of their bodies ends.
      var hoarding: [RawClient] = []
      for _ in 0..<10 {
        let client = try await RawClient(gateway.address, from: "127.0.0.2")
        try await client.send(
          post("content-length: 1000", "expect: 100-continue\r\n"))
        #expect(await client.read(until: "\r\n\r\n").contains("100 Continue"))
        try await client.send(String(repeating: " ", count: 999))
        hoarding.append(client)
      }
      let body = #"{"model":"m","messages":[{"role":"user","content":"\#(long.prefix(2_000))"}]}"#
      let client = try await RawClient(gateway.address)
      // Their bytes are there by the time that a later request of theirs is refused.
      var refusal = ""
      while !refusal.contains("HTTP/1.1 503 ") {
        let last = try await RawClient(gateway.address, from: "127.0.0.2")
        try await last.send(post("content-length: 11") + String(repeating: " ", count: 11))
        refusal = await last.read(until: "}}")
        try await last.close()
      }
      try await client.post(path, body)
      #expect(await client.read(until: #""content":"a""#).contains("HTTP/1.1 200 OK"))
      // As many as there had to be, and an eighth at least.
      var told = 0
      try await client.get("/metrics", authorization: nil)
      let metrics = await client.read(until: "gen_ai_server_request_duration_seconds_count")
      #expect(metrics.contains(#"refusals_total{kind="bodies_in_all"}"#), "\(metrics)")
      for one in hoarding {
        // Those that were told have ended.
        try? await one.send(" ")
        if await one.read(until: "}}").contains("HTTP/1.1 503 ") { told += 1 }
      }
      #expect((2...4).contains(told))
    }
  }

  @Test(
    "a gateway that is full takes a newcomer in, and the address that has most loses its oldest")
  func full() async throws {
    var live = GatewayConfiguration.Live()
    live.connectionsMax = 5
    live.connectionsPerAddressMax = 3
    try await withGateway(live: live) { gateway, _ in
      var flood: [RawClient] = []
      for (count, source) in [(3, "127.0.0.2"), (2, "127.0.0.3")] {
        for _ in 0..<count {
          let client = try await RawClient(gateway.address, from: source)
          try await client.get("/healthz")
          #expect(await client.read(until: "ok").contains("200 OK"))
          flood.append(client)
        }
      }
      let client = try await RawClient(gateway.address)
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").contains("200 OK"))
      #expect(await flood[0].readToEnd().hasSuffix(#"{"status":"ok"}"#))
      // Of the others nobody has more than one beyond what this address would have.
      let second = try await RawClient(gateway.address)
      #expect(await second.readToEnd().contains("HTTP/1.1 503 "))
      try await flood[4].get("/nothing")
      #expect(await flood[4].read(until: "not_found").contains("HTTP/1.1 404 "))
    }
  }

  @Test("long bodies that come at once from many connections are all read, beside what others ask")
  func largeBodies() async throws {
    let coordinator = try await ScriptedCoordinator { message, channel in
      if case .submit = message { JobScript(["a"]).run(on: channel) }
    }
    var limits = HTTPLimits()
    limits.bodyBytesAtOnceMax = 64
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let gateway = try await startGateway(
      [coordinator.endpoint], limits: limits, on: group.next())
    var clients: [RawClient] = []
    for _ in 0..<9 {
      let client = try await RawClient(gateway.address)
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").contains("200 OK"))
      clients.append(client)
    }
    // The loop stands still until all of it is in its sockets, what others ask last.
    let lock = ConditionLock(value: false)
    group.next().execute {
      lock.lock(whenValue: true)
      lock.unlock()
    }
    let body = #"{"model":"m","messages":[{"role":"user","content":"\#(long.prefix(100))"}]}"#
    for client in clients.dropLast() {
      try await client.post(path, body, headers: "x-request-id: mine\r\n")
    }
    let other = try #require(clients.last)
    try await other.get("/metrics", authorization: nil)
    lock.lock()
    lock.unlock(withValue: true)
    let metrics = await other.read(until: "gen_ai_server_request_duration_seconds_count")
    let begun = metrics.split(separator: "chat_completions\"} ").dropFirst().first?.prefix {
      $0.isNumber
    }
    #expect((begun.flatMap { Int($0) } ?? 0) < 8, "\(metrics)")
    for client in clients.dropLast() {
      #expect(await client.read(until: "total_tokens").contains(#""content":"a""#))
    }
    await gateway.stop(within: 0)
    await coordinator.close()
    try await group.shutdownGracefully()
  }

  @Test("who is asked to wait for a word is told to go on, or why not")
  func expects() async throws {
    try await withGateway(script: { message, channel in
      if case .submit = message { JobScript(["a"]).run(on: channel) }
    }) { gateway, _ in
      let body = #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#
      let client = try await RawClient(gateway.address)
      try await client.send(
        post("content-length: \(body.utf8.count)", "expect: 100-continue\r\n"))
      #expect(await client.read(until: "\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n")
      try await client.send(body)
      #expect(await client.read(until: #""content":"a""#).contains("HTTP/1.1 200 OK"))
      let refused = try await RawClient(gateway.address)
      try await refused.send(
        "POST /nothing HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 9\r\n\r\n")
      #expect(await refused.readToEnd().hasPrefix("HTTP/1.1 404 "))
    }
  }

  @Test("slow heads and bodies are answered with 408, idle connections are just closed")
  func slow() async throws {
    // A short time for one thing each: a client that is slow to begin, since its machine is, is not cut off for another.
    var unhurried = HTTPLimits()
    unhurried.sweepMilliseconds = 10
    var limits = unhurried
    limits.headMilliseconds = 100
    limits.bodyMilliseconds = 100
    try await withGateway(limits: limits) { gateway, _ in
      let head = try await RawClient(gateway.address)
      try await head.send("GET /healthz HT")
      #expect(await head.readToEnd().hasPrefix("HTTP/1.1 408 "))
      let body = try await RawClient(gateway.address)
      try await body.send(post("content-length: 100") + "{")
      let late = await body.readToEnd()
      #expect(late.hasPrefix("HTTP/1.1 408 ") && late.contains("request_timeout"))
    }
    limits = unhurried
    limits.idleMilliseconds = 100
    try await withGateway(limits: limits) { gateway, _ in
      let idle = try await RawClient(gateway.address)
      try await idle.get("/healthz")
      #expect(await idle.readToEnd().hasSuffix(#"{"status":"ok"}"#))
    }
  }

  @Test("an address has its number of connections, and no more")
  func connections() async throws {
    var live = GatewayConfiguration.Live()
    live.connectionsPerAddressMax = 2
    try await withGateway(live: live) { gateway, _ in
      let first = try await RawClient(gateway.address)
      let second = try await RawClient(gateway.address)
      for client in [first, second] {
        try await client.get("/healthz")
        #expect(await client.read(until: "ok").contains("200 OK"))
      }
      let third = try await RawClient(gateway.address)
      let refused = await third.readToEnd()
      #expect(refused.hasPrefix("HTTP/1.1 429 ") && refused.contains("too_many_requests"))
      // A new limit holds from the next connection on, for what is connected already counts.
      var more = live
      more.connectionsPerAddressMax = 3
      gateway.apply(more)
      let fourth = try await RawClient(gateway.address)
      try await fourth.get("/healthz")
      #expect(await fourth.read(until: "ok").contains("200 OK"))
      gateway.apply(live)
      try await fourth.close()
      try await first.close()
      // The place is free once the gateway has seen the end.
      var answer = ""
      while !answer.contains("200 OK") {
        let next = try await RawClient(gateway.address)
        try await next.get("/healthz")
        answer = await next.read(until: "}")
        try await next.close()
      }
    }
  }

  @Test("requests sent ahead beyond the limit end the connection, after those within it")
  func pipelines() async throws {
    var limits = HTTPLimits()
    limits.pipelinedPartsMax = 4
    try await withGateway(
      limits: limits,
      script: { message, channel in
        if case .submit = message { JobScript(["a"]).run(on: channel) }
      }
    ) { gateway, _ in
      let client = try await RawClient(gateway.address)
      let body = #"{"model":"m","messages":[{"role":"user","content":"x"}]}"#
      let ahead = String(repeating: "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", count: 20)
      try await client.send(post("content-length: \(body.utf8.count)") + body + ahead)
      let answer = await client.readToEnd()
      #expect(answer.contains(#""content":"a""#))
      #expect(
        answer.split(separator: #"{"status":"ok"}"#, omittingEmptySubsequences: false).count == 3)
      // Of the third the head and the body are kept, and not its end.
      let other = try await RawClient(gateway.address)
      let whole = post("content-length: \(body.utf8.count)") + body
      try await other.send(whole + "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + whole)
      let cut = await other.readToEnd()
      #expect(cut.contains(#"{"status":"ok"}"#) && cut.contains("was not kept whole"), "\(cut)")
    }
  }

  @Test(
    "a slow reader gets everything in order; one that takes nothing is cut off and its job cancelled"
  )
  func slowReaders() async throws {
    let piece = String(repeating: "x", count: 8_000)
    let job = JobScript((0..<600).map { "\($0)," + piece })
    try await withGateway(script: { message, channel in
      if case .submit = message { job.run(on: channel) }
    }) { gateway, _ in
      let client = try await RawClient(gateway.address, reads: false)
      let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#
      try await client.post(path, body)
      // Longer than the sockets take: the gateway is pausing the job's stream by now, or will be.
      try await Task.sleep(for: .milliseconds(100))
      try await client.startReading()
      let answer = await client.read(until: "0\r\n\r\n")
      let numbers = answer.split(separator: #""content":""#).dropFirst().compactMap {
        Int($0.prefix { $0 != "," })
      }
      #expect(numbers == Array(0..<600))
      #expect(answer.contains("[DONE]"))
    }
    var limits = HTTPLimits()
    limits.stallMilliseconds = 100
    limits.sweepMilliseconds = 10
    try await withGateway(
      limits: limits,
      script: { message, channel in
        if case .submit = message { job.run(on: channel, ends: false) }
      }
    ) { gateway, coordinator in
      let client = try await RawClient(gateway.address, reads: false)
      let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#
      try await client.post(path, body)
      let cancelled = await coordinator.hears { heard -> Bool? in
        if case .message(.cancel, _) = heard { true } else { nil }
      }
      #expect(cancelled == true)
    }
  }

  @Test("HTTP/1.0: no chunks, and the end of the connection is the end of the stream")
  func old() async throws {
    try await withGateway(script: { message, channel in
      if case .submit = message { JobScript(["a"]).run(on: channel) }
    }) { gateway, _ in
      let client = try await RawClient(gateway.address)
      let body = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#
      try await client.send(
        "POST \(path) HTTP/1.0\r\nauthorization: Bearer sy_1_x\r\n"
          + "content-length: \(body.utf8.count)\r\n\r\n\(body)")
      let answer = await client.readToEnd()
      #expect(answer.hasSuffix("data: [DONE]\n\n") && !answer.contains("chunked"))
    }
  }
}
