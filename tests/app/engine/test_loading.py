"""A model is loaded with parameters that suit the machine, or refused before it hurts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from app.core.errors import EngineError, ModelFileError
from app.engine import loading
from app.engine.loading import choose_threads
from app.engine.protocol import EngineParameters, LoadedModel, PromptFormat
from app.engine.session import Session
from app.engine.stop_flag import StopFlag
from model_io.gguf_reader import read_header
from model_io.gguf_writer import TensorSpec
from tests.model_io.small_models import entries_of, gguf_of, tensors_of, write_parts
from tests.toy_model import MIXTRAL_TEMPLATE, write_toy_model


def load(path: Path, **parameters: object) -> LoadedModel:
    """What a session says of the model at `path`, loaded with one thread and no GPU."""
    session = Session()
    wanted = EngineParameters(str(path), threads=1, uses_gpus=False, **parameters)  # type: ignore[arg-type]
    try:
        return session.load(wanted, lambda done, total: None, StopFlag())
    finally:
        session.close()


def write_dense(experts: Path, path: Path) -> Path:
    """The model `experts` with the first expert of each layer alone."""
    entries = entries_of(read_header(experts))
    tensors = []
    for spec, data in tensors_of(experts):
        if len(spec.shape) == 3:
            name = spec.name.replace("_exps", "")
            spec = TensorSpec(name, spec.shape[1:], spec.type)
        if "ffn_gate_inp" not in spec.name:
            tensors.append((spec, data[: spec.data_bytes]))
    kept = {key: value for key, value in entries.items() if "expert" not in key}
    path.write_bytes(gguf_of(kept, tensors))
    return path


def test_a_loaded_model_is_described(toy_model: Path) -> None:
    """With the values that are in force."""
    model = load(toy_model)

    assert (model.path, model.name, model.quant) == (str(toy_model), "Toy", "Q8_0")
    assert model.file_bytes == toy_model.stat().st_size
    assert (model.threads, model.device, model.steps) == (1, "CPU", ())
    assert model.plan is not None
    assert model.context_tokens == model.plan.working.context_tokens
    assert model.microbatch_tokens in (32, 64, 128, 256, 512)
    assert model.prompt_format is PromptFormat.MISTRAL_V1
    assert model.notice == ""


def test_a_given_plan_is_obeyed(toy_model: Path) -> None:
    """As it stands."""
    plan = load(toy_model, context_tokens=512, microbatch_tokens=96, kv_type="q4_0").plan
    again = load(toy_model, plan=plan)

    assert again.plan == plan
    assert again.context_tokens == 512
    assert again.microbatch_tokens <= 96


def test_a_model_in_parts_is_loaded(toy_model: Path, tmp_path: Path) -> None:
    """All of them count, and each of them names it."""
    write_parts(toy_model, tmp_path)
    model = load(tmp_path / "model-00002-of-00002.gguf")

    assert model.name == "Toy"
    assert model.file_bytes == sum(path.stat().st_size for path in tmp_path.glob("*.gguf"))


def test_a_dense_model_is_loaded(toy_model: Path, tmp_path: Path) -> None:
    """A Mistral or a Llama, by its own table."""
    model = load(write_dense(toy_model, tmp_path / "dense.gguf"))

    assert model.plan is not None
    assert model.plan.fits


def test_parameters_are_obeyed(toy_model: Path) -> None:
    """A context, a microbatch, a cache of fewer bits, and the weights copied into memory."""
    wanted = {"context_tokens": 1024, "microbatch_tokens": 128, "kv_type": "q8_0"}
    model = load(toy_model, **wanted, uses_mmap=False)

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


@pytest.mark.parametrize("uses_mmap", [True, False])
def test_progress_reaches_the_end(toy_model: Path, uses_mmap: bool) -> None:
    """Whoever reads the file."""
    told: list[tuple[int, int]] = []
    session = Session()
    parameters = EngineParameters(str(toy_model), threads=1, uses_gpus=False, uses_mmap=uses_mmap)
    session.load(parameters, lambda *amounts: told.append(amounts), StopFlag())
    session.close()

    assert told[-1] == (toy_model.stat().st_size,) * 2


@pytest.mark.parametrize("uses_mmap", [True, False])
def test_loading_can_be_stopped(toy_model: Path, uses_mmap: bool) -> None:
    """And leaves nothing loaded."""
    stop = StopFlag()
    stop.set()
    session = Session()
    parameters = EngineParameters(str(toy_model), threads=1, uses_gpus=False, uses_mmap=uses_mmap)
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


@pytest.mark.parametrize(
    ("longest_ms", "tokens"), [(0.1, 512), (26, 256), (54, 128), (60, 64), (110, 32), (900, 32)]
)
def test_the_microbatch_keeps_operations_short(
    toy_model: Path, monkeypatch: pytest.MonkeyPatch, longest_ms: float, tokens: int
) -> None:
    """54 ms for 64 ids is what Mixtral's layers take on two cores; 128 take 86 there."""
    monkeypatch.setattr(loading, "_time_operations", lambda pointer: [0.0, longest_ms / 1000])

    assert load(toy_model).microbatch_tokens == tokens


@pytest.mark.parametrize(
    ("seconds", "tokens"),
    [
        ({512: 0.4}, 512),
        ({512: 2.0, 256: 1.0, 128: 0.5}, 128),
        ({512: 2.0, 256: 1.9}, 512),
        ({512: 9.0, 256: 4.5, 128: 4.4}, 256),
        ({512: 9.0, 256: 5.0, 128: 3.0, 64: 1.6, 32: 0.9}, 32),
    ],
)
def test_a_device_that_cannot_be_stopped_gets_short_chunks(
    monkeypatch: pytest.MonkeyPatch, seconds: dict[int, float], tokens: int
) -> None:
    """Down to half a second, since a stop waits for them, as long as fewer ids are much quicker."""
    monkeypatch.setattr(loading, "_time_batch", lambda context, count: seconds[count])
    context = SimpleNamespace(microbatch_tokens=512)

    assert loading._measure_chunk(context) == tokens  # type: ignore[arg-type]


def test_threads_are_the_cores_that_may_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless a number is given."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: 8)
    monkeypatch.setattr(loading.os, "sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)

    assert choose_threads(EngineParameters("")) == 3
    assert choose_threads(EngineParameters("", threads=5)) == 5
