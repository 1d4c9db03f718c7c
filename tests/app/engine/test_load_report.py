"""llama.cpp's own words about a load are read: what was taken where, and what was lacking."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.engine.load_report import compare, is_on, read_taken, tells_of_memory
from app.engine.protocol import Taken
from model_io.machine import DeviceKind
from model_io.memory import Share
from model_io.plan import DevicePlan
from tests.app.engine.plans import CPU_PLAN

MB = 2**20
WEIGHTS = [
    "load_tensors: offloaded 3/3 layers to GPU",
    "load_tensors:   CPU_Mapped model buffer size =   100.25 MiB",
    "load_tensors:   CPU_Mapped model buffer size =    50.00 MiB",
    "load_tensors:      Vulkan0 model buffer size =  1000.00 MiB",
]
CONTEXT = [
    "llama_context: Vulkan_Host  output buffer size =     0.50 MiB",
    "llama_kv_cache:    Vulkan0 KV buffer size =    64.00 MiB",
    "llama_kv_cache:        CPU KV buffer size =     8.00 MiB",
    "sched_reserve:    Vulkan0 compute buffer size =    30.00 MiB",
    "sched_reserve:    Vulkan0 compute buffer size =    40.00 MiB",
    "sched_reserve: Vulkan_Host compute buffer size =    12.00 MiB",
]


def test_what_was_taken_is_read() -> None:
    """For each memory by llama.cpp's name; parts are added, what was made anew is not."""
    assert read_taken([*WEIGHTS, *CONTEXT]) == (
        Taken("CPU_Mapped", 150 * MB + MB // 4, 0, 0),
        Taken("Vulkan0", 1000 * MB, 64 * MB, 40 * MB),
        Taken("Vulkan_Host", 0, 0, 12 * MB + MB // 2),
        Taken("CPU", 0, 8 * MB, 0),
    )


@pytest.mark.parametrize(
    ("buffer", "is_so"),
    [("Vulkan1", True), ("Vulkan1_Mapped", True), ("Vulkan10", False), ("Vulkan_Host", False)],
)
def test_a_buffer_is_on_a_device(buffer: str, is_so: bool) -> None:
    """By its name, whatever kind of buffer it is."""
    assert is_on(buffer, "Vulkan1") is is_so


def test_a_notable_difference_is_a_line() -> None:
    """With both numbers; a twentieth or 16 MiB more or less is nothing."""
    share = Share(weights_bytes=1000 * MB, kv_bytes=64 * MB, compute_bytes=30 * MB)
    device = DevicePlan("Vulkan0", "A card", DeviceKind.VULKAN, 32, share, 2000 * MB)
    plan = replace(CPU_PLAN, devices=(device,))
    near = Taken("Vulkan0", 1040 * MB, 64 * MB, 45 * MB)
    far = Taken("Vulkan0", 1060 * MB, 64 * MB, 45 * MB)

    assert compare(plan, [near, Taken("CPU", 5, 5, 5)]) == []
    assert compare(plan, [far]) == [
        "octet: Vulkan0 weights: planned 1,048,576,000, taken 1,111,490,560"
    ]


@pytest.mark.parametrize(
    "line",
    [
        "alloc_tensor_range: failed to allocate Vulkan0 buffer of size 3221225472",
        "llama_model_load: error loading model: unable to allocate CUDA0 buffer",
        "ggml_backend_cuda_buffer_type_alloc_buffer: cudaMalloc failed: out of memory",
        "vk::Device::allocateMemory: ErrorOutOfDeviceMemory",
    ],
)
def test_a_lack_of_memory_is_recognized(line: str) -> None:
    """In the words of several backends."""
    assert tells_of_memory(["load_tensors: ...", line])
    assert not tells_of_memory(["error loading model: missing tensor 'blk.1.attn_q.weight'"])
