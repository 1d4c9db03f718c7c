"""What the engine is asked: a branch as messages for the model, settings as sampling values.

Knows nothing of tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.core import settings as rows
from app.core.conversation import Message, Role
from app.core.settings import SettingsView
from app.engine.protocol import PromptMessage, Sampling


def instructions_of(settings: SettingsView) -> str:
    """Those for every chat, or the chat's own, then those of the style; empty for none."""
    parts = (settings.get(rows.INSTRUCTIONS), settings.get(rows.STYLE_INSTRUCTIONS))
    return "\n\n".join(part.strip() for part in parts if part.strip())


def prompt_of(branch: Sequence[Message], settings: SettingsView) -> tuple[PromptMessage, ...]:
    """The instructions, if there are any, then the branch; replies with the ids they are made of.

    The growing reply at the end is left out while it has no text.
    """
    instructions = instructions_of(settings)
    system = (PromptMessage(Role.SYSTEM.value, instructions),) if instructions else ()
    last = branch[-1] if branch else None
    if last is not None and last.role is Role.ASSISTANT and not last.text:
        branch = branch[:-1]
    messages = (PromptMessage(m.role.value, m.text, m.token_ids, m.vocabulary_hash) for m in branch)
    return (*system, *messages)


def sampling_of(settings: SettingsView) -> Sampling:
    """How the next reply's tokens are chosen."""
    seed = settings.get(rows.SEED)
    return Sampling(
        temperature=settings.get(rows.TEMPERATURE),
        top_k=settings.get(rows.TOP_K),
        top_p=settings.get(rows.TOP_P),
        min_p=settings.get(rows.MIN_P),
        repeat_penalty=settings.get(rows.REPEAT_PENALTY),
        repeat_last_tokens=settings.get(rows.REPEAT_LAST_TOKENS),
        seed=None if seed < 0 else seed,
        max_tokens=settings.get(rows.MAX_TOKENS),
    )
