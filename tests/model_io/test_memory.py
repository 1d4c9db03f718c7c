"""What the memory model says, against llama.cpp's own simulation of the same loads."""

from __future__ import annotations

import platform
from itertools import product

import pytest

from model_io.memory import Placement, Share, Working, measure, repacked_bytes
from tests.model_io.random_models import real_shape
from tests.model_io.simulations import Case, differences, simulate_all
from tests.vulkan import in_child, requires_vulkan, use_software_driver

QUANTS = ("Q4_K_M", "Q6_K", "Q8_0")
CONTEXTS = (4096, 8192, 32768)
LAYERS = 8


@pytest.fixture(scope="module", params=QUANTS)
def quant(request: pytest.FixtureRequest) -> str:
    """Each type that Octet makes for users."""
    name: str = request.param
    return name


def test_the_cache_is_exact() -> None:
    """128 KiB a token in 16 bits, 68 in 8 (llama.cpp's own figures), whatever the weights are."""
    shape = real_shape("Q4_K_M")
    for kv_type, kib in (("f16", 128), ("q8_0", 68), ("q4_0", 36)):
        for context in CONTEXTS:
            footprint = measure(shape, Placement(), Working(context, 512, kv_type))
            assert footprint.ram.kv_bytes == context * kib * 1024


def test_a_cache_is_rounded_up_to_whole_cells() -> None:
    """llama.cpp makes it for a multiple of 256 tokens."""
    assert Working(1000, 512).cells == 1024
    assert Working(1024, 512).cells == 1024


def test_nothing_is_lost_between_devices_and_ram() -> None:
    """However the layers are placed, all weights and the whole cache are somewhere."""
    shape = real_shape("Q4_K_M")
    whole = measure(shape, Placement(), Working(8192, 512)).ram
    for placement in (
        Placement((32,)),
        Placement((10, 12), frozenset({10, 11, 31}), offloads_prompts=False),
        Placement((0, 32), frozenset(range(32))),
    ):
        footprint = measure(shape, placement, Working(8192, 512))
        shares = (*footprint.devices, footprint.ram)
        assert sum(share.weights_bytes for share in shares) == whole.weights_bytes
        assert sum(share.kv_bytes for share in shares) == whole.kv_bytes


def test_all_experts_in_ram_leave_a_gigabyte_on_the_device() -> None:
    """Attention, router and output of Mixtral Q4_K_M (measured with llama.cpp: 1,069,080,576)."""
    placement = Placement((32,), frozenset(range(32)))
    device = measure(real_shape("Q4_K_M"), placement, Working(4096, 512)).devices[0]
    assert device.weights_bytes == 1_069_080_576


def test_a_device_without_layers_takes_nothing() -> None:
    """Not even room for computing."""
    footprint = measure(real_shape("Q4_K_M"), Placement((0, 32)), Working(4096, 512))
    assert footprint.devices[0] == Share(0, 0, 0)


def test_tied_embeddings_are_twice_there() -> None:
    """In RAM for looking up, and on the device as the output matrix."""
    shape = real_shape("Q4_K_M", tie_word_embeddings=True)
    footprint = measure(shape, Placement((32,)), Working(4096, 512))
    assert footprint.ram.weights_bytes == shape.embedding_bytes
    total = footprint.ram.weights_bytes + footprint.devices[0].weights_bytes
    assert total == shape.weights_bytes + shape.embedding_bytes


def test_computing_on_the_processor(quant: str) -> None:
    """The real shape, with and without flash attention, in every size of context and microbatch."""
    ways = [Working(c, m, kv) for c, m, kv in product(CONTEXTS, (128, 512, 2048), ("f16", "q8_0"))]
    ways += [Working(c, m, "f16", flash_attention=False) for c, m in product(CONTEXTS, (128, 512))]
    cases = [Case(real_shape(quant), Placement(), working) for working in ways]
    assert differences(cases, in_child(simulate_all, cases)) == []


@requires_vulkan
def test_computing_on_one_device(quant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All layers, experts in RAM with and without their copies, and only the last layers.

    The software driver binds no more than 128 MiB, so that the experts have to be two for it to
    compute with them: what computing takes depends on how many a token uses, not on their number.
    """
    use_software_driver(monkeypatch)
    shape = real_shape(quant, LAYERS, num_local_experts=2)
    placements = (
        Placement((LAYERS,)),
        Placement((LAYERS,), frozenset(range(3))),
        Placement((LAYERS,), frozenset(range(LAYERS))),
        Placement((LAYERS,), frozenset(range(3)), offloads_prompts=False),
        Placement((4,), offloads_prompts=False),
    )
    ways = [Working(c, m, kv) for c, m, kv in product(CONTEXTS, (128, 512), ("f16", "q8_0"))]
    cases = [Case(shape, p, w, ("Vulkan0",)) for p, w in product(placements, ways)]
    assert differences(cases, in_child(simulate_all, cases, loads_backends=True)) == []


@requires_vulkan
def test_computing_on_a_device_that_binds_little(
    quant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real shape on the software driver: attention there, all experts in RAM."""
    use_software_driver(monkeypatch)
    placement = Placement((32,), frozenset(range(32)), offloads_prompts=False)
    ways = [Working(c, 512, kv) for c, kv in product(CONTEXTS, ("f16", "q8_0"))]
    cases = [Case(real_shape(quant), placement, working, ("Vulkan0",)) for working in ways]
    assert differences(cases, in_child(simulate_all, cases, loads_backends=True)) == []


@requires_vulkan
def test_computing_on_two_devices(quant: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first reads prompts with the experts in RAM, the second's too."""
    use_software_driver(monkeypatch, devices=2)
    shape = real_shape(quant, LAYERS, num_local_experts=2)
    placements = (
        Placement((3, 5)),
        Placement((4, 4), frozenset(range(3))),
        Placement((5, 3), frozenset(range(5))),
        Placement((4, 4), frozenset(range(LAYERS))),
        Placement((2, 2), offloads_prompts=False),
    )
    ways = [Working(c, m) for c, m in product(CONTEXTS, (128, 512))]
    cases = [Case(shape, p, w, ("Vulkan0", "Vulkan1")) for p, w in product(placements, ways)]
    assert differences(cases, in_child(simulate_all, cases, loads_backends=True)) == []


@requires_vulkan
def test_computing_without_flash_attention_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the scores fit into what the software driver binds."""
    use_software_driver(monkeypatch)
    shape = real_shape("Q8_0", LAYERS, num_local_experts=2)
    placements = (Placement((LAYERS,)), Placement((4,), offloads_prompts=False))
    sizes = ((1024, 512), (2048, 256), (4096, 128))
    ways = [Working(c, m, flash_attention=False) for c, m in sizes]
    cases = [Case(shape, p, w, ("Vulkan0",)) for p, w in product(placements, ways)]
    assert differences(cases, in_child(simulate_all, cases, loads_backends=True)) == []


def test_what_is_repacked() -> None:
    """On x86: Q4_K_M's 112 matrices of Q4_K that are multiplied, 21.4 GB (llama.cpp's own log)."""
    copied = repacked_bytes(real_shape("Q4_K_M"), Placement())
    if platform.machine().lower() in ("x86_64", "amd64"):
        assert copied == pytest.approx(21.44e9, rel=0.005)
    on_device = repacked_bytes(real_shape("Q4_K_M"), Placement((32,), frozenset(range(16))))
    assert 0 < on_device < copied
    assert repacked_bytes(real_shape("Q4_K_M"), Placement((32,))) == 0
