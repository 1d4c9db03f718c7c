"""Which tensors a Mixtral has, under their names in safetensors and in GGUF.

Knows names, shapes and orders; no file and no number. Sources: the table in llama.cpp's
gguf-py/gguf/tensor_mapping.py and conversion/llama.py (llama-cpp-python 0.3.36).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from model_io.model_config import MixtralConfig

_IGNORED_ENDINGS = (".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq")


@dataclass(frozen=True, slots=True)
class ModelTensor:
    """One tensor of the GGUF and the safetensors tensors that it is made of.

    `shape` is in numpy's order, row length last (GGUF writes it the other way round). Each of
    `sources` is one matrix; several are stacked along the first axis. `permuted_heads` is set
    where the rows of each head are stored in another order (see `quantize`). `layer` is None
    outside the layers.
    """

    name: str
    shape: tuple[int, ...]
    sources: tuple[str, ...]
    layer: int | None = None
    permuted_heads: int | None = None

    @property
    def source_shape(self) -> tuple[int, ...]:
        """The shape that each of `sources` has."""
        return self.shape[1:] if len(self.shape) == 3 else self.shape


def is_ignored(name: str) -> bool:
    """Whether a safetensors tensor holds no weights, so that llama.cpp leaves it out."""
    return name.endswith(_IGNORED_ENDINGS)


def list_tensors(config: MixtralConfig, *, has_output: bool) -> tuple[ModelTensor, ...]:
    """All tensors of the model; without `has_output` the embeddings are used twice."""
    vocabulary = (config.vocab_size, config.hidden_size)
    norm = (config.hidden_size,)
    tensors = [
        ModelTensor("token_embd.weight", vocabulary, ("model.embed_tokens.weight",)),
        ModelTensor("output_norm.weight", norm, ("model.norm.weight",)),
    ]
    if has_output:
        tensors.append(ModelTensor("output.weight", vocabulary, ("lm_head.weight",)))
    for layer in range(config.num_hidden_layers):
        tensors += _attention(config, layer)
        tensors += _experts(config, layer)
    return tuple(tensors)


def _attention(config: MixtralConfig, layer: int) -> Iterator[ModelTensor]:
    hidden, heads, pairs = (
        config.hidden_size,
        config.num_attention_heads,
        config.num_key_value_heads,
    )
    wide, narrow = heads * config.head_size, pairs * config.head_size
    for part, source, shape, permuted in (
        ("attn_norm", "input_layernorm", (hidden,), None),
        ("attn_q", "self_attn.q_proj", (wide, hidden), heads),
        ("attn_k", "self_attn.k_proj", (narrow, hidden), pairs),
        ("attn_v", "self_attn.v_proj", (narrow, hidden), None),
        ("attn_output", "self_attn.o_proj", (hidden, wide), None),
        ("ffn_norm", "post_attention_layernorm", (hidden,), None),
        ("ffn_gate_inp", "block_sparse_moe.gate", (config.num_local_experts, hidden), None),
    ):
        sources = (f"model.layers.{layer}.{source}.weight",)
        yield ModelTensor(f"blk.{layer}.{part}.weight", shape, sources, layer, permuted)


def _experts(config: MixtralConfig, layer: int) -> Iterator[ModelTensor]:
    hidden, ffn, experts = config.hidden_size, config.intermediate_size, config.num_local_experts
    for part, matrix, shape in (
        ("ffn_gate_exps", "w1", (experts, ffn, hidden)),
        ("ffn_down_exps", "w2", (experts, hidden, ffn)),
        ("ffn_up_exps", "w3", (experts, ffn, hidden)),
    ):
        sources = tuple(
            f"model.layers.{layer}.block_sparse_moe.experts.{expert}.{matrix}.weight"
            for expert in range(experts)
        )
        yield ModelTensor(f"blk.{layer}.{part}.weight", shape, sources, layer)


def sort_as_quantized(tensors: Sequence[ModelTensor]) -> list[ModelTensor]:
    """The order of a file by llama-quantize: by layer, then by name."""
    return sorted(tensors, key=lambda t: (-1 if t.layer is None else t.layer, t.name))


def sort_as_converted(tensors: Sequence[ModelTensor], stored: Sequence[str]) -> list[ModelTensor]:
    """The order of a file by llama.cpp's convert script, from the order `stored` of the source.

    Each tensor follows its source; a layer's experts follow the last one of their 3 x N.
    """
    position = {name: index for index, name in enumerate(stored)}
    last: dict[int | None, int] = {}
    for tensor in tensors:
        if len(tensor.sources) > 1:
            latest = max(position[name] for name in tensor.sources)
            last[tensor.layer] = max(last.get(tensor.layer, 0), latest)
    return sorted(tensors, key=lambda tensor: _converted_rank(tensor, position, last))


def _converted_rank(
    tensor: ModelTensor, position: Mapping[str, int], last: Mapping[int | None, int]
) -> tuple[int, str]:
    if len(tensor.shape) < 3:
        return position[tensor.sources[0]], ""
    return last[tensor.layer], tensor.sources[0]  # w1, w2, w3
