"""How much memory a model takes where: weights, cache, and the room for computing.

Weights and cache are exact, from the tensors' table. The room for computing follows what
llama.cpp's scheduler keeps alive at once while it evaluates one microbatch of a prompt; the terms
were found by its own simulation (`simulation`), with which the tests compare them. Sources:
src/llama-context.cpp, `sched_reserve`, and ggml/src/ggml-backend.cpp (llama-cpp-python 0.3.36).
All sizes are bytes.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass, field

from model_io.model_shape import ModelShape, layer_of

CELLS = 256
"""The cache is made for a multiple of so many tokens (llama-context.cpp)."""

OFFLOAD_TOKENS = 32
"""From so many tokens on, a GPU computes with weights that stay in RAM (ggml's `op_offload`)."""

_REPACKED = ("Q4_0", "Q4_K", "IQ4_NL")
_REPACKED_ON_ARM = ("Q5_K", "Q6_K", "Q8_0")

ENGINE_BYTES = 200 * 2**20
"""The engine's process without a model: Python, libraries, vocabulary, one output (measured)."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where the layers are. The last `sum(device_layers)` layers are on the devices, in order.

    `ram_experts` are layers on a device whose experts stay in RAM. `offloads_prompts` lets the
    first device compute with them while it reads a prompt.
    """

    device_layers: tuple[int, ...] = ()
    ram_experts: frozenset[int] = frozenset()
    offloads_prompts: bool = True

    @property
    def gpu_layers(self) -> int:
        """How many layers are on devices."""
        return sum(self.device_layers)


@dataclass(frozen=True, slots=True)
class Working:
    """What is computed with: `context_tokens` in the cache, `microbatch_tokens` at once."""

    context_tokens: int
    microbatch_tokens: int
    kv_type: str = "f16"
    flash_attention: bool = True

    @property
    def cells(self) -> int:
        """How many tokens the cache is really made for."""
        return -(-self.context_tokens // CELLS) * CELLS


@dataclass(frozen=True, slots=True)
class Share:
    """What one memory holds."""

    weights_bytes: int
    kv_bytes: int
    compute_bytes: int

    @property
    def total_bytes(self) -> int:
        """All of it."""
        return self.weights_bytes + self.kv_bytes + self.compute_bytes


@dataclass(frozen=True, slots=True)
class Footprint:
    """What each device and the RAM hold; the engine's own process is in the RAM's share."""

    devices: tuple[Share, ...] = field(default=())
    ram: Share = field(default=Share(0, 0, 0))


def measure(shape: ModelShape, placement: Placement, working: Working) -> Footprint:
    """The memory that `shape` takes when it is placed and worked with so."""
    row_bytes = shape.kv_row_bytes(working.kv_type) * working.cells
    weights = _device_weights(shape, placement)
    devices = tuple(
        Share(weights[index], layers * row_bytes, device_compute(shape, placement, working, index))
        for index, layers in enumerate(placement.device_layers)
    )
    on_devices = sum(weights) - (shape.embedding_bytes if _copies_output(shape, placement) else 0)
    ram = Share(
        shape.weights_bytes - on_devices,
        (shape.layers - placement.gpu_layers) * row_bytes,
        ram_compute(shape, placement, working) + ENGINE_BYTES,
    )
    return Footprint(devices, ram)


def repacked_bytes(shape: ModelShape, placement: Placement) -> int:
    """What llama.cpp copies of the weights in RAM when it repacks them (ggml-cpu/repack.cpp).

    The mapped file stays where it is beside the copies. Embeddings are looked up, not multiplied.
    """
    is_arm = platform.machine().lower() in ("arm64", "aarch64")
    types = _REPACKED + _REPACKED_ON_ARM if is_arm else _REPACKED
    first = shape.layers - placement.gpu_layers
    total = 0
    for tensor in shape.tensors:
        if tensor.type.name not in types or tensor.name == "token_embd.weight":
            continue
        layer = layer_of(tensor.name)
        if layer is None:
            is_in_ram = placement.gpu_layers == 0
        else:
            is_kept = layer in placement.ram_experts and "_exps." in tensor.name
            is_in_ram = layer < first or is_kept
        total += tensor.data_bytes if is_in_ram else 0
    return total


def _copies_output(shape: ModelShape, placement: Placement) -> bool:
    """Tied embeddings are in RAM, and once more on the last device as the output matrix."""
    return shape.is_tied and placement.gpu_layers > 0


def _device_weights(shape: ModelShape, placement: Placement) -> list[int]:
    weights = []
    layer = shape.layers - placement.gpu_layers
    for layers in placement.device_layers:
        held = range(layer, layer + layers)
        kept = placement.ram_experts.intersection(held)
        experts = sum(shape.expert_bytes[layer : held.stop])
        experts -= sum(map(shape.expert_bytes.__getitem__, kept))
        weights.append(sum(shape.dense_bytes[layer : held.stop]) + experts)
        layer += layers
    if placement.gpu_layers:
        last = max(i for i, layers in enumerate(placement.device_layers) if layers)
        weights[last] += shape.output_bytes + (shape.embedding_bytes if shape.is_tied else 0)
    return weights


def device_compute(
    shape: ModelShape, placement: Placement, working: Working, index: int = 0
) -> int:
    """The room for computing on device number `index`; 0 if it has no layer."""
    if not placement.device_layers[index]:
        return 0
    first = shape.layers - placement.gpu_layers + sum(placement.device_layers[:index])
    held = range(first, first + placement.device_layers[index])
    widths = _Widths(shape, working)
    is_partial = placement.gpu_layers < shape.layers
    if not placement.ram_experts.issuperset(held):
        network = widths.network + (3 if is_partial else 2) * widths.hidden
    else:
        network = 4 * widths.hidden
    is_first = not any(placement.device_layers[:index])
    if is_first and _offloads(placement, working):
        network = max(network, widths.copied(shape, placement, held))
    return max(network, widths.attention) + widths.mask


def ram_compute(shape: ModelShape, placement: Placement, working: Working) -> int:
    """The room for computing in RAM, with what passes between it and the devices."""
    widths = _Widths(shape, working)
    if placement.gpu_layers < shape.layers:
        kept = 4 if working.kv_type == "f16" else 3
        network = max(widths.network + kept * widths.hidden, widths.attention)
    elif placement.ram_experts and not _offloads(placement, working):
        network = widths.network + 2 * widths.hidden
    else:
        network = 2 * widths.hidden
    return network + widths.mask


def _offloads(placement: Placement, working: Working) -> bool:
    is_long = working.microbatch_tokens >= OFFLOAD_TOKENS
    return bool(placement.ram_experts) and placement.offloads_prompts and is_long


class _Widths:
    """The sizes, for one microbatch, of what the graph of a layer keeps.

    `hidden` is one vector of floats for each token, `network` the three inner ones of all the
    experts that a token uses (gate, up, and their product), `mask` the attention's mask.
    """

    def __init__(self, shape: ModelShape, working: Working) -> None:
        tokens = min(working.microbatch_tokens, working.cells)
        self.hidden = 4 * shape.hidden * tokens
        self.inner = 4 * shape.feed_forward * max(1, shape.experts_used) * tokens
        self.network = 3 * self.inner
        if working.flash_attention:
            self.mask = 2 * working.cells * tokens
            self.attention = 4 * self.hidden
        else:
            self.mask = 4 * working.cells * tokens
            scores = 4 * shape.heads * working.cells * tokens
            self.attention = scores + 5 * self.hidden
            self.attention += 2 * self.hidden * shape.kv_heads // shape.heads

    def copied(self, shape: ModelShape, placement: Placement, held: range) -> int:
        """With the experts of a layer copied from RAM, one matrix after the other.

        The first device does it for layers of the others too, and then holds two at a time.
        """
        wide = max(map(shape.wide_expert_bytes.__getitem__, placement.ram_experts))
        down = max(map(shape.down_expert_bytes.__getitem__, placement.ram_experts))
        # Vectors that don't fit into the room of the matrix before need their own.
        inner = 2 if self.inner <= wide else 3
        room = max(down + self.inner + 4 * self.hidden, wide + inner * self.inner + 2 * self.hidden)
        if placement.ram_experts <= frozenset(held):
            return room
        return max(room, wide + down + self.hidden)
