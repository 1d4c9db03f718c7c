"""The engine's settings apply when a model is loaded, and the window offers to load it again."""

from __future__ import annotations

import pytest

from app.core.settings import CONTEXT_TOKENS, KV_TYPE, PREFERENCE, USES_GPUS, Settings
from app.runtime.facts import SessionState
from app.ui.engine_settings import EngineSettings
from app.ui.main_window import MainWindow
from tests.fakes import ScriptedSession


@pytest.fixture
def engine_settings(window: MainWindow) -> EngineSettings:
    """As they stand in the settings' window."""
    window.show_settings()
    assert window._settings_window is not None
    return window._settings_window._engine


def test_each_choice_is_kept(engine_settings: EngineSettings, settings: Settings) -> None:
    """In the table's own values."""
    engine_settings._gpus._segments["off"].click()
    engine_settings._preference._segments["speed"].click()
    engine_settings._context._segments["8192"].click()
    engine_settings._kv_type._segments["q8_0"].click()

    assert settings.get(USES_GPUS) is False
    assert settings.get(PREFERENCE) == "speed"
    assert settings.get(CONTEXT_TOKENS) == 8192
    assert settings.get(KV_TYPE) == "q8_0"


def test_what_is_in_force_is_shown(
    window: MainWindow, engine_settings: EngineSettings, settings: Settings
) -> None:
    """A context that stands in the file alone is none of the words."""
    settings.set(USES_GPUS, False)
    settings.set(CONTEXT_TOKENS, 5000)
    window.show_settings()

    assert engine_settings._gpus.value() == "off"
    assert engine_settings._context.value() == ""
    assert engine_settings._kv_type.value() == ""


def test_a_change_offers_to_load_again(
    engine_settings: EngineSettings, session: ScriptedSession
) -> None:
    """Until that is done."""
    assert engine_settings._offer.isHidden()
    session.is_outdated = True
    engine_settings._context._segments["4096"].click()
    assert not engine_settings._offer.isHidden()
    engine_settings._load.click()
    assert session.wishes[-1] == ("load_again",)
    session.is_outdated = False
    session.become(SessionState.LOADING)
    assert engine_settings._offer.isHidden()
