#!/usr/bin/env python3
"""What users of langchain-openai, litellm and `llm` do, against any OpenAI endpoint: `pass NAME` or `fail NAME`.

    .venv/clients/NAME/bin/python deploy/clients/other_suite.py '{"base_url": "…/v1", "key": "…", "model": "…"}'

Runs those of them that are installed in its virtual environment; at least one must be. `vectors` names a model for
embeddings, of 64 numbers. Exit: 0 all passed, 1 not.
"""

import importlib.metadata
import importlib.util
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import traceback

GIVEN = json.loads(sys.argv[1])
MODEL, QUESTION = GIVEN["model"], "Tell me a story about a fox."
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch a list of prices


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def langchain_openai():
    """ChatOpenAI: invoke and stream give one text, with usage; OpenAIEmbeddings: documents and a query"""
    from langchain_openai import ChatOpenAI, OpenAIEmbeddings

    model = ChatOpenAI(model=MODEL, base_url=GIVEN["base_url"], api_key=GIVEN["key"], temperature=0, seed=7,
                       max_tokens=24, stream_usage=True)
    whole = model.invoke(QUESTION)
    pieces = list(model.stream(QUESTION))
    expect(whole.content and "".join(piece.content for piece in pieces) == whole.content, (whole, pieces))
    usage = [piece.usage_metadata for piece in pieces if piece.usage_metadata]
    expect(len(usage) == 1 and usage[0]["output_tokens"] == 24 == whole.usage_metadata["output_tokens"], (whole, usage))
    expect(whole.response_metadata["finish_reason"] == "length", whole)
    if GIVEN.get("vectors"):
        model = OpenAIEmbeddings(model=GIVEN["vectors"], base_url=GIVEN["base_url"], api_key=GIVEN["key"],
                                 check_embedding_ctx_length=False)
        documents = [*model.embed_documents(["a fox", "a lost key"]), model.embed_query("a fox")]
        expect([len(vector) for vector in documents] == [64, 64, 64] and documents[0] != documents[1], documents)


def litellm():
    """completion: at once and as a stream, one text, with usage"""
    import litellm as client

    given = {"model": "openai/" + MODEL, "api_base": GIVEN["base_url"], "api_key": GIVEN["key"], "temperature": 0,
             "seed": 7, "max_tokens": 24, "messages": [{"role": "user", "content": QUESTION}]}
    whole = client.completion(**given)
    pieces = list(client.completion(stream=True, stream_options={"include_usage": True}, **given))
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
    expect(text and text == whole.choices[0].message.content, (whole, pieces))
    usage = [piece.usage for piece in pieces if getattr(piece, "usage", None)]
    expect(usage and usage[-1].completion_tokens == 24 == whole.usage.completion_tokens, (whole, usage))
    expect([piece.choices[0].finish_reason for piece in pieces if piece.choices][-1] == "length", pieces)


def llm():
    """the command line: a prompt, streamed and not, gives one text"""
    with tempfile.TemporaryDirectory(prefix="yard-check-llm-") as home:
        pathlib.Path(home, "extra-openai-models.yaml").write_text(json.dumps([
            {"model_id": "ours", "model_name": MODEL, "api_base": GIVEN["base_url"],
             "api_key_name": "openai"}]))

        def ask(*options):
            done = subprocess.run(
                [pathlib.Path(sys.executable).with_name("llm"), "-m", "ours", QUESTION, "-o", "temperature", "0",
                 "-o", "seed", "7", "-o", "max_tokens", "24", *options], stdin=subprocess.DEVNULL,
                capture_output=True, timeout=120,
                env={**os.environ, "LLM_USER_PATH": home, "OPENAI_API_KEY": GIVEN["key"]})
            expect(done.returncode == 0 and done.stdout.strip(), done)
            return done.stdout

        expect(ask() == ask("--no-stream"), "the streamed text is another than the one that is not")


failures = 0
clients = [client for client in (langchain_openai, litellm, llm) if importlib.util.find_spec(client.__name__)]
for client in clients:
    name = f"{client.__name__} {importlib.metadata.version(client.__name__)}, {client.__doc__}"
    try:
        client()
        print(f"pass {name}", flush=True)
    except Exception as error:  # noqa: BLE001 - a check that dies has failed
        failures += 1
        print(f"fail {name}: {error!r}", flush=True)
        traceback.print_exc(file=sys.stdout)
sys.exit(1 if failures or not clients else 0)
