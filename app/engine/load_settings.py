"""How the user's settings want a model loaded.

Knows nothing of plans; what the settings leave open is theirs.
"""

from __future__ import annotations

from app.core.paths import DataFolder
from app.core.settings import CONTEXT_TOKENS, KV_TYPE, PREFERENCE, USES_GPUS, Setting, Settings
from app.engine.protocol import EngineParameters
from model_io.plan import Preference

LOAD_SETTINGS: tuple[Setting[str], Setting[int], Setting[str], Setting[bool]] = (
    PREFERENCE,
    CONTEXT_TOKENS,
    KV_TYPE,
    USES_GPUS,
)
"""The settings that take effect when a model is loaded."""


def parameters_of(model_path: str, settings: Settings, folder: DataFolder) -> EngineParameters:
    """What to ask of the engine for the model at `model_path`."""
    return EngineParameters(
        model_path=model_path,
        preference=Preference(settings.get(PREFERENCE)),
        context_tokens=settings.get(CONTEXT_TOKENS),
        kv_type=settings.get(KV_TYPE),
        uses_gpus=settings.get(USES_GPUS),
        records_path=str(folder.records),
    )
