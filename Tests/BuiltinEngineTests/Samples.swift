import Engines
import OpenAIFormat
import Testing

@testable import BuiltinEngine

/// Models and requests for the tests.
enum Samples {
  static func model(_ change: (inout SampleLlama) -> Void = { _ in }) throws -> LlamaModel {
    var sample = SampleLlama()
    change(&sample)
    return try LlamaModel(ModelBytes(copying: sample.gguf().bytes))
  }

  static func request(
    _ body: String, endpoint: InferenceRequest.Endpoint = .completions, generated: [UInt32] = []
  ) -> EngineRequest {
    var request = EngineRequest(endpoint: endpoint, body: Array(body.utf8))
    request.generated = generated
    return request
  }

  /// A completion of ids.
  static func completion(
    _ prompt: [UInt32], _ rest: String = "", generated: [UInt32] = []
  ) -> EngineRequest {
    request(
      #"{"model":"m","prompt":[\#(prompt.map(String.init).joined(separator: ","))]\#(rest)}"#,
      generated: generated)
  }
}

/// What a run gave.
struct Output: Equatable {
  var ids: [UInt32] = []
  var text = ""
  var reason: String?
}

/// Collects events from the engine's side.
actor Collector {
  private(set) var events: [EngineEvent] = []
  func add(_ event: EngineEvent) { events.append(event) }
}

extension BuiltinEngine {
  /// Runs a request to its end.
  func output(_ request: EngineRequest) async throws -> Output {
    let collector = Collector()
    let end = try await run(request) { await collector.add($0) }
    var output = Output()
    for event in await collector.events {
      output.ids += event.tokenIDs ?? []
      if case .text(let bytes) = event.content {
        output.text += String(decoding: bytes, as: UTF8.self)
      }
      #expect(event.tokenCount == event.tokenIDs?.count)
    }
    output.reason = end.finishes.first?.reason
    #expect(end.hasAllTokenIDs && end.tokenCount == output.ids.count)
    #expect(end.usage?.completionTokens == output.ids.count)
    return output
  }
}
