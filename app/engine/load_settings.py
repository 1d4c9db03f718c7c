"""How the user's settings want a model loaded.

Knows nothing of plans; what the settings leave open is theirs.
"""

from __future__ import annotations

from app.core.paths import DataFolder
from app.core.settings import (
    CONTEXT_TOKENS,
    FLASH_ATTENTION,
    KV_TYPE,
    MICROBATCH_TOKENS,
    PREFERENCE,
    REPACKS,
    THREADS,
    USES_GPUS,
    USES_MMAP,
    SettingsView,
)
from app.engine.protocol import EngineParameters
from model_io.plan import Preference

_SWITCHED: dict[str, bool | None] = {"auto": None, "on": True, "off": False}


def parameters_of(model_path: str, settings: SettingsView, folder: DataFolder) -> EngineParameters:
    """What to ask of the engine for the model at `model_path`."""
    return EngineParameters(
        model_path=model_path,
        preference=Preference(settings.get(PREFERENCE)),
        context_tokens=settings.get(CONTEXT_TOKENS),
        microbatch_tokens=settings.get(MICROBATCH_TOKENS),
        kv_type=settings.get(KV_TYPE),
        threads=settings.get(THREADS),
        uses_gpus=settings.get(USES_GPUS),
        uses_mmap=_SWITCHED[settings.get(USES_MMAP)],
        repacks=_SWITCHED[settings.get(REPACKS)],
        flash_attention=settings.get(FLASH_ATTENTION),
        records_path=str(folder.records),
    )
