"""Where the user's files are: one folder for chats, models, settings and GPU modules.

Knows the rule that finds it and nothing of what it holds.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs

DATA_FOLDER_VARIABLE = "OCTET_DATA_DIR"


def data_folder(
    option: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Path:
    """The data folder's path: `option` (--data-dir), else OCTET_DATA_DIR, else the system's.

    Always absolute. Makes nothing and checks nothing.
    """
    chosen = os.fspath(option) if option else environment.get(DATA_FOLDER_VARIABLE, "")
    if chosen:
        return Path(chosen).expanduser().absolute()
    return Path(platformdirs.user_data_dir("octet", appauthor=False)).absolute()
