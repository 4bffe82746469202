"""Writes a checkpoint as the GGUF that `yard` embeds: norms in F32, every matrix in Q8_0 (or all in F32).

    python3 export.py checkpoint.npz model.gguf [--f32]
"""

import argparse
import pathlib
import random

import corpus
import gguf
import numpy
import tokenizer
import train

TEMPLATE = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
CONTEXT = 512


def neighbours(matrix, heads):
    """Rows of each head reordered from halves (i, i + size/2) to neighbours (2i, 2i + 1), as llama.cpp rotates them."""
    rows, columns = matrix.shape
    return matrix.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)


def tensors(shape, parameters):
    """The GGUF's tensors by name, as (outputs, inputs)."""
    get = {name: numpy.asarray(value, numpy.float32) for name, value in parameters.items()}
    yield "token_embd.weight", get["embedding"]
    yield "output_norm.weight", get["norm"]
    names = {"v": "attn_v", "o": "attn_output", "gate": "ffn_gate", "up": "ffn_up", "down": "ffn_down"}
    for layer in range(shape.layers):
        yield f"blk.{layer}.attn_norm.weight", get[f"{layer}.norm1"]
        yield f"blk.{layer}.ffn_norm.weight", get[f"{layer}.norm2"]
        yield f"blk.{layer}.attn_q.weight", neighbours(get[f"{layer}.q"].T, shape.heads)
        yield f"blk.{layer}.attn_k.weight", neighbours(get[f"{layer}.k"].T, shape.shared_heads)
        for ours, theirs in names.items():
            yield f"blk.{layer}.{theirs}.weight", get[f"{layer}.{ours}"].T


def write(path, shape, parameters, words, f32=False):
    """Writes the whole file."""
    file = gguf.GGUFWriter(path, "llama")
    file.add_name("switchyard-stories")
    file.add_context_length(CONTEXT)
    file.add_embedding_length(shape.width)
    file.add_block_count(shape.layers)
    file.add_feed_forward_length(shape.inner)
    file.add_head_count(shape.heads)
    file.add_head_count_kv(shape.shared_heads)
    file.add_key_length(shape.head)
    file.add_value_length(shape.head)
    file.add_rope_dimension_count(shape.head)
    file.add_rope_freq_base(train.network.ROPE_BASE)
    file.add_layer_norm_rms_eps(train.network.EPSILON)
    file.add_vocab_size(shape.vocabulary)
    file.add_file_type(gguf.LlamaFileType.ALL_F32 if f32 else gguf.LlamaFileType.MOSTLY_Q8_0)
    kinds = gguf.TokenType
    file.add_tokenizer_model("llama")
    file.add_token_list(words.texts)
    file.add_token_scores(words.scores())
    types = [kinds.UNKNOWN, kinds.CONTROL, kinds.CONTROL] + [kinds.BYTE] * 256 + [kinds.CONTROL] * 2
    file.add_token_types([int(kind) for kind in types + [kinds.NORMAL] * len(words.pieces)])
    file.add_bos_token_id(tokenizer.BOS)
    file.add_eos_token_id(tokenizer.END)
    file.add_eot_token_id(tokenizer.END)
    file.add_unk_token_id(tokenizer.UNKNOWN)
    file.add_add_bos_token(True)
    file.add_add_eos_token(False)
    file.add_add_space_prefix(False)
    file.add_chat_template(TEMPLATE)
    for name, value in tensors(shape, parameters):
        value = numpy.ascontiguousarray(value, numpy.float32)
        if value.ndim == 1 or f32:
            file.add_tensor(name, value)
        else:
            kind = gguf.GGMLQuantizationType.Q8_0
            file.add_tensor(name, gguf.quants.quantize(value, kind), raw_dtype=kind)
    file.write_header_to_file()
    file.write_kv_data_to_file()
    file.write_tensors_to_file()
    file.close()


def quantised(shape, parameters):
    """The parameters as the Q8_0 file holds them, to measure what is shipped."""
    kind = gguf.GGMLQuantizationType.Q8_0
    held = dict(parameters)
    for name, value in parameters.items():
        if value.ndim == 2:
            rows = numpy.asarray(value if name == "embedding" else value.T, numpy.float32)
            back = gguf.quants.dequantize(gguf.quants.quantize(numpy.ascontiguousarray(rows), kind), kind)
            held[name] = train.jnp.asarray(back if name == "embedding" else back.T)
    return held


def main():
    parser = argparse.ArgumentParser(description="Writes a checkpoint as GGUF.")
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("gguf", type=pathlib.Path)
    parser.add_argument("--f32", action="store_true", help="every tensor in F32")
    options = parser.parse_args()
    shape, about, parameters, _ = train.load(options.checkpoint)
    words = tokenizer.for_corpus(corpus, random)
    write(options.gguf, shape, parameters, words, options.f32)
    print(f"step {about['step']}, {options.gguf.stat().st_size} bytes")


if __name__ == "__main__":
    main()
