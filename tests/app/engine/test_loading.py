"""A model is loaded with parameters that suit the machine, or refused before it hurts."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from app.core.errors import EngineError, ModelFileError
from app.engine import loading
from app.engine.loading import choose_threads, find_device
from app.engine.model_file import check_model_file
from app.engine.protocol import EngineParameters, LoadedModel, PromptFormat
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from tests.toy_model import MIXTRAL_TEMPLATE, write_toy_model

Memory = namedtuple("Memory", "available")


def load(path: Path, **parameters: object) -> LoadedModel:
    """What a session says of the model at `path`, loaded with one thread."""
    session = Session()
    wanted = EngineParameters(str(path), threads=1, **parameters)  # type: ignore[arg-type]
    try:
        return session.load(wanted, lambda done, total: None, StopFlag())
    finally:
        session.close()


def test_a_loaded_model_is_described(toy_model: Path) -> None:
    """With the values that are in force."""
    model = load(toy_model)

    assert (model.path, model.name, model.quant) == (str(toy_model), "Toy", "Q8_0")
    assert model.file_bytes == toy_model.stat().st_size
    assert (model.context_tokens, model.threads, model.device) == (16384, 1, "CPU")
    assert model.microbatch_tokens in (32, 64, 128, 256, 512)
    assert model.prompt_format is PromptFormat.MISTRAL_V1
    assert model.notice == ""


def test_parameters_are_obeyed(toy_model: Path) -> None:
    """A context, a microbatch, a cache of fewer bits, and the weights copied into memory."""
    wanted = {"context_tokens": 1024, "microbatch_tokens": 128, "kv_type": "q8_0"}
    model = load(toy_model, **wanted, use_mmap=False)

    assert (model.context_tokens, model.microbatch_tokens) == (1024, 128)


def test_a_small_models_own_context_is_the_limit(tmp_path: Path) -> None:
    """Nothing chosen: no more than the model was made for."""
    assert load(write_toy_model(tmp_path / "m.gguf", context_tokens=2048)).context_tokens == 2048


def test_the_vocabulary_alone_is_quick_and_enough_for_ids(toy_model: Path) -> None:
    """No weights, no threads."""
    model = load(toy_model, vocabulary_only=True)

    assert (model.threads, model.microbatch_tokens) == (0, 0)
    assert len(model.vocabulary_hash) == 16


def test_an_unknown_template_is_told(tmp_path: Path) -> None:
    """The model is loaded as a base model."""
    model = load(write_toy_model(tmp_path / "m.gguf", template="<<SYS>>" + MIXTRAL_TEMPLATE))

    assert model.prompt_format is PromptFormat.RAW
    assert "Llama 2" in model.notice


@pytest.mark.parametrize("use_mmap", [True, False])
def test_progress_reaches_the_end(toy_model: Path, use_mmap: bool) -> None:
    """Whoever reads the file."""
    told: list[tuple[int, int]] = []
    session = Session()
    parameters = EngineParameters(str(toy_model), threads=1, use_mmap=use_mmap)
    session.load(parameters, lambda *amounts: told.append(amounts), StopFlag())
    session.close()

    assert told[-1] == (toy_model.stat().st_size,) * 2


@pytest.mark.parametrize("use_mmap", [True, False])
def test_loading_can_be_stopped(toy_model: Path, use_mmap: bool) -> None:
    """And leaves nothing loaded."""
    stop = StopFlag()
    stop.set()
    session = Session()
    parameters = EngineParameters(str(toy_model), threads=1, use_mmap=use_mmap)
    with pytest.raises(EngineError, match="was stopped"):
        session.load(parameters, lambda done, total: None, stop)
    with pytest.raises(EngineError, match="No model is loaded"):
        session.count_tokens(())


def test_a_failed_load_leaves_nothing_loaded(
    toy_model: Path, make_session: Callable[..., Session], tmp_path: Path
) -> None:
    """What was loaded before is gone too."""
    session = make_session(toy_model)
    missing = EngineParameters(str(tmp_path / "none.gguf"))
    with pytest.raises(ModelFileError):
        session.load(missing, lambda done, total: None, StopFlag())
    with pytest.raises(EngineError, match="No model is loaded"):
        session.count_tokens(())


def test_too_little_memory_is_told_before_it_hurts(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system would end the process a moment later."""
    monkeypatch.setattr(psutil, "virtual_memory", lambda: Memory(available=1_000_000))
    with pytest.raises(EngineError, match=r"needs 0\.0 GB of memory and 0\.0 GB are free"):
        load(toy_model)


def test_a_small_cache_needs_flash_attention(toy_model: Path) -> None:
    """llama.cpp would refuse it without saying so."""
    with pytest.raises(EngineError, match="q4_0 needs flash attention"):
        load(toy_model, kv_type="q4_0", flash_attention=False)


def test_what_llama_cpp_refuses_is_told(tmp_path: Path, toy_model: Path) -> None:
    """A header that passes, and a layer that isn't there."""
    path = tmp_path / "odd.gguf"
    path.write_bytes(toy_model.read_bytes().replace(b"blk.1.attn_q", b"blk.1.attn_x"))
    with pytest.raises(EngineError, match=r"odd\.gguf could not be loaded"):
        load(path)


def test_the_cache_is_counted_as_llama_cpp_makes_it(toy_model: Path) -> None:
    """Two layers, keys and values, one head of 64 numbers of two bytes (its log says 8 MiB)."""
    header = check_model_file(str(toy_model))

    assert loading._kv_bytes(header, "f16", 16384) == 8 * 1024 * 1024


@pytest.mark.parametrize(
    ("longest_ms", "tokens"), [(0.1, 512), (26, 256), (54, 128), (60, 64), (110, 32), (900, 32)]
)
def test_the_microbatch_keeps_operations_short(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch, longest_ms: float, tokens: int
) -> None:
    """54 ms for 64 ids is what Mixtral's layers take on two cores; 128 take 86 there."""
    monkeypatch.setattr(loading, "_time_operations", lambda pointer: [0.0, longest_ms / 1000])

    assert load(toy_model).microbatch_tokens == tokens


def test_a_device_that_cannot_be_stopped_gets_short_chunks(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many ids as it evaluates in half a second, since a stop waits for them."""
    monkeypatch.setattr(
        loading, "find_device", lambda layers: loading.Device("GPU", honours_abort=False)
    )
    clock = iter([0.0, 9.0, 10.0, 12.5])
    monkeypatch.setattr(loading.time, "perf_counter", lambda: next(clock))

    assert load(toy_model).microbatch_tokens == 64


def test_threads_are_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a number is given."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8)
    monkeypatch.setattr(loading.os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)

    assert choose_threads(EngineParameters("")) == 3
    assert choose_threads(EngineParameters("", threads=5)) == 5


def test_without_a_gpu_the_device_is_the_cpu() -> None:
    """Whatever was asked for."""
    assert find_device(0) == loading.Device("CPU", honours_abort=True)
