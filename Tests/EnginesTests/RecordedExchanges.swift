/// What engines did answer somebody, as it was published, with where and when: byte for byte, but for cuts and for what is said beside it.
///
/// A stream is in the pieces that were found; `[DONE]` is there where it was. `RecordedExchangeTests` says what is missing.
enum Published {
  // MARK: vLLM, streams

  /// A chat with `return_token_ids` and `continuous_usage_stats`, by speculative decoding: the middle of an answer.
  ///
  /// <https://github.com/vllm-project/vllm/pull/45678>, the run without its change; vLLM of 2026-06-22, DeepSeek-V4-Flash.
  static let vLLMSeveralTokens = [
    Recorded.event(
      #"{"id":"chatcmpl-a2633ba27acbd096","object":"chat.completion.chunk","created":1782116441,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" generate multiple"},"logprobs":null,"finish_reason":null,"token_ids":[10559,4990]}],"usage":{"prompt_tokens":16,"total_tokens":44,"completion_tokens":28}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-a2633ba27acbd096","object":"chat.completion.chunk","created":1782116441,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" candidate tokens in"},"logprobs":null,"finish_reason":null,"token_ids":[14626,35977,295]}],"usage":{"prompt_tokens":16,"total_tokens":47,"completion_tokens":31}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-a2633ba27acbd096","object":"chat.completion.chunk","created":1782116441,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" parallel, which"},"logprobs":null,"finish_reason":null,"token_ids":[11550,14,778]}],"usage":{"prompt_tokens":16,"total_tokens":50,"completion_tokens":34}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-a2633ba27acbd096","object":"chat.completion.chunk","created":1782116441,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" are then verified"},"logprobs":null,"finish_reason":null,"token_ids":[477,1539,32457]}],"usage":{"prompt_tokens":16,"total_tokens":53,"completion_tokens":37}}"#
    ),
  ].joined()

  /// The same question in the run with its change, a token in each chunk: two stretches of the answer.
  static let vLLMOneToken = [
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" fast"},"logprobs":null,"finish_reason":null,"token_ids":[6292]}],"usage":{"prompt_tokens":16,"total_tokens":36,"completion_tokens":20}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" \""},"logprobs":null,"finish_reason":null,"token_ids":[582]}],"usage":{"prompt_tokens":16,"total_tokens":37,"completion_tokens":21}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":"d"},"logprobs":null,"finish_reason":null,"token_ids":[70]}],"usage":{"prompt_tokens":16,"total_tokens":38,"completion_tokens":22}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":"raft"},"logprobs":null,"finish_reason":null,"token_ids":[4420]}],"usage":{"prompt_tokens":16,"total_tokens":39,"completion_tokens":23}}"#
    ),
    // Cut: fourteen tokens.
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":"target"},"logprobs":null,"finish_reason":null,"token_ids":[28292]}],"usage":{"prompt_tokens":16,"total_tokens":54,"completion_tokens":38}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":"\""},"logprobs":null,"finish_reason":null,"token_ids":[4]}],"usage":{"prompt_tokens":16,"total_tokens":55,"completion_tokens":39}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" model"},"logprobs":null,"finish_reason":null,"token_ids":[2645]}],"usage":{"prompt_tokens":16,"total_tokens":56,"completion_tokens":40}}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-95f70ae00614b063","object":"chat.completion.chunk","created":1782114956,"model":"/model/DeepSeek-V4-Flash","choices":[{"index":0,"delta":{"content":" then"},"logprobs":null,"finish_reason":null,"token_ids":[1539]}],"usage":{"prompt_tokens":16,"total_tokens":57,"completion_tokens":41}}"#
    ),
  ].joined()

  /// A chat that was asked neither for ids nor for running usage: its first four chunks and its last three events.
  ///
  /// <https://tim-wang-tecg-blog.pages.dev/llm/sglang-vs-vllm-streaming-json/>, 2026-05-28, appendix A (which leaves out the empty line
  /// after each event); vLLM 0.21.0, gpt-oss-120b.
  static let vLLMReasoning = [
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}],"prompt_token_ids":null,"prompt_text":null}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning":"We"},"logprobs":null,"finish_reason":null,"token_ids":null}]}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning":" need"},"logprobs":null,"finish_reason":null,"token_ids":null}]}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning":" to"},"logprobs":null,"finish_reason":null,"token_ids":null}]}"#
    ),
    // Cut.
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning":"STATE"},"logprobs":null,"finish_reason":"length","stop_reason":null,"token_ids":null}]}"#
    ),
    Recorded.event(
      #"{"id":"chatcmpl-6ca2ec78-dac2-4759-8ffc-aa13d8b470bf","object":"chat.completion.chunk","created":1779866853,"model":"openai/gpt-oss-120b","choices":[],"usage":{"prompt_tokens":2674,"total_tokens":2874,"completion_tokens":200},"system_fingerprint":"vllm-0.1.dev1+gc06ff9ec0-tp2-59a10424"}"#
    ),
    Recorded.done,
  ].joined()

  /// The end of a completion that was not asked for ids.
  ///
  /// <https://github.com/google/gvisor>, `test/tpu/vllm/vllm.go` at fbfebc0a3b8a, a comment; vLLM of 2026-04-17, Qwen2.5-1.5B-Instruct.
  static let vLLMCompletionEnd = [
    Recorded.event(
      #"{"id":"cmpl-a1fcb98a99df0198","object":"text_completion","created":1776445044,"model":"Qwen/Qwen2.5-1.5B-Instruct","choices":[{"index":0,"text":" performance","logprobs":null,"finish_reason":null,"stop_reason":null,"prompt_token_ids":null,"token_ids":null}],"usage":null}"#
    ),
    Recorded.event(
      #"{"id":"cmpl-a1fcb98a99df0198","object":"text_completion","created":1776445044,"model":"Qwen/Qwen2.5-1.5B-Instruct","choices":[{"index":0,"text":" and","logprobs":null,"finish_reason":"length","stop_reason":null,"prompt_token_ids":null,"token_ids":null}],"usage":null}"#
    ),
    Recorded.done,
  ].joined()

  // MARK: vLLM, tokens

  /// Of `{"model":…,"prompt":"test"}`; the next of `{"model":…,"tokens":[128000, 1985]}`.
  ///
  /// <https://github.com/vllm-project/vllm/pull/5054>, which brought the routes, 2024-05-26; Meta-Llama-3-8B-Instruct.
  static let vLLMTokens = #"{"tokens":[128000,1985],"count":2,"max_model_len":8192}"#
  static let vLLMText = #"{"prompt":"<|begin_of_text|>test"}"#

  /// Of `{"model":…,"messages":[{"role":"user","content":"Hi"}]}`; the next of the ids in it.
  ///
  /// <https://github.com/vllm-project/vllm/pull/5923>, which brought chats, 2024-06-27, laid out by who published it;
  /// Meta-Llama-3-8B-Instruct.
  static let vLLMChatTokens = """
    {
      "count": 11,
      "max_model_len": 8192,
      "tokens": [128000,128006,882,128007,271,13347,128009,128006,78191,128007,271]
    }
    """
  static let vLLMChatText = #"""
    {
      "prompt": "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
    }
    """#

  /// Of `{"model":…,"prompt":"Explain the significance of KV cache in language models."}`.
  ///
  /// <https://github.com/LMCache/LMCache>, `docs/source/kv_cache_management/lookup.rst` at 216b8e42d9c7; a vLLM since `token_strs` came
  /// (2025-05), Llama-3.1-8B-Instruct.
  static let vLLMTokensLater =
    #"{"count":12,"max_model_len":4096,"tokens":[128000,849,21435,279,26431,315,85748,6636,304,4221,4211,13],"token_strs":null}"#

  // MARK: SGLang

  /// The same chat as `vLLMReasoning`, from the same place; SGLang 0.5.12.
  static let sgLangReasoning = [
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866808,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":null,"role":"assistant","content":""},"logprobs":null,"finish_reason":null,"matched_stop":null}]}"#
    ),
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866808,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":"We"},"logprobs":null,"finish_reason":null,"matched_stop":null}]}"#
    ),
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866808,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":" need"},"logprobs":null,"finish_reason":null,"matched_stop":null}]}"#
    ),
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866808,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":" to"},"logprobs":null,"finish_reason":null,"matched_stop":null}]}"#
    ),
    // Cut.
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866809,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":" IDs"},"logprobs":null,"finish_reason":null,"matched_stop":null}]}"#
    ),
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866809,"model":"openai/gpt-oss-120b","choices":[{"index":0,"delta":{"reasoning_content":null},"logprobs":null,"finish_reason":"length","matched_stop":null}]}"#
    ),
    Recorded.event(
      #"{"id":"d3b406a9b33a435cb7a7bcc2266e48ac","object":"chat.completion.chunk","created":1779866809,"model":"openai/gpt-oss-120b","choices":[],"usage":{"prompt_tokens":2677,"total_tokens":2877,"completion_tokens":200,"prompt_tokens_details":null,"reasoning_tokens":200}}"#
    ),
    Recorded.done,
  ].joined()

  /// Of a chat on `/v1/tokenize`, with `max_tokens` beside the messages that the test has.
  ///
  /// <https://github.com/sgl-project/sglang/pull/23981>, which brought chats, 2026-04-29; Qwen3.5-9B.
  static let sgLangChatTokens =
    #"{"tokens":[248045,8678,198,2523,513,61446,13,248046,198,248045,846,198,9419,1814,248046,198,248045,74455,198,248068,198],"count":21,"max_model_len":262144}"#

  /// A text; the next its ids by `/tokenize` without special tokens, and what `/detokenize` says of these.
  ///
  /// SGLang's documentation (`basic_usage/native_api.ipynb`, run on 2026-04-05) prints the members one by one; that they are one object
  /// again is ours. <https://github.com/Stars1233/sgl-project.github.io> at d827b20afe0f; qwen2.5-0.5b-instruct.
  static let sgLangSaid = "SGLang provides efficient tokenization endpoints."
  static let sgLangTokens =
    #"{"tokens":[50, 3825, 524, 5707, 11050, 3950, 2022, 36342, 13],"count":9,"max_model_len":131072}"#
  static let sgLangText = #"{"text":"SGLang provides efficient tokenization endpoints."}"#

  // MARK: Refusals

  /// vLLM, of 2024-03-19: <https://github.com/vllm-project/vllm/issues/3485>.
  static let vLLMUnknownModel =
    #"{"object":"error","message":"The model `Qwen1.5-14B-Chat-GPTQ-Int8` does not exist.","type":"NotFoundError","param":null,"code":404}"#

  /// vLLM, of 2025-10-27, of a model without a chat template: <https://github.com/QwenLM/Qwen3-Omni/issues/105>.
  ///
  /// Python has printed it there; the quotes and `null` are JSON's again.
  static let vLLMNoTemplate =
    #"{"error": {"message": "As of transformers v4.44, default chat template is no longer allowed, so you must provide a chat template if the tokenizer does not define one. None", "type": "BadRequestError", "param": null, "code": 400}}"#

  /// SGLang, of 2025-04-29: <https://github.com/QwenLM/Qwen3/issues/1321>, without the backslash that Python has put before the apostrophe.
  static let sgLangTooLong =
    #"{"object":"error","message":"The input (61709 tokens) is longer than the model's context length (40960 tokens).","type":"BadRequestError","param":null,"code":400}"#
}
