"""Predicted memory against what llama.cpp takes when it really loads layers of the real size."""

from __future__ import annotations

from pathlib import Path

import pytest

from model_io.memory import ENGINE_BYTES, Placement, Working, measure
from tests.model_io.loads import load
from tests.model_io.random_models import real_shape, write_random_model
from tests.vulkan import in_child, requires_vulkan, use_software_driver

EXACT = 64 * 1024
"""What rounding in llama.cpp's lines and the alignment of buffers come to."""

MIB = 2**20
WORKING = Working(4096, 512)


@pytest.mark.parametrize(
    ("quant", "uses_mmap"),
    [("Q4_K_M", True), ("Q6_K", True), ("Q8_0", True), ("Q4_K_M", False)],
)
def test_real_layers_in_ram(tmp_path: Path, quant: str, uses_mmap: bool) -> None:
    """Weights and cache to the byte, as far as llama.cpp tells them; computing within 16 MiB."""
    shape = real_shape(quant, layers=2)
    path = write_random_model(tmp_path / "layers.gguf", shape, is_hollow=True)
    taken = in_child(load, path, Placement(), WORKING, uses_mmap=uses_mmap)
    expected = measure(shape, Placement(), WORKING).ram
    name = "CPU_Mapped" if uses_mmap else "CPU"
    assert taken[name, "model"] == pytest.approx(expected.weights_bytes, abs=EXACT)
    assert taken["CPU", "KV"] == expected.kv_bytes
    computing = expected.compute_bytes - ENGINE_BYTES
    assert taken["CPU", "compute"] == pytest.approx(computing, abs=16 * MIB)


@requires_vulkan
def test_real_attention_on_a_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two layers' attention, router, cache and output there, all experts in RAM."""
    use_software_driver(monkeypatch)
    shape = real_shape("Q4_K_M", layers=2)
    path = write_random_model(tmp_path / "layers.gguf", shape, is_hollow=True)
    placement = Placement((2,), frozenset({0, 1}), offloads_prompts=False)
    taken = in_child(load, path, placement, WORKING, ["Vulkan0"])
    expected = measure(shape, placement, WORKING).devices[0]
    assert taken["Vulkan0", "model"] == pytest.approx(expected.weights_bytes, abs=EXACT)
    assert taken["Vulkan0", "KV"] == expected.kv_bytes
    assert taken["Vulkan0", "compute"] == pytest.approx(expected.compute_bytes, abs=16 * MIB)


@requires_vulkan
def test_layers_split_over_two_devices(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each gets exactly its layers, and the second the output; experts of one layer in RAM."""
    use_software_driver(monkeypatch, devices=2)
    shape = real_shape("Q4_K_M", layers=5, num_local_experts=2, intermediate_size=3584)
    path = write_random_model(tmp_path / "layers.gguf", shape, is_hollow=True)
    placement = Placement((3, 2), frozenset({0}))
    devices = ["Vulkan0", "Vulkan1"]
    taken = in_child(load, path, placement, WORKING, devices)
    expected = measure(shape, placement, WORKING).devices
    for name, share in zip(devices, expected, strict=True):
        assert taken[name, "model"] == pytest.approx(share.weights_bytes, abs=EXACT)
        assert taken[name, "KV"] == share.kv_bytes
        assert taken[name, "compute"] == pytest.approx(share.compute_bytes, abs=16 * MIB)
