"""A Mixtral in small with the real v1 vocabulary, written with gguf-py, not with our own writer.

Two layers of random weights by default. With a script it says what a test wants it to say: the
layers then add next to nothing, and each token's embedding points at the one that follows it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import gguf
import mistral_common
import numpy as np
import sentencepiece

DIMENSION, HEADS, KV_HEADS, HEAD_SIZE, FEED_FORWARD = 128, 2, 1, 64, 128
LAYERS, EXPERTS, EXPERTS_USED = 2, 8, 2
CONTEXT_TOKENS = 32768

MIXTRAL_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}{% if message['role'] == 'user' %}"
    "{{ '[INST] ' + message['content'] + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
    "{{ message['content'] + eos_token }}{% endif %}{% endfor %}"
)
CHATML_TEMPLATE = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content']"
    " + '<|im_end|>\\n' }}{% endfor %}"
)


def v1_vocabulary_path() -> Path:
    """The file of mistral-common's v1 vocabulary, 32,000 pieces."""
    return Path(mistral_common.__file__).parent / "data" / "tokenizer.model.v1"


def write_toy_model(
    path: Path,
    *,
    script: Sequence[int] = (),
    template: str | None = MIXTRAL_TEMPLATE,
    extra_tokens: Sequence[tuple[str, gguf.TokenType]] = (),
    context_tokens: int = CONTEXT_TOKENS,
    seed: int = 0,
) -> Path:
    """Write the model to `path` (about 10 MB).

    `script`: ids, each followed by the next whatever else was said; each may stand there once.
    """
    writer = gguf.GGUFWriter(path, "llama")
    _add_hyperparameters(writer, context_tokens)
    token_count = _add_vocabulary(writer, extra_tokens)
    if template is not None:
        writer.add_chat_template(template)
    random = np.random.default_rng(seed)
    _add_ends(writer, random, token_count, script)
    for layer in range(LAYERS):
        _add_layer(writer, random, layer, 1e-6 if script else 1.0)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _add_hyperparameters(writer: gguf.GGUFWriter, context_tokens: int) -> None:
    writer.add_name("Toy")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    writer.add_block_count(LAYERS)
    writer.add_context_length(context_tokens)
    writer.add_embedding_length(DIMENSION)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(KV_HEADS)
    writer.add_rope_freq_base(1e6)
    writer.add_rope_dimension_count(HEAD_SIZE)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_expert_count(EXPERTS)
    writer.add_expert_used_count(EXPERTS_USED)


def _add_vocabulary(
    writer: gguf.GGUFWriter, extra_tokens: Sequence[tuple[str, gguf.TokenType]]
) -> int:
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(v1_vocabulary_path()))
    tokens, scores, types = [], [], []
    for token in range(pieces.vocab_size()):
        tokens.append(pieces.id_to_piece(token))
        scores.append(pieces.get_score(token))
        is_control = pieces.is_control(token) or pieces.is_unknown(token)
        is_byte = pieces.is_byte(token)
        kind = gguf.TokenType.BYTE if is_byte else gguf.TokenType.NORMAL
        types.append(gguf.TokenType.CONTROL if is_control else kind)
    for text, kind in extra_tokens:
        tokens.append(text)
        scores.append(-1000.0)
        types.append(kind)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("llama")
    writer.add_tokenizer_pre("default")
    writer.add_token_list(tokens)
    writer.add_token_scores(scores)
    writer.add_token_types(types)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    return len(tokens)


def _add_ends(
    writer: gguf.GGUFWriter, random: np.random.Generator, token_count: int, script: Sequence[int]
) -> None:
    embedding = random.standard_normal((token_count, DIMENSION), np.float32)
    output = random.standard_normal((token_count, DIMENSION), np.float32) * 0.1
    if script:
        output[:] = 0.0
        output[list(script[1:])] = embedding[list(script[:-1])]
    for name, matrix in (("token_embd", embedding), ("output", output)):
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(f"{name}.weight", gguf.quantize(matrix, kind), raw_dtype=kind)
    writer.add_tensor("output_norm.weight", np.ones(DIMENSION, np.float32))


def _add_layer(
    writer: gguf.GGUFWriter, random: np.random.Generator, layer: int, strength: float
) -> None:
    shapes = {
        "attn_q": (HEADS * HEAD_SIZE, DIMENSION),
        "attn_k": (KV_HEADS * HEAD_SIZE, DIMENSION),
        "attn_v": (KV_HEADS * HEAD_SIZE, DIMENSION),
        "attn_output": (DIMENSION, HEADS * HEAD_SIZE),
        "ffn_gate_inp": (EXPERTS, DIMENSION),
        "ffn_gate_exps": (EXPERTS, FEED_FORWARD, DIMENSION),
        "ffn_up_exps": (EXPERTS, FEED_FORWARD, DIMENSION),
        "ffn_down_exps": (EXPERTS, DIMENSION, FEED_FORWARD),
    }
    for name, shape in shapes.items():
        scale = strength if name in ("attn_output", "ffn_down_exps") else 1.0
        weights = random.standard_normal(shape, np.float32) * scale / np.sqrt(shape[-1])
        writer.add_tensor(f"blk.{layer}.{name}.weight", weights.astype(np.float32))
    for name in ("attn_norm", "ffn_norm"):
        writer.add_tensor(f"blk.{layer}.{name}.weight", np.ones(DIMENSION, np.float32))
