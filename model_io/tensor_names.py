"""Which tensors a Mixtral has, under their names in each layout of a source and in GGUF.

Knows names, shapes and orders; no file and no number. Sources: the table in llama.cpp's
gguf-py/gguf/tensor_mapping.py and conversion/llama.py (llama-cpp-python 0.3.36), and for
Mistral's own names mistral-inference, transformer.py and moe.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from model_io.model_config import MixtralConfig

_IGNORED_ENDINGS = (".attention.masked_bias", ".attention.bias", ".rotary_emb.inv_freq")

_GGUF_LAYER_PARTS = (
    "attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_gate_inp",
)  # fmt: skip
_GGUF_EXPERT_PARTS = ("ffn_gate", "ffn_down", "ffn_up")


@dataclass(frozen=True, slots=True)
class Naming:
    """What a layout calls the tensors of a Mixtral, by their GGUF names without `.weight`.

    `parts` stand once in each `layer`, `experts` once for each expert of it. Where `is_permuted`
    the rows of each query and key head are stored in Hugging Face's rotary order.
    """

    embeddings: str
    norm: str
    output: str
    layer: str
    parts: Mapping[str, str]
    experts: Mapping[str, str]
    is_permuted: bool = False

    def of_part(self, layer: int, part: str) -> str:
        """The name of a tensor that a layer has once."""
        return f"{self.layer}.{layer}.{self.parts[part]}.weight"

    def of_expert(self, layer: int, part: str, expert: int) -> str:
        """The name of one expert's matrix; `part` is "ffn_gate", "ffn_down" or "ffn_up"."""
        return f"{self.layer}.{layer}.{self.experts[part].format(expert)}.weight"

    def knows(self, name: str) -> bool:
        """Whether a tensor of this name could belong to the layout."""
        single = (self.embeddings, self.norm, self.output)
        return name in single or name.startswith(f"{self.layer}.")


HUGGINGFACE = Naming(
    embeddings="model.embed_tokens.weight",
    norm="model.norm.weight",
    output="lm_head.weight",
    layer="model.layers",
    parts=MappingProxyType(
        {
            "attn_norm": "input_layernorm",
            "attn_q": "self_attn.q_proj",
            "attn_k": "self_attn.k_proj",
            "attn_v": "self_attn.v_proj",
            "attn_output": "self_attn.o_proj",
            "ffn_norm": "post_attention_layernorm",
            "ffn_gate_inp": "block_sparse_moe.gate",
        }
    ),
    experts=MappingProxyType(
        {
            "ffn_gate": "block_sparse_moe.experts.{}.w1",
            "ffn_down": "block_sparse_moe.experts.{}.w2",
            "ffn_up": "block_sparse_moe.experts.{}.w3",
        }
    ),
    is_permuted=True,
)

MISTRAL = Naming(
    embeddings="tok_embeddings.weight",
    norm="norm.weight",
    output="output.weight",
    layer="layers",
    parts=MappingProxyType(
        {
            "attn_norm": "attention_norm",
            "attn_q": "attention.wq",
            "attn_k": "attention.wk",
            "attn_v": "attention.wv",
            "attn_output": "attention.wo",
            "ffn_norm": "ffn_norm",
            "ffn_gate_inp": "feed_forward.gate",
        }
    ),
    experts=MappingProxyType(
        {
            "ffn_gate": "feed_forward.experts.{}.w1",
            "ffn_down": "feed_forward.experts.{}.w2",
            "ffn_up": "feed_forward.experts.{}.w3",
        }
    ),
)

GGUF = Naming(
    embeddings="token_embd.weight",
    norm="output_norm.weight",
    output="output.weight",
    layer="blk",
    parts=MappingProxyType({part: part for part in _GGUF_LAYER_PARTS}),
    experts=MappingProxyType({part: f"{part}.{{}}" for part in _GGUF_EXPERT_PARTS}),
)
"""With the experts apart, as in files made before April 2024."""


@dataclass(frozen=True, slots=True)
class ModelTensor:
    """One tensor of the GGUF and the source's tensors that it is made of.

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


def list_tensors(
    config: MixtralConfig, *, has_output: bool, naming: Naming = HUGGINGFACE
) -> tuple[ModelTensor, ...]:
    """All tensors of the model; without `has_output` the embeddings are used twice."""
    vocabulary = (config.vocab_size, config.hidden_size)
    tensors = [
        ModelTensor("token_embd.weight", vocabulary, (naming.embeddings,)),
        ModelTensor("output_norm.weight", (config.hidden_size,), (naming.norm,)),
    ]
    if has_output:
        tensors.append(ModelTensor("output.weight", vocabulary, (naming.output,)))
    for layer in range(config.num_hidden_layers):
        tensors += _list_parts(config, layer, naming)
        tensors += _list_experts(config, layer, naming)
    return tuple(tensors)


def _list_parts(config: MixtralConfig, layer: int, naming: Naming) -> Iterator[ModelTensor]:
    hidden, heads = config.hidden_size, config.num_attention_heads
    pairs, experts = config.num_key_value_heads, config.num_local_experts
    wide, narrow = heads * config.head_size, pairs * config.head_size
    for part, shape, permuted in (
        ("attn_norm", (hidden,), None),
        ("attn_q", (wide, hidden), heads),
        ("attn_k", (narrow, hidden), pairs),
        ("attn_v", (narrow, hidden), None),
        ("attn_output", (hidden, wide), None),
        ("ffn_norm", (hidden,), None),
        ("ffn_gate_inp", (experts, hidden), None),
    ):
        heads_to_permute = permuted if naming.is_permuted else None
        sources = (naming.of_part(layer, part),)
        yield ModelTensor(f"blk.{layer}.{part}.weight", shape, sources, layer, heads_to_permute)


def _list_experts(config: MixtralConfig, layer: int, naming: Naming) -> Iterator[ModelTensor]:
    hidden, ffn, experts = config.hidden_size, config.intermediate_size, config.num_local_experts
    for part, shape in (
        ("ffn_gate", (experts, ffn, hidden)),
        ("ffn_down", (experts, hidden, ffn)),
        ("ffn_up", (experts, ffn, hidden)),
    ):
        sources = tuple(naming.of_expert(layer, part, expert) for expert in range(experts))
        yield ModelTensor(f"blk.{layer}.{part}_exps.weight", shape, sources, layer)


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
