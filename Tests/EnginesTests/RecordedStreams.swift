/// Streams shaped like engines' own (only llama.cpp's was seen running), and the pieces to make broken ones of.
///
/// What vLLM and SGLang did send is in `Published`.
enum Recorded {
  static let head =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"

  /// One event in one HTTP chunk.
  static func event(_ data: String, ending: String = "\n\n") -> String {
    chunk("data: \(data)\(ending)")
  }

  static func chunk(_ text: String) -> String {
    String(text.utf8.count, radix: 16) + "\r\n" + text + "\r\n"
  }

  static let last = "0\r\n\r\n"

  static func text(_ content: String, index: Int = 0) -> String {
    event(
      #"{"choices":[{"index":\#(index),"delta":{"content":"\#(content)"},"finish_reason":null}]}"#)
  }

  static func finish(_ reason: String, index: Int = 0) -> String {
    event(#"{"choices":[{"index":\#(index),"delta":{},"finish_reason":"\#(reason)"}]}"#)
  }

  static let usage = event(
    #"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"total_tokens":9}}"#)
  static let done = event("[DONE]")

  static func answer(
    _ status: String, _ body: String, type: String = "application/json", headers: String = ""
  ) -> [UInt8] {
    Array(
      """
      HTTP/1.1 \(status)\r\nContent-Type: \(type)\r\nContent-Length: \(body.utf8.count)\r\n\
      \(headers)\r\n\(body)
      """.utf8)
  }

  /// After xllamacpp 2026.10.11549 with `timings_per_token`, shortened: three tokens make the last letter.
  static let llamaCpp = [
    head,
    event(
      #"{"choices":[{"finish_reason":null,"index":0,"delta":{"role":"assistant","content":null}}],"created":1795473905,"id":"chatcmpl-H","model":"m","system_fingerprint":"b0","object":"chat.completion.chunk"}"#
    ),
    event(
      #"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"R"}}],"created":1795473905,"id":"chatcmpl-H","model":"m","object":"chat.completion.chunk","timings":{"cache_n":21,"prompt_n":1,"predicted_n":1,"predicted_ms":0.001}}"#
    ),
    event(
      #"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":"Ǉ"}}],"created":1795473905,"id":"chatcmpl-H","model":"m","object":"chat.completion.chunk","timings":{"cache_n":21,"prompt_n":1,"predicted_n":4,"predicted_ms":0.754}}"#
    ),
    event(
      #"{"choices":[{"finish_reason":"length","index":0,"delta":{}}],"created":1795473905,"id":"chatcmpl-H","model":"m","object":"chat.completion.chunk"}"#
    ),
    event(
      #"{"choices":[],"created":1795473905,"id":"chatcmpl-H","model":"m","object":"chat.completion.chunk","usage":{"completion_tokens":4,"prompt_tokens":22,"total_tokens":26,"prompt_tokens_details":{"cached_tokens":21}},"timings":{"cache_n":21,"prompt_n":1,"predicted_n":4}}"#
    ),
    done, last,
  ].joined()

  /// vLLM with `return_token_ids` and `continuous_usage_stats`; the last id is the end of sequence.
  static let vLLM = [
    head,
    event(
      #"{"id":"chatcmpl-v","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":[151644,872,198],"usage":{"prompt_tokens":3,"total_tokens":3,"completion_tokens":0}}"#
    ),
    event(
      #"{"id":"chatcmpl-v","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"Hello"},"logprobs":null,"finish_reason":null,"token_ids":[9707]}],"usage":{"prompt_tokens":3,"total_tokens":4,"completion_tokens":1}}"#
    ),
    event(
      #"{"id":"chatcmpl-v","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":" there"},"logprobs":null,"finish_reason":null,"token_ids":[1052,0]}],"usage":{"prompt_tokens":3,"total_tokens":6,"completion_tokens":3}}"#
    ),
    event(
      #"{"id":"chatcmpl-v","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":""},"logprobs":null,"finish_reason":"stop","stop_reason":null,"token_ids":[151645]}],"usage":{"prompt_tokens":3,"total_tokens":7,"completion_tokens":4}}"#
    ),
    event(
      #"{"id":"chatcmpl-v","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":3,"total_tokens":7,"completion_tokens":4}}"#
    ),
    done, last,
  ].joined()

  /// SGLang with a reasoning parser.
  static let sgLang = [
    head,
    event(
      #"{"id":"s","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}"#
    ),
    event(
      #"{"id":"s","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":null,"content":null,"reasoning_content":"Hm","tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}"#
    ),
    event(
      #"{"id":"s","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":null,"content":"Yes","reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":null,"matched_stop":null}],"usage":null}"#
    ),
    event(
      #"{"id":"s","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"role":null,"content":null,"reasoning_content":null,"tool_calls":null},"logprobs":null,"finish_reason":"stop","matched_stop":151645}],"usage":null}"#
    ),
    event(
      #"{"id":"s","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":9,"total_tokens":12,"completion_tokens":3,"prompt_tokens_details":null,"reasoning_tokens":1}}"#
    ),
    done, last,
  ].joined()

  /// Ollama's `/v1`: reasoning under its newer name, a fingerprint, no details.
  static let ollama = [
    head,
    event(
      #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"","reasoning":"Hm"},"finish_reason":null}]}"#
    ),
    event(
      #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":"Yes"},"finish_reason":null}]}"#
    ),
    event(
      #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":"stop"}]}"#
    ),
    event(
      #"{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"fp_ollama","choices":[],"usage":{"prompt_tokens":11,"completion_tokens":2,"total_tokens":13}}"#
    ),
    done, last,
  ].joined()

  /// A tool call in fragments.
  static let toolCall = [
    head,
    event(
      #"{"choices":[{"index":0,"delta":{"role":"assistant","content":null,"tool_calls":[{"index":0,"id":"call_1","type":"function","function":{"name":"look","arguments":""}}]},"finish_reason":null}]}"#
    ),
    event(
      #"{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1.0}"}}]},"finish_reason":null}]}"#
    ),
    finish("tool_calls"), done, last,
  ].joined()
}
