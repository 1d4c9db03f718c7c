"""What other programs are told of a loaded model, and what they say when they have no room."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from app.core.errors import EngineError
from app.engine.planned_model import PlannedModel
from app.engine.protocol import EngineParameters
from model_io.holdings import read_holdings
from model_io.machine import Memory
from tests.model_io.random_models import real_shape
from tests.model_io.test_holdings import parent_note
from tests.vulkan import in_child


@pytest.fixture
def parameters(tmp_path: Path) -> EngineParameters:
    """With a folder for records, and no driver asked."""
    return EngineParameters("", uses_gpus=False, records_path=str(tmp_path / "records.json"))


def test_what_is_taken_is_noted_while_it_is(parameters: EngineParameters, tmp_path: Path) -> None:
    """Without the mapped file, whose pages the system can take back."""
    model = PlannedModel(parameters, real_shape("Q4_K_M", layers=2))
    model.note()
    ram = model.planning.plan.ram
    assert in_child(read_holdings, tmp_path) == {"RAM": ram.kv_bytes + ram.compute_bytes}
    model.leave()
    assert in_child(read_holdings, tmp_path) == {}


def test_whoever_has_the_memory_is_named(
    parameters: EngineParameters, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When a second program finds no room for its model."""
    parent_note(tmp_path, {"CUDA0": 20 * 2**30, "RAM": 2**30})
    memory = Memory(psutil.virtual_memory().total, 4 * 2**30)
    monkeypatch.setattr("model_io.computer.read_memory", lambda: memory)
    words = r"are missing\. Another window or command of Octet holds 21\.0 GB; close it first\."
    with pytest.raises(EngineError, match=words):
        PlannedModel(parameters, real_shape("Q4_K_M"))
