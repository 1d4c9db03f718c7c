"""`SETTINGS.md`, made from the table: `python -m app.core.settings_page > SETTINGS.md`."""

from __future__ import annotations

import sys
from typing import Any

from app.core.presets import BUILT_IN
from app.core.reply_settings import PRESET_ROWS
from app.core.setting import Group, Kind, Setting
from app.core.setting_groups import GROUPS
from app.core.settings_table import rows_of

_HEAD = """# Settings

Made from the table in `app/core`; a test holds it to that. In the window: Ctrl+comma, with a
search. Changes apply at once; those marked *load* when a model is loaded, which the window then
offers. Those marked *chat* can have another value in a chat (menu of the chat, Settings of this
chat). Only what differs from the default is written, to `settings.json` in the data folder, under
the name given here.
"""


def settings_page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(_section(group) for group in GROUPS), _styles()])


def _section(group: Group) -> str:
    lines = [f"## {group.title}", "", group.sentence, ""]
    return "\n".join([*lines, *(_entry(row) for row in rows_of(group)), ""])


def _entry(row: Setting[Any]) -> str:
    marks = [mark for mark, holds in (("chat", row.per_chat), ("load", row.needs_load)) if holds]
    marked = f" *{', '.join(marks)}*" if marks else ""
    return f"- **{row.title}** (`{row.name}`{_range(row)}){marked}: {row.sentence}{_choices(row)}"


def _range(row: Setting[Any]) -> str:
    if row.kind is Kind.FOLDER:
        return ""
    default = f", default {row.words_of(row.default).lower()}"
    if row.kind is not Kind.NUMBER:
        return default
    return f"{default}, {row.lowest:g} to {row.highest:.10g}"


def _choices(row: Setting[Any]) -> str:
    if not row.choices:
        return ""
    lines = []
    for choice in row.choices:
        said = f": {choice.sentence}" if choice.sentence else "."
        lines.append(f"\n  - {choice.label} (`{choice.value}`){said}")
    return "".join(lines)


def _styles() -> str:
    rows = [row for row in PRESET_ROWS if len({p.value_of(row) for p in BUILT_IN}) > 1]
    lines = [
        "## Styles",
        "",
        "A style sets all that chooses tokens, and has instructions of its own; Octet's differ in",
        "these. Yours stand beside them.",
        "",
        f"| | {' | '.join(preset.name for preset in BUILT_IN)} |",
        f"|---|{'---|' * len(BUILT_IN)}",
    ]
    for row in rows:
        values = " | ".join(row.words_of(preset.value_of(row)) for preset in BUILT_IN)
        lines.append(f"| {row.title} | {values} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    sys.stdout.write(settings_page())
