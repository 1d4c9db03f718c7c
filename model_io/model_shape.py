"""The tensors of a model as memory sees them: how many bytes each layer takes.

The table of a Mixtral in each quantization is exact before any file of it exists. Dense models
of the same architecture (Mistral, Llama) have the same table, without experts. Knows no device.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from model_io.errors import CorruptGGUFError, NotMixtralError, SplitExpertError
from model_io.gguf_parts import GGUFModel
from model_io.gguf_reader import GGUFHeader
from model_io.gguf_values import Metadata, float32, string, uint32
from model_io.gguf_writer import TensorSpec, plan_file
from model_io.model_config import MixtralConfig
from model_io.quant_types import Quant, choose_tensor_type
from model_io.tensor_names import ModelTensor, list_tensors, sort_as_quantized

KV_BLOCKS = MappingProxyType({"f16": (1, 2), "q8_0": (32, 34), "q4_0": (32, 18)})
"""The types of a cache that Octet offers: elements and bytes of a block (ggml-common.h)."""

MIXTRAL = MixtralConfig(
    hidden_size=4096,
    intermediate_size=14336,
    num_hidden_layers=32,
    num_attention_heads=32,
    num_key_value_heads=8,
    head_dim=None,
    num_local_experts=8,
    num_experts_per_tok=2,
    vocab_size=32000,
    max_position_embeddings=32768,
    rms_norm_eps=1e-5,
    rope_theta=1e6,
    tie_word_embeddings=False,
)
"""Mixtral 8x7B, base and Instruct (config.json of mistralai/Mixtral-8x7B-Instruct-v0.1)."""

_LAYER = re.compile(r"blk\.(\d+)\.(.+)")
_EXPERTS = re.compile(r"ffn_(?:gate|down|up)_exps\.weight")
_MOST_LAYERS = 512  # llama.cpp, LLAMA_MAX_LAYERS
_MOST = 2**31 - 1
_FETCH = "download it again"


@dataclass(frozen=True)
class ModelShape:
    """One model in one quantization: its sizes, and its tensors in the order of the file.

    `head_size` is the length of a head's vectors, `feed_forward` the width of one expert or of
    the only network of a dense model, which has 0 `experts`. `trained_tokens` is the longest
    context that the model was made for.
    """

    quant: str
    layers: int
    hidden: int
    feed_forward: int
    heads: int
    kv_heads: int
    head_size: int
    experts: int
    experts_used: int
    vocabulary: int
    trained_tokens: int
    tensors: tuple[TensorSpec, ...]

    @cached_property
    def dense_bytes(self) -> tuple[int, ...]:
        """For each layer: attention, norms and router; in a dense model its network too."""
        return self._sum_layers(lambda part: not _EXPERTS.fullmatch(part))

    @cached_property
    def expert_bytes(self) -> tuple[int, ...]:
        """For each layer: all of its experts; zeros in a dense model."""
        return self._sum_layers(lambda part: bool(_EXPERTS.fullmatch(part)))

    @cached_property
    def embedding_bytes(self) -> int:
        """The token embeddings, which llama.cpp keeps in RAM always."""
        return self._bytes_of("token_embd.weight")

    @cached_property
    def is_tied(self) -> bool:
        """Whether the embeddings serve as the output matrix as well."""
        return not self._bytes_of("output.weight")

    @cached_property
    def output_bytes(self) -> int:
        """The output matrix and the last norm, as far as they are not the embeddings."""
        return self._bytes_of("output.weight") + self._bytes_of("output_norm.weight")

    @cached_property
    def weights_bytes(self) -> int:
        """The data of all tensors."""
        return sum(tensor.data_bytes for tensor in self.tensors)

    @cached_property
    def active_expert_bytes(self) -> tuple[int, ...]:
        """For each layer: what one token reads of the experts."""
        used, count = self.experts_used, max(1, self.experts)
        return tuple(size * used // count for size in self.expert_bytes)

    @cached_property
    def wide_expert_bytes(self) -> tuple[int, ...]:
        """For each layer: the larger of its gate and up matrices, of all experts; 0 without."""
        return self._largest("ffn_gate_exps.weight", "ffn_up_exps.weight")

    @cached_property
    def down_expert_bytes(self) -> tuple[int, ...]:
        """For each layer: its down matrix, of all experts."""
        return self._largest("ffn_down_exps.weight")

    def kv_row_bytes(self, kv_type: str) -> int:
        """The key and the value of one token in one layer, kept as `kv_type` (of KV_BLOCKS)."""
        elements, size = KV_BLOCKS[kv_type]
        return 2 * self.kv_heads * self.head_size // elements * size

    def header(self) -> bytes:
        """A GGUF header of this shape without a vocabulary, which is enough for a simulation."""
        return plan_file(self.metadata(), self.tensors).header

    def _sum_layers(self, belongs: Callable[[str], bool]) -> tuple[int, ...]:
        sums = [0] * self.layers
        for tensor in self.tensors:
            match = _LAYER.fullmatch(tensor.name)
            if match and belongs(match[2]):
                sums[int(match[1])] += tensor.data_bytes
        return tuple(sums)

    def _largest(self, *parts: str) -> tuple[int, ...]:
        sizes = [0] * self.layers
        for tensor in self.tensors:
            match = _LAYER.fullmatch(tensor.name)
            if match and match[2] in parts:
                sizes[int(match[1])] = max(sizes[int(match[1])], tensor.data_bytes)
        return tuple(sizes)

    def _bytes_of(self, name: str) -> int:
        return sum(tensor.data_bytes for tensor in self.tensors if tensor.name == name)

    def metadata(self) -> Metadata:
        """The entries that say so, without a vocabulary."""
        numbers = {
            "block_count": self.layers,
            "context_length": self.trained_tokens,
            "embedding_length": self.hidden,
            "feed_forward_length": self.feed_forward,
            "attention.head_count": self.heads,
            "attention.head_count_kv": self.kv_heads,
            "attention.key_length": self.head_size,
            "attention.value_length": self.head_size,
            "rope.dimension_count": self.head_size,
            "expert_count": self.experts,
            "expert_used_count": self.experts_used,
            "vocab_size": self.vocabulary,
        }
        metadata = {"general.architecture": string("llama"), "tokenizer.ggml.model": string("none")}
        metadata |= {f"llama.{key}": uint32(number) for key, number in numbers.items()}
        return metadata | {"llama.attention.layer_norm_rms_epsilon": float32(1e-5)}


def layer_of(name: str) -> int | None:
    """The layer of a tensor of this name; None outside the layers."""
    match = _LAYER.fullmatch(name)
    return int(match[1]) if match else None


def shape_of_config(config: MixtralConfig, quant: Quant) -> ModelShape:
    """What a Mixtral of these sizes is as a file of kind `quant`, which need not exist."""
    has_output = not config.tie_word_embeddings
    tensors = sort_as_quantized(list_tensors(config, has_output=has_output))
    return ModelShape(
        quant=quant.name,
        layers=config.num_hidden_layers,
        hidden=config.hidden_size,
        feed_forward=config.intermediate_size,
        heads=config.num_attention_heads,
        kv_heads=config.num_key_value_heads,
        head_size=config.head_size,
        experts=config.num_local_experts,
        experts_used=config.num_experts_per_tok,
        vocabulary=config.vocab_size,
        trained_tokens=config.max_position_embeddings,
        tensors=tuple(specify(tensor, config, quant, has_output=has_output) for tensor in tensors),
    )


def specify(
    tensor: ModelTensor, config: MixtralConfig, quant: Quant, *, has_output: bool
) -> TensorSpec:
    """The tensor as a file of kind `quant` has it; `has_output` is False for tied embeddings."""
    kind = choose_tensor_type(
        quant,
        tensor.name,
        tensor.shape[-1],
        len(tensor.shape),
        layer=tensor.layer,
        layers=config.num_hidden_layers,
        experts=config.num_local_experts,
        has_output=has_output,
    )
    return TensorSpec(tensor.name, tensor.shape, kind)


def shape_of_gguf(model: GGUFModel) -> ModelShape:
    """The shape of a file of llama.cpp's architecture `llama`, with experts or without, in parts
    or not.

    Raises NotMixtralError for another architecture, SplitExpertError for experts stored apart,
    and CorruptGGUFError for sizes that are missing or can't be true.
    """
    header = model.header
    if header.architecture != "llama":
        kind = (header.architecture or "unknown")[:40]
        problem = f"holds a model of the kind {kind!r}, which Octet does not run"
        raise NotMixtralError(header.path, problem, "choose a Mixtral file")
    if model.is_split_expert:
        problem = "was written before April 2024, with each expert apart"
        raise SplitExpertError(header.path, problem, "mend it with “octet model repair”")
    tensors = tuple(
        TensorSpec(tensor.name, tensor.dims[::-1], tensor.type)
        for part in model.parts
        for tensor in part.tensors
    )
    return _read_shape(header, tensors)


def _read_shape(header: GGUFHeader, tensors: Sequence[TensorSpec]) -> ModelShape:
    entries = _Entries(header)
    layers = entries.number("block_count", most=_MOST_LAYERS)
    heads, hidden = entries.number("attention.head_count"), entries.number("embedding_length")
    for tensor in tensors:
        match = _LAYER.fullmatch(tensor.name)
        if match and int(match[1][:9]) >= layers:
            raise entries.error(f"holds {tensor.name[:60]} and says that it has {layers} layers")
    embeddings = [t.shape for t in tensors if t.name == "token_embd.weight"]
    if not embeddings or len(embeddings[0]) != 2:
        raise entries.error("holds no token embeddings")
    return ModelShape(
        quant=header.quant or "",
        layers=layers,
        hidden=hidden,
        feed_forward=entries.number("feed_forward_length"),
        heads=heads,
        kv_heads=entries.number("attention.head_count_kv", heads),
        head_size=entries.number("attention.key_length", max(1, hidden // heads)),
        experts=entries.number("expert_count", 0),
        experts_used=entries.number("expert_used_count", 0),
        vocabulary=embeddings[0][0],
        trained_tokens=entries.number("context_length"),
        tensors=tuple(tensors),
    )


class _Entries:
    """Takes the numbers of a header one by one and checks each."""

    def __init__(self, header: GGUFHeader) -> None:
        self._header = header

    def number(self, key: str, default: int | None = None, most: int = _MOST) -> int:
        value = self._header.metadata.get(f"llama.{key}", default)
        if value is None:
            raise self.error(f"does not say llama.{key}")
        least = 0 if default == 0 else 1
        if type(value) is not int or not least <= value <= most:
            raise self.error(f"has the value {str(value)[:80]!r} for llama.{key}")
        return value

    def error(self, problem: str) -> CorruptGGUFError:
        return CorruptGGUFError(self._header.path, problem, _FETCH)
