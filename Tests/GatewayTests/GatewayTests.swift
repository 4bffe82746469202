import ExchangeClient
import ExchangeTypes
import Foundation
import Gateway
import Identity
import JobDispatch
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Testing
import Transport
import WireProtocol

/// Runs `body` with a gateway before a coordinator that answers by `script`.
func withGateway(
  limits: HTTPLimits = HTTPLimits(), live: GatewayConfiguration.Live = .init(),
  patience: UInt64 = 60_000, certificate: ServerCertificate? = nil,
  script: @escaping ScriptedCoordinator.Script = { _, _ in },
  _ body: (Gateway, ScriptedCoordinator) async throws -> Void
) async throws {
  let coordinator = try await ScriptedCoordinator(script: script)
  let gateway = try await startGateway(
    [coordinator.endpoint], limits: limits, live: live, patience: patience,
    certificate: certificate)
  try await body(gateway, coordinator)
  await gateway.stop(within: 0)
  await coordinator.close()
}

func startGateway(
  _ endpoints: [String], limits: HTTPLimits = HTTPLimits(),
  live: GatewayConfiguration.Live = .init(), patience: UInt64 = 60_000,
  certificate: ServerCertificate? = nil, security: LinkSecurity = .plaintextOnLoopback,
  on loop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next()
) async throws -> Gateway {
  var client = ClientConfiguration(
    endpoints: endpoints, key: nil, security: security, patience: patience, software: "test")
  client.role = .gateway
  var configuration = GatewayConfiguration(host: "127.0.0.1", port: 0, client: client)
  configuration.limits = limits
  configuration.live = live
  configuration.certificate = certificate
  return try await Gateway.start(configuration, on: loop)
}

private let request =
  #"{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":2,"zz":1.0}"#
private let streaming = #"{"model":"m","messages":[{"role":"user","content":"x"}],"stream":true}"#

/// Answers every submit with two pieces of text.
private let twoPieces: ScriptedCoordinator.Script = { message, channel in
  if case .submit = message { JobScript(["a", "b"]).run(on: channel) }
}

@Suite("The gateway", .timeLimit(.minutes(5)))
struct GatewayTests {
  @Test("a request's body and key reach the leader as they came, and its answer is whole")
  func whole() async throws {
    try await withGateway(script: twoPieces) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", request, headers: "x-request-id: mine\r\n")
      let answer = await client.read(until: "total_tokens\":4}}")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(
        answer.contains("x-request-id: mine\r\n") && answer.contains("x-switchyard-job: 3\r\n"))
      #expect(answer.contains("\r\ndate: "))
      #expect(answer.contains(#""content":"ab""#))
      let submit = await coordinator.hears { heard -> (Submit, String)? in
        if case .message(.submit(let submit), let key) = heard { (submit, key) } else { nil }
      }
      #expect(submit?.0.body == Array(request.utf8) && submit?.0.mode == .attached)
      #expect(submit?.1 == "Bearer sy_1_x")
    }
  }

  @Test("a dry run and a question why are one call each, and are answered in JSON")
  func why() async throws {
    try await withGateway { message, channel in
      let candidate = CandidateTerms(
        worker: WorkerID(4), name: "a/w", priceInput: Price(nanoPerMillion: 250_000_000),
        priceOutput: Price(nanoPerMillion: 1), context: 64, slots: 2, busy: 2, free: 0, place: 0,
        obstacle: "full", detail: "all of its slots have a job", hasFailed: false,
        firstOutputMs: 12, tokensPerSecond: nil)
      let isDryRun = if case .dryRun = message { true } else { false }
      channel.send(
        JobWhyReport(
          summary: nil, model: "m", promptBound: TokenCount(7), outputMax: TokenCount(8),
          maxInputPrice: .zero, maxOutputPrice: .zero, hold: Credits(nano: 5),
          refusal: isDryRun ? ErrorCode.insufficientCredit.rawValue : 0, refusalText: "no credit",
          queueAhead: nil, waitsMs: nil, candidates: [candidate], candidatesLeftOut: 0,
          attempts: [], remedyWorker: WorkerID(4),
          remedy: [ChangeTerms(field: "tools", value: "")], jobClass: .batch, preemptions: nil,
          warm: [WarmPrefix(worker: WorkerID(4), bytes: 512)]))
      channel.finish()
    } _: { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.post(
        "/v1/chat/completions",
        #"{"model":"m","dry_run":true,"stream":true,"messages":[{"role":"user","content":"x"}]}"#)
      let dry = await client.read(until: #"]}}"#)
      #expect(dry.hasPrefix("HTTP/1.1 200 OK\r\n"))
      #expect(dry.contains(#""object":"dry_run","job":null"#))
      #expect(dry.contains(#""model":"m","class":"batch","preemptions":0"#))
      #expect(dry.contains(#""tokens_per_second":null,"prompt_bytes_known":512}"#))
      #expect(dry.contains(#""refusal":{"code":"insufficient_quota","message":"no credit"}"#))
      #expect(dry.contains(#""obstacle":"full","detail":"all of its slots have a job""#))
      #expect(dry.contains(#""price":{"prompt":"0.25","completion":"0.000000001"}"#))
      #expect(dry.contains(#""remedy":{"worker":4,"changes":[{"field":"tools","value":null}]}"#))
      try await client.get("/v1/jobs/3/why")
      let why = await client.read(until: #""refusal":null"#)
      #expect(why.contains(#""refusal":null"#))
    }
  }

  @Test("a stream is chunked, each message one chunk, and the connection goes on after it")
  func stream() async throws {
    try await withGateway(script: twoPieces) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      let answer = await client.read(until: "0\r\n\r\n")
      #expect(answer.contains("transfer-encoding: chunked\r\n"))
      #expect(answer.contains("data: [DONE]\n\n\r\n0\r\n\r\n"))
      try await client.get("/healthz")
      #expect(await client.read(until: "ok").contains(#"{"status":"ok"}"#))
    }
  }

  @Test("that the coordinators refuse says so, and that it is not its client who is refused")
  func refusedItself() async throws {
    let coordinator = try await ScriptedCoordinator(accepting: [.worker]) { _, _ in }
    let gateway = try await startGateway([coordinator.endpoint])
    for body in [request, streaming] {
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", body)
      let answer = await client.read(until: "node_refused")
      #expect(answer.hasPrefix("HTTP/1.1 503 "))
      #expect(answer.contains("x-should-retry: true\r\n") && !answer.contains("www-authenticate"))
      #expect(answer.contains(" refuses this gateway: "))
    }
    #expect(Set(gateway.refusals.counts.keys) == ["wrong_role"])
    await gateway.stop(within: 0)
    await coordinator.close()
  }

  @Test("that a coordinator is a false one says so, counts it, and tells it no key")
  func falseCoordinator() async throws {
    let authority = try CertificateAuthority(cluster: ClusterID(7), now: Date())
    func identity(_ role: NodeRole) throws -> NodeIdentity {
      try NodeIdentity(
        authority: authority, role: role, name: "n", now: Date(), lifetimeSeconds: 600)
    }
    let impostor = try await Listener.bind(
      host: "127.0.0.1", port: 0,
      security: .serverTLS(try identity(.worker), allowing: Set(NodeRole.allCases)),
      group: MultiThreadedEventLoopGroup.singleton.next()
    ) { _ in preconditionFailure("a gateway talks to a worker") }
    let gateway = try await startGateway(
      ["127.0.0.1:\(impostor.port)"],
      security: .mutualTLS(try identity(.gateway), allowing: [.coordinator]))
    let client = try await RawClient(gateway.address)
    try await client.post("/v1/chat/completions", request)
    let answer = await client.read(until: "node_refused")
    #expect(answer.hasPrefix("HTTP/1.1 503 "))
    #expect(answer.contains("this gateway does not talk to 127.0.0.1:\(impostor.port): "))
    try await client.get("/metrics")
    let metrics = await client.read(until: "refusals_total{")
    #expect(
      metrics.contains(#"switchyard_gateway_refusals_total{kind="certificate_wrong_role"}"#))
    #expect(Set(gateway.refusals.counts.keys) == ["certificate_wrong_role"])
    await gateway.stop(within: 0)
    await impostor.close()
  }

  @Test("requests that are sent ahead are answered in their order")
  func pipelined() async throws {
    try await withGateway(script: twoPieces) { gateway, _ in
      let client = try await RawClient(gateway.address)
      let post =
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n"
        + "content-length: \(request.utf8.count)\r\n\r\n\(request)"
      try await client.send(
        "GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n" + post + "GET /nope HTTP/1.1\r\nhost: x\r\n\r\n"
          + post)
      let answer = await client.read(until: "not_found")
      let places = ["\"ok\"", "\"ab\"", "not_found"].map { answer.range(of: $0)?.lowerBound }
      #expect(places.allSatisfy { $0 != nil } && places.compactMap(\.self).sorted() == places)
    }
  }

  @Test("of one that is sent ahead the rest is read once it has its turn")
  func pipelinedInParts() async throws {
    try await withGateway(script: twoPieces) { gateway, _ in
      let client = try await RawClient(gateway.address)
      func head(_ body: String, _ fields: String = "") -> String {
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n"
          + "content-length: \(body.utf8.count)\r\n\(fields)\r\n"
      }
      // More than a connection's first read takes.
      let long = request.replacing("\"x\"", with: "\"\(String(repeating: "x", count: 5_000))\"")
      try await client.send(
        head(request) + request + head(long) + long
          + head(request, "expect: 100-continue\r\nx-request-id: last\r\n"))
      let answer = await client.read(until: "HTTP/1.1 100 Continue\r\n\r\n")
      #expect(answer.split(separator: #""content":"ab""#).count == 3, "\(answer)")
      try await client.send(request)
      #expect(
        await client.read(until: "x-request-id: last\r\n").contains("x-request-id: last\r\n"))
    }
  }

  @Test("HEAD of a job's events is answered with a head, and the connection goes on")
  func headOfEvents() async throws {
    try await withGateway(script: { message, channel in
      if case .follow = message { JobScript(["a"]).sendEvents(on: channel) }
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.send(
        "HEAD /v1/jobs/3/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\n\r\n")
      #expect(await client.read(until: "\r\n\r\n").contains("text/event-stream"))
      try await client.get("/healthz")
      let both = await client.read(until: "}")
      #expect(both.contains("\r\n\r\nHTTP/1.1 200 OK\r\n") && !both.contains("data:"), "\(both)")
      let left = await coordinator.hears {
        if case .closed(let service) = $0 { service } else { nil }
      }
      #expect(left == .job)
    }
  }

  @Test("what a client has left behind was not delivered, though it was all written")
  func undelivered() async throws {
    let large = JobScript((0..<600).map { _ in String(repeating: "x", count: 8_000) })
    try await withGateway(script: { message, channel in
      guard case .submit(let submit) = message else { return }
      let job = submit.model == "large" ? large : JobScript(["a"])
      job.run(on: channel, ends: false)
      job.end(on: channel, untilDelivered: true)
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address, reads: false)
      try await client.post("/v1/chat/completions", request.replacingModel(with: "large"))
      // Once its tokens are counted its answer is written, and waits: it is more than sockets take.
      var counted = ""
      while !counted.contains("tokens_total{type=\"output\"} 600\n") {
        let other = try await RawClient(gateway.address)
        try await other.get("/metrics", authorization: nil)
        counted = await other.read(until: "request_duration_seconds_count")
        try await other.close()
      }
      try await client.close()
      let next = try await RawClient(gateway.address)
      try await next.post("/v1/chat/completions", request)
      #expect(await next.read(until: "total_tokens").contains(#""content":"a""#))
      var heard: [String] = []
      while heard.last != "purge" {
        let next = await coordinator.hears { heard -> String? in
          switch heard {
          case .message(.submit, _): "submit"
          case .message(.purge, _): "purge"
          default: nil
          }
        }
        heard.append(try #require(next))
      }
      #expect(heard == ["submit", "submit", "purge"])
    }
  }

  @Test("a client that leaves cancels its job at once")
  func leaves() async throws {
    try await withGateway(script: { message, channel in
      if case .submit = message { JobScript(["a"]).run(on: channel, ends: false) }
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      _ = await client.read(until: #""content":"a""#)
      try await client.close()
      let cancelled = await coordinator.hears { heard -> JobID? in
        if case .message(.cancel(let cancel), _) = heard { cancel.job } else { nil }
      }
      #expect(cancelled == JobID(3))
    }
  }

  @Test("one that has named its request does not: the job goes on, its stream is only left")
  func leavesNamed() async throws {
    try await withGateway(script: { message, channel in
      if case .submit = message { JobScript(["a"]).run(on: channel, ends: false) }
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post(
        "/v1/chat/completions", streaming, headers: "idempotency-key: one\r\n")
      _ = await client.read(until: #""content":"a""#)
      try await client.close()
      var submit: Submit?
      let next = await coordinator.hears { heard -> ScriptedCoordinator.Heard? in
        if case .message(.submit(let message), _) = heard {
          submit = message
          return nil
        }
        return heard
      }
      #expect(submit?.mode == .submitted)
      #expect(next == .closed(.job))
    }
  }

  @Test(
    "a job's events are followed as they are committed: a number is all that a reader comes back with"
  )
  func committedEvents() async throws {
    try await withGateway { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.send(
        "GET /v1/jobs/3/events HTTP/1.1\r\nhost: x\r\nauthorization: Bearer sy_1_x\r\nlast-event-id: 4\r\n\r\n"
      )
      let follow = await coordinator.hears { heard -> Follow? in
        if case .message(.follow(let follow), _) = heard { follow } else { nil }
      }
      #expect(follow?.fromSeq == 5)
      #expect(follow?.durable == true)
    }
  }

  @Test("a durable answer is asked for by a field of the head, which has two values")
  func durable() async throws {
    try await withGateway(script: twoPieces) { gateway, coordinator in
      for (field, isAsked) in [
        ("", false), ("x-switchyard-durable: false\r\n", false),
        ("x-switchyard-durable: true\r\n", true),
      ] {
        let client = try await RawClient(gateway.address)
        try await client.post("/v1/chat/completions", streaming, headers: field)
        _ = await client.read(until: "[DONE]")
        let submit = await coordinator.hears { heard -> Submit? in
          if case .message(.submit(let submit), _) = heard { submit } else { nil }
        }
        #expect(try #require(submit).durable == (isAsked ? true : nil), "\(field)")
      }
      for field in ["yes", "true\r\nx-switchyard-durable: true"] {
        let client = try await RawClient(gateway.address)
        try await client.post(
          "/v1/chat/completions", streaming, headers: "x-switchyard-durable: \(field)\r\n")
        let answer = await client.read(until: "malformed_request")
        #expect(answer.contains("x-switchyard-durable is true or false"), "\(field)")
      }
    }
  }

  @Test("a name of a request is the same key each time")
  func names() async throws {
    try await withGateway(script: twoPieces) { gateway, coordinator in
      var keys: [RequestKey] = []
      for name in ["one", "one", "two"] {
        let client = try await RawClient(gateway.address)
        try await client.post(
          "/v1/chat/completions", streaming, headers: "idempotency-key: \(name)\r\n")
        _ = await client.read(until: "[DONE]")
        let key = await coordinator.hears { heard -> RequestKey? in
          if case .message(.submit(let submit), _) = heard { submit.requestKey } else { nil }
        }
        keys.append(try #require(key))
      }
      #expect(keys[0] == keys[1] && keys[1] != keys[2])
    }
  }

  @Test(
    "a refusal is a status with its code, a failure in mid-stream an event and a cut connection")
  func failures() async throws {
    try await withGateway(script: { message, channel in
      guard case .submit(let submit) = message else { return }
      if submit.model == "none" {
        channel.send(Failure(.modelNotFound, "no such model"))
        channel.finish()
      } else {
        let job = JobScript(["a"])
        job.run(on: channel, ends: false)
        job.end(on: channel, state: .failed)
      }
    }) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.post(
        "/v1/chat/completions", streaming.replacingModel(with: "none"))
      let refused = await client.read(until: "model_not_found")
      #expect(refused.hasPrefix("HTTP/1.1 404 Not Found\r\n"))
      try await client.post("/v1/chat/completions", streaming)
      let cut = await client.readToEnd()
      #expect(cut.contains(#"data: {"error":{"#) && !cut.contains("[DONE]"))
      #expect(!cut.hasSuffix("0\r\n\r\n"))
    }
  }

  @Test("what the leader has no room for is told at once, with its code and the wait that it names")
  func full() async throws {
    let tries = NIOLockedValueBox(0)
    try await withGateway(script: { message, channel in
      tries.withLockedValue { $0 += 1 }
      let isBusy = if case .submit(let submit) = message { submit.model == "m" } else { false }
      channel.send(Failure(isBusy ? .overloaded : .storageFull, "no room", retryAfterMs: 2_500))
      channel.finish()
    }) { gateway, _ in
      let wait = "x-should-retry: true\r\nretry-after: 3\r\nretry-after-ms: 2500\r\n"
      for (body, status, code) in [
        (request, 503, "overloaded"), (streaming, 503, "overloaded"),
        (streaming.replacingModel(with: "disk"), 507, "storage_full"),
      ] {
        let client = try await RawClient(gateway.address)
        try await client.post("/v1/chat/completions", body)
        let answer = await client.read(until: #""code":"\#(code)""#)
        #expect(answer.hasPrefix("HTTP/1.1 \(status) ") && answer.contains(wait), "\(answer)")
      }
      let client = try await RawClient(gateway.address)
      try await client.get("/v1/models")
      let answer = await client.read(until: #""code":"storage_full""#)
      #expect(answer.hasPrefix("HTTP/1.1 507 ") && answer.contains(wait), "\(answer)")
      #expect(tries.withLockedValue { $0 } == 4, "the gateway has tried again itself")
    }
  }

  @Test("models, jobs and what becomes of a cancel are asked of the leader under the caller's key")
  func questions() async throws {
    try await withGateway(script: { message, channel in
      switch message {
      case .modelList:
        channel.send(
          ModelListing(models: [
            ModelSummary(
              model: "org/m", context: 512, outputDefault: 64,
              priceInputMin: Price(nanoPerMillion: 200_000_000), priceOutputMin: .zero,
              suppliers: 1, slots: 4, slotsFree: 3)
          ]))
      case .jobQuery(let query) where query.job == JobID(3):
        channel.send(JobReport(summary: JobScript([]).summary(.running), resumed: .text))
      case .cancel:
        channel.send(JobReport(summary: JobScript([]).summary(.cancelled), resumed: nil))
      default: channel.send(Failure(.unknownJob, "there is no such job"))
      }
      channel.finish()
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.get("/v1/models/org/m")
      #expect(
        await client.read(until: "slots_free").contains(
          #""pricing":{"prompt":"0.0000002","completion":"0"}"#))
      try await client.get("/v1/models/other")
      #expect(await client.read(until: "model_not_found").contains("HTTP/1.1 404 "))
      try await client.get("/v1/jobs/3")
      let job = await client.read(until: "resumed")
      #expect(job.contains(#""status":"running""#) && job.contains(#""resumed":"text""#))
      try await client.get("/v1/jobs/4")
      #expect(await client.read(until: "unknown_job").contains("there is no such job"))
      try await client.post("/v1/jobs/3/cancel", "")
      #expect(await client.read(until: "cancelled").contains(#""status":"cancelled""#))
      let key = await coordinator.hears { heard -> String? in
        if case .message(_, let key) = heard { key } else { nil }
      }
      #expect(key == "Bearer sy_1_x")
    }
  }

  @Test("what was asked, answered, delivered and charged is counted")
  func metrics() async throws {
    try await withGateway(script: twoPieces) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      _ = await client.read(until: "[DONE]")
      try await client.get("/metrics", authorization: nil)
      let text = await client.read(until: "request_duration_seconds_count 1\n")
      for sample in [
        "switchyard_gateway_connections 1\n", "switchyard_gateway_requests_running 0\n",
        "requests_total{route=\"chat_completions\"} 1\n", "responses_total{status=\"200\"} 1\n",
        "tokens_total{type=\"input\"} 2\n", "tokens_total{type=\"output\"} 2\n",
        "gen_ai_server_time_to_first_token_seconds_count 1\n",
        "gen_ai_server_time_per_output_token_seconds_bucket{le=\"+Inf\"} 1\n",
      ] { #expect(text.contains(sample), "\(sample)") }
    }
  }

  @Test(
    "a scrape with a key is told of the GPUs that it may see; without them, of everything else, and that"
  )
  func metricsOfGPUs() async throws {
    let gpu = GPUFacts(
      index: 1, uuid: "GPU-x", name: "H100", partition: "", utilization: 87, memoryUsed: nil,
      memoryTotal: nil, power: 541_250, powerLimit: nil, temperature: nil, foreignProcesses: nil,
      foreignMemory: nil)
    try await withGateway(script: { message, channel in
      switch message {
      case .workerList:
        let worker = WorkerSummary(
          worker: WorkerID(3), name: "w", account: AccountID(1), online: true, draining: false,
          slots: 4, busy: 3, offers: [])
        channel.send(
          WorkerListing(workers: [worker], gpus: [WorkerGPU(worker: WorkerID(3), gpu: gpu)]))
      case .statusQuery:
        channel.send(
          StatusReport(
            replica: ReplicaID(1), role: .leader, term: Term(1), leader: ReplicaID(1),
            leaderAddress: "", commitIndex: LogIndex(77), appliedIndex: LogIndex(76),
            lastIndex: LogIndex(78), digest: [UInt8](repeating: 0, count: 32), stateVersion: 3,
            logTime: LogTime(milliseconds: 1), jobsQueued: 5, jobsRunning: 3, peers: [],
            software: "", divergedAt: nil, stateVersionMax: nil, refusals: nil,
            diskUsed: nil, diskCapacity: nil))
      default: return
      }
      channel.finish()
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.get("/metrics", authorization: "Bearer sy_9_secret")
      let text = await client.read(until: "power_watts{worker=\"3\",gpu=\"1\"} 541.25\n")
      #expect(text.contains("switchyard_gpu_utilization_ratio{worker=\"3\",gpu=\"1\"} 0.87\n"))
      #expect(text.contains("switchyard_worker_slots_busy{worker=\"3\"} 3\n"))
      #expect(text.contains("switchyard_jobs_queued 5\n"))
      #expect(text.contains("switchyard_commit_index 77\n"))
      #expect(text.contains("switchyard_gateway_connections 1\n") && !text.contains("H100"))
      let key = await coordinator.hears { heard -> String? in
        if case .message(.workerList, let key) = heard { key } else { nil }
      }
      #expect(key == "Bearer sy_9_secret")
    }
    try await withGateway(script: { _, channel in
      channel.send(Failure(.unauthenticated, "the key is unknown"))
      channel.finish()
    }) { gateway, _ in
      let client = try await RawClient(gateway.address)
      try await client.get("/metrics")
      let text = await client.read(until: "request_duration_seconds_count 0\n")
      #expect(text.hasPrefix("HTTP/1.1 200 "))
      #expect(text.contains("unlisted_workers_total{error=\"unauthenticated\"} 1\n"))
      try await client.get("/metrics", authorization: "Bearer another's")
      let again = await client.read(until: "requests_total{route=\"metrics\"} 2\n")
      #expect(!again.contains("HTTP/1.1 401 "), "a token that is no key is nobody's")
      try await client.get(
        "/metrics", authorization: "Bearer sy_" + String(repeating: "x", count: 99))
      #expect(await client.read(until: "invalid_api_key").contains("HTTP/1.1 401 "))
    }
  }

  @Test("what a client that left is charged is counted, and what a replay says is not again")
  func metricsOfLeft() async throws {
    try await withGateway(script: { message, channel in
      let job = JobScript(["a", "b"])
      switch message {
      case .submit(let submit):
        job.run(on: channel, ends: submit.mode == .submitted, duplicate: submit.mode == .submitted)
      case .cancel: job.end(on: channel, state: .cancelled)
      default: break
      }
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      _ = await client.read(until: #""content":"b""#)
      try await client.close()
      _ = await coordinator.hears { heard -> Bool? in
        if case .message(.cancel, _) = heard { true } else { nil }
      }
      let second = try await RawClient(gateway.address)
      try await second.post(
        "/v1/chat/completions", streaming, headers: "idempotency-key: one\r\n")
      _ = await second.read(until: "[DONE]")
      // The coordinator's answers of both came over the same link, in this order.
      try await second.get("/metrics", authorization: "Basic eDp5")
      let text = await second.read(until: "request_duration_seconds_count 2\n")
      #expect(text.contains("left_clients_total 1\n"))
      #expect(text.contains("tokens_total{type=\"output\"} 2\n"))
    }
  }

  @Test("without a coordinator: not ready, and requests end in time with 503")
  func unavailable() async throws {
    let gateway = try await startGateway(["127.0.0.1:1"], patience: 200)
    let client = try await RawClient(gateway.address)
    try await client.get("/readyz")
    #expect(await client.read(until: "unavailable").hasPrefix("HTTP/1.1 503 "))
    let second = try await RawClient(gateway.address)
    try await second.post("/v1/chat/completions", streaming)
    let answer = await second.read(until: "\"code\"")
    #expect(answer.hasPrefix("HTTP/1.1 503 ") && answer.contains("x-should-retry: true\r\n"))
    await gateway.stop(within: 0)
  }

  @Test("a gateway that stops lets an answer end that does in time: it arrives whole")
  func stopsInTime() async throws {
    // The scripted job ends once the gateway takes no connection any more.
    let (ends, end) = AsyncStream.makeStream(of: (@Sendable () -> Void).self)
    try await withGateway(script: { message, channel in
      guard case .submit = message else { return }
      let job = JobScript(["a"])
      job.run(on: channel, ends: false)
      guard let loop = MultiThreadedEventLoopGroup.currentEventLoop else { return }
      let held = NIOLoopBound(channel, eventLoop: loop)
      end.yield { loop.execute { job.end(on: held.value) } }
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      _ = await client.read(until: #""content":"a""#)
      async let stopped: Void = gateway.stop(within: 30_000)
      while (try? await RawClient(gateway.address)) != nil { await Task.yield() }
      for await end in ends {
        end()
        break
      }
      let rest = await client.readToEnd()
      await stopped
      #expect(rest.hasSuffix("data: [DONE]\n\n\r\n0\r\n\r\n"))
    }
  }

  @Test("a gateway that stops cuts what does not end in time, and takes no connection")
  func stops() async throws {
    let (go, continuation) = AsyncStream.makeStream(of: Void.self)
    try await withGateway(script: { message, channel in
      guard case .submit = message else { return }
      let job = JobScript(["a"])
      job.run(on: channel, ends: false)
      continuation.yield()
    }) { gateway, coordinator in
      let client = try await RawClient(gateway.address)
      try await client.post("/v1/chat/completions", streaming)
      _ = await client.read(until: #""content":"a""#)
      for await _ in go { break }
      async let stopped: Void = gateway.stop(within: 200)
      let rest = await client.readToEnd()
      await stopped
      #expect(!rest.contains("[DONE]"), "the script never ends the job: the deadline did")
      await #expect(throws: (any Error).self) { _ = try await RawClient(gateway.address) }
    }
  }
}

extension String {
  fileprivate func replacingModel(with name: String) -> String {
    replacing(#""model":"m""#, with: #""model":"\#(name)""#)
  }
}
