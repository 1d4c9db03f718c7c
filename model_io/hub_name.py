"""How a model on the hub is named: "hub:owner/name" or "hub:owner/name@revision".

Knows no hub.
"""

from __future__ import annotations

import re

from model_io.errors import HubError

HUB_PREFIX = "hub:"
"""What a source begins with that is a model on the hub."""

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_REVISION = re.compile(r"\w[\w./+-]{0,199}", re.ASCII)


def parse_source(text: str) -> tuple[str, str]:
    """Name and revision in "hub:owner/name" or "hub:owner/name@revision". Raises HubError."""
    name, at, revision = text.removeprefix(HUB_PREFIX).partition("@")
    if not text.startswith(HUB_PREFIX):
        name = ""
    return check_source(text, name, revision if at else "main")


def check_source(text: str, name: str, revision: str) -> tuple[str, str]:
    """The same name and revision, if they can be those of a model. Raises HubError for `text`."""
    is_name = _NAME.fullmatch(name) and ".." not in name and "--" not in name
    if not is_name or not _REVISION.fullmatch(revision) or ".." in revision:
        remedy = "write it as hub:owner/name or hub:owner/name@revision"
        raise HubError(text[:200], "is not the name of a model on the hub", remedy)
    return name, revision
