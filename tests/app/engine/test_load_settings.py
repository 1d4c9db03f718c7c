"""Settings as parameters of a load."""

from __future__ import annotations

from pathlib import Path

from app.core.paths import DataFolder
from app.core.settings import CONTEXT_TOKENS, KV_TYPE, PREFERENCE, USES_GPUS, Settings
from app.engine.load_settings import parameters_of
from app.engine.protocol import EngineParameters
from model_io.plan import Preference


def test_the_defaults_leave_everything_to_the_plan(tmp_path: Path) -> None:
    """All but the file, and where this machine's records are."""
    settings, folder = Settings(tmp_path / "settings.json"), DataFolder(tmp_path)
    records = str(tmp_path / "records.json")

    assert parameters_of("m.gguf", settings, folder) == EngineParameters(
        "m.gguf", records_path=records
    )


def test_each_setting_binds_the_plan(tmp_path: Path) -> None:
    """As the user has chosen."""
    settings = Settings(tmp_path / "settings.json")
    settings.set(PREFERENCE, "speed")
    settings.set(CONTEXT_TOKENS, 8192)
    settings.set(KV_TYPE, "q8_0")
    settings.set(USES_GPUS, False)
    parameters = parameters_of("m.gguf", settings, DataFolder(tmp_path))

    assert parameters.preference is Preference.SPEED
    assert (parameters.context_tokens, parameters.kv_type) == (8192, "q8_0")
    assert not parameters.uses_gpus


def test_every_preference_can_be_set() -> None:
    """The table of settings and the planner know the same ones."""
    assert set(PREFERENCE.choices) == {preference.value for preference in Preference}
