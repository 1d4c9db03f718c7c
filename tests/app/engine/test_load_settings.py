"""Settings as parameters of a load."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

from app.core.paths import DataFolder
from app.core.settings import (
    CONTEXT_TOKENS,
    FLASH_ATTENTION,
    KV_TYPE,
    MICROBATCH_TOKENS,
    PREFERENCE,
    REPACKS,
    TABLE,
    THREADS,
    USES_GPUS,
    USES_MMAP,
    Settings,
)
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
    settings.set(THREADS, 3)
    settings.set(MICROBATCH_TOKENS, 256)
    settings.set(FLASH_ATTENTION, False)
    settings.set(USES_MMAP, "off")
    settings.set(REPACKS, "on")
    parameters = parameters_of("m.gguf", settings, DataFolder(tmp_path))

    assert parameters.preference is Preference.SPEED
    assert (parameters.context_tokens, parameters.kv_type) == (8192, "q8_0")
    assert not parameters.uses_gpus
    assert (parameters.threads, parameters.microbatch_tokens) == (3, 256)
    assert not parameters.flash_attention
    assert (parameters.uses_mmap, parameters.repacks) == (False, True)


def test_everything_the_engine_can_do_is_reachable() -> None:
    """Each parameter of a load has a setting that takes effect at a load."""
    by_the_program = {
        "model_path", "vocabulary_only", "plan", "failed_plans", "avoided_devices", "records_path",
    }  # fmt: skip
    wanted = {field.name for field in fields(EngineParameters)} - by_the_program

    assert {setting.name for setting in TABLE if setting.needs_load} == wanted


def test_every_preference_can_be_set() -> None:
    """The table of settings and the planner know the same ones."""
    assert {choice.value for choice in PREFERENCE.choices} == {each.value for each in Preference}
