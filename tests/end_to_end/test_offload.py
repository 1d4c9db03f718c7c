"""Layers on graphics devices: they are where the plan said, and say what the processor says.

On Mesa's software driver, which reports a memory of 2 GiB.
"""

from __future__ import annotations

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import sentencepiece
from llama_cpp import _utils

from app.core.paths import resources
from app.engine.client import EngineClient
from app.engine.load_report import is_on
from app.engine.protocol import (
    EngineParameters,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    Measure,
    Measured,
    PlanChosen,
    PromptMessage,
    Sampling,
    TextGenerated,
)
from model_io.child import start_child
from model_io.convert import convert
from model_io.memory import Placement, Working
from tests import vulkan
from tests.app.engine.plans import plan_on
from tests.end_to_end.offload import (
    ON_CPU,
    POSITIONS,
    Trial,
    errors,
    greedy_ids,
    try_models,
    write_in_full,
)
from tests.model_io.checkpoints import make_checkpoint
from tests.model_io.small_models import SMALL, small_vocabulary
from tests.toy_model import v1_vocabulary_path, write_toy_model

pytestmark = vulkan.requires_vulkan

FIRST, SECOND = "Vulkan0", "Vulkan1"
MODELS = ("F32", "Q4_K_M", "demo")
LAYERS = {"F32": 4, "Q4_K_M": 4, "demo": 5}
MB = 2**20
QUESTIONS = ("What is Octet?", "Who are you?", "How many experts has Mixtral?", "What is GGUF?")
RATIO, AGREEMENT = 3.0, 0.95


def placements(layers: int) -> dict[str, tuple[list[str], Placement]]:
    """All layers on one device, split over two, and the experts of some in RAM."""
    return {
        "one": ([FIRST], Placement((layers,))),
        "two": ([FIRST, SECOND], Placement((1, layers - 1))),
        "experts in RAM": ([FIRST], Placement((layers,), frozenset({0, 2}))),
        "a part": ([FIRST], Placement((2,), frozenset(), offloads_prompts=False)),
    }


PLACEMENTS = tuple(placements(4))


@pytest.fixture(scope="module", autouse=True)
def two_devices() -> Iterator[None]:
    """The software driver twice, for every child of this module."""
    with pytest.MonkeyPatch.context() as patch:
        vulkan.use_software_driver(patch, devices=2)
        yield
    for file in (_utils.outnull_file, _utils.errnull_file):  # which llama_cpp leaves open
        file.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A Mixtral of four random layers in two kinds, and the demo."""
    folder = tmp_path_factory.mktemp("offload")
    shape = replace(SMALL, layers=4, experts=8, heads=4, kv_heads=2)
    checkpoint = make_checkpoint(shape, folder / "toy")
    (checkpoint / "tokenizer.model").write_bytes(small_vocabulary())
    made = {"demo": next((resources() / "models").glob("octet-demo-*.gguf"))}
    for quant in ("F32", "Q4_K_M"):
        made[quant] = folder / f"{quant}.gguf"
        convert(checkpoint, quant, made[quant], jobs=1)
    return made


@pytest.fixture(scope="module")
def trials(models: dict[str, Path]) -> dict[str, dict[str, Trial]]:
    """Of each model and placement, computed in another process."""
    return vulkan.in_child(
        try_models,
        models,
        {name: placements(LAYERS[name]) for name in MODELS},
        {name: ids_for(name, models[name]) for name in MODELS},
    )


def ids_for(name: str, path: Path) -> list[int]:
    """The demo's own replies to some questions, or anything for a model that says anything."""
    if name != "demo":
        return [int(token) for token in np.random.default_rng(5).integers(3, 300, POSITIONS)]
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(v1_vocabulary_path()))
    prompts = [[1, *pieces.encode(f"[INST] {text} [/INST]")] for text in QUESTIONS]
    return vulkan.in_child(greedy_ids, path, prompts)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", MODELS)
def test_buffers_are_where_the_plan_said(
    trials: dict[str, dict[str, Trial]], name: str, placement: str
) -> None:
    """Weights and cache to what the log rounds to; computing within 5 % or 16 MiB."""
    trial = trials[name][placement]
    devices = {each.name for each in trial.taken if each.name.startswith("Vulkan")}

    assert devices - {"Vulkan_Host"} == {device.name for device in trial.plan.devices}
    for device in trial.plan.devices:
        own = [each for each in trial.taken if is_on(each.name, device.name)]
        weights, kv, compute = (
            sum(getattr(each, f"{kind}_bytes") for each in own)
            for kind in ("weights", "kv", "compute")
        )
        assert weights == pytest.approx(device.share.weights_bytes, abs=0.01 * MB)
        assert kv == pytest.approx(device.share.kv_bytes, abs=0.01 * MB)
        assert compute == pytest.approx(device.share.compute_bytes, rel=0.05, abs=16 * MB)


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", MODELS)
def test_a_device_computes_what_the_processor_does(
    trials: dict[str, dict[str, Trial]], name: str, placement: str
) -> None:
    """As nearly as the processor agrees with itself when the ids are cut otherwise, times three."""
    trial, own = trials[name][placement], trials[name][ON_CPU]

    assert len(trial.differences) == POSITIONS
    assert trial.median <= RATIO * own.median
    assert trial.high <= RATIO * own.high


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_demo_says_the_same(trials: dict[str, dict[str, Trial]], placement: str) -> None:
    """The first choice at its own replies' positions is nearly always the processor's."""
    assert trials["demo"][placement].agreement >= AGREEMENT


def test_a_device_is_nearer_to_the_weights_than_the_processor(
    models: dict[str, Path], tmp_path: Path
) -> None:
    """What they differ in is mostly the processor's: it quantizes what goes through the layers."""
    in_full = write_in_full(models["demo"], tmp_path / "full.gguf")
    ids = ids_for("demo", models["demo"])
    found = vulkan.in_child(errors, models["demo"], in_full, ids, FIRST)

    assert found[FIRST] < found[ON_CPU] / 2


StartEngine = Callable[[], EngineClient]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[EngineClient]:
    """The real engine, which sees the software device."""
    with EngineClient.start(tmp_path / "engine.log") as client:
        yield client


def load(engine: EngineClient, path: Path, **parameters: object) -> tuple[Loaded, list[PlanChosen]]:
    """What was loaded, and the plans that were tried for it; with small batches, quick here."""
    settings = {"threads": 2, "microbatch_tokens": 64, **parameters}
    wanted = EngineParameters(str(path), **settings)  # type: ignore[arg-type]
    engine.send(Load(engine.new_job_id(), wanted))
    events = list(engine.events())
    assert isinstance(events[-1], Loaded), events[-1]
    return events[-1], [event for event in events if isinstance(event, PlanChosen)]


def ask(engine: EngineClient, text: str) -> str:
    """The greedy reply to one message."""
    sampling = Sampling(temperature=0.0, max_tokens=20)
    engine.send(Generate(engine.new_job_id(), (PromptMessage("user", text),), sampling))
    events = list(engine.events())
    assert isinstance(events[-1], Finished), events[-1]
    return "".join(event.text for event in events if isinstance(event, TextGenerated))


def test_the_engine_uses_a_device_and_says_so(
    engine: EngineClient, models: dict[str, Path], tmp_path: Path
) -> None:
    """Planned by itself; it answers as on the processor, is measured, and can do without."""
    loaded, plans = load(engine, models["demo"], records_path=str(tmp_path / "records.json"))
    reply = ask(engine, QUESTIONS[0])
    engine.send(Measure(engine.new_job_id(), 64, 8))
    (measured,) = engine.events()
    on_cpu, _ = load(engine, models["demo"], uses_gpus=False)

    assert len(plans) == 1
    assert loaded.model.device == "llvmpipe"
    assert loaded.model.steps == ()
    assert any(each.name == FIRST and each.weights_bytes for each in loaded.model.taken)
    assert isinstance(measured, Measured)
    assert {device.name for device in measured.machine.devices} == {FIRST, SECOND}
    assert on_cpu.model.device == "CPU"
    assert not any(each.name.startswith("Vulkan") for each in on_cpu.model.taken)
    assert ask(engine, QUESTIONS[0]) == reply


def test_a_model_that_does_not_fit_is_loaded_by_stepping_down(
    engine: EngineClient, tmp_path: Path
) -> None:
    """A device that has less than it says: the driver says no, and nothing aborts.

    The software device takes its memory from the process, so the process is held to a limit.
    """
    path = write_toy_model(tmp_path / "toy.gguf")
    load(engine, path, context_tokens=512, microbatch_tokens=32)
    size_bytes = psutil.Process(engine.process_id).memory_info().vms
    resource.prlimit(engine.process_id, resource.RLIMIT_AS, (size_bytes + 320 * MB,) * 2)
    too_large = plan_on([FIRST], Placement((2,)), Working(900_000, 32))  # a cache of 440 MiB
    loaded, plans = load(engine, path, plan=too_large, microbatch_tokens=32)

    assert plans[0].plan == too_large
    assert 2 <= len(plans) <= 6
    assert loaded.model.steps == tuple(plan.sentences[0] for plan in plans[1:])
    assert "did not fit as planned" in loaded.model.steps[0]
    assert loaded.model.plan == plans[-1].plan
    assert ask(engine, "Hi")


def test_a_plan_that_ends_the_engine_is_gone_below(tmp_path: Path) -> None:
    """A cache tensor that the driver can't bind ends the process; the next one begins lower."""
    path = write_toy_model(tmp_path / "toy.gguf")
    deadly = plan_on([FIRST], Placement((2,)), Working(4_500_000, 32))
    with EngineClient.start(tmp_path / "first.log") as engine:
        engine.send(Load(1, EngineParameters(str(path), plan=deadly)))
        chosen, *_, failed = engine.events()
    assert isinstance(chosen, PlanChosen)
    assert isinstance(failed, Failed)
    assert failed.fatal
    with EngineClient.start(tmp_path / "second.log") as engine:
        wanted = {"plan": deadly, "failed_plans": (chosen.plan,), "microbatch_tokens": 32}
        loaded, _ = load(engine, path, **wanted)

        assert ask(engine, "Hi")
    assert len(loaded.model.steps) == 1
    assert loaded.model.context_tokens < 4_500_000


def test_a_device_that_is_gone_costs_a_sentence(
    engine: EngineClient, models: dict[str, Path]
) -> None:
    """A card pulled out since the plan was made."""
    gone = plan_on(["Vulkan7"], Placement((5,)))
    loaded, _ = load(engine, models["demo"], plan=gone, uses_gpus=False)

    assert loaded.model.device == "CPU"
    assert loaded.model.steps == ("Card Vulkan7 can't be used any more.",)


def test_a_device_that_failed_is_left_out(engine: EngineClient, models: dict[str, Path]) -> None:
    """The other one works on."""
    loaded, _ = load(engine, models["demo"], avoided_devices=(FIRST,))

    assert loaded.model.plan is not None
    assert [device.name for device in loaded.model.plan.devices] == [SECOND]
    assert any("failed while it worked" in line for line in loaded.model.problems)


def test_a_module_of_another_version_is_refused_by_name(
    models: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The processor goes on alone."""
    folder = tmp_path / "backends"
    folder.mkdir()
    module = Path(shutil.copy(vulkan.MODULE, folder))
    facts = json.loads(vulkan.MODULE.with_suffix(".json").read_text())
    module.with_suffix(".json").write_text(json.dumps({**facts, "ggml": "0.9.9"}))
    monkeypatch.setenv("OCTET_BACKENDS", str(folder))
    child = start_child("tests.end_to_end.lone_backends", tmp_path / "engine.log")
    with EngineClient(child) as engine:
        loaded, _ = load(engine, models["demo"])

        assert ask(engine, QUESTIONS[0])
    assert loaded.model.device == "CPU"
    assert any("was built for ggml 0.9.9" in line for line in loaded.model.problems)
