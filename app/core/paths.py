"""Where Octet keeps what is the user's, and where its own resources lie.

Everything of the user's stands in one folder: chats, models, settings, logs. Folders are made
with mode 0700 and files with 0600. Knows nothing of what the files hold.
"""

from __future__ import annotations

import contextlib
import os
import site
import sys
import sysconfig
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import DataFolderError, InstallationError
from model_io.folders import data_folder

FOLDER_MODE = 0o700
FILE_MODE = 0o600

_WHEEL_RESOURCES = Path("share", "octet", "resources")


@dataclass(frozen=True, slots=True)
class DataFolder:
    """The paths inside the data folder. Only `open_data_folder` promises that they exist."""

    root: Path

    @property
    def chats(self) -> Path:
        """The database of all conversations."""
        return self.root / "chats.sqlite3"

    @property
    def models(self) -> Path:
        """The folder of the user's GGUF files."""
        return self.root / "models"

    @property
    def logs(self) -> Path:
        """The folder of the engine's log."""
        return self.root / "logs"

    @property
    def engine_log(self) -> Path:
        """What the engine's process prints, llama.cpp's lines among it."""
        return self.logs / "engine.log"

    @property
    def settings(self) -> Path:
        """The changed settings, as JSON."""
        return self.root / "settings.json"

    @property
    def records(self) -> Path:
        """What this machine has shown with models, as JSON: `model_io.records`."""
        return self.root / "records.json"


def data_dir(
    override: str | os.PathLike[str] | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Path:
    """The data folder's path: `override` (--data-dir), else OCTET_DATA_DIR, else the system's.

    Always absolute. Makes nothing and checks nothing.
    """
    return data_folder(override, environment)


def open_data_folder(root: Path) -> DataFolder:
    """Make the data folder and its subfolders where they are missing, and prove it writable.

    Raises DataFolderError with a sentence if it can't be made or written.
    """
    folder = DataFolder(root)
    try:
        for path in (folder.root, folder.models, folder.logs):
            make_private_folder(path)
        with tempfile.TemporaryFile(dir=root):
            pass
    except OSError as error:
        raise _folder_error(root, error) from error
    return folder


def create_private_file(path: Path) -> None:
    """Make sure that `path` is a file that only its owner can read; its content stays.

    Raises OSError.
    """
    handle = os.open(path, os.O_CREAT | os.O_RDWR, FILE_MODE)
    os.close(handle)
    path.chmod(FILE_MODE)


def write_private_file(path: Path, data: bytes) -> None:
    """Put `data` in place of the file at `path`, whole or not at all, with mode 0600.

    Raises DataFolderError.
    """
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink()
            raise
    except OSError as error:
        raise _folder_error(path, error) from error


def resources() -> Path:
    """The folder with icons, translations and the demo model.

    In a bundle the bundle's, in a checkout the checkout's, else where the wheel's data files
    are put. Raises InstallationError if there is none.
    """
    for folder in _resource_folders():
        if (folder / "icons").is_dir():
            return folder
    raise InstallationError(
        "Octet's own files (icons and the demo model) are missing; install Octet again."
    )


def _resource_folders() -> list[Path]:
    bundle = getattr(sys, "_MEIPASS", None)  # set by PyInstaller's boot loader
    if bundle is not None:
        return [Path(bundle) / "resources"]
    beside_packages = Path(__file__).absolute().parents[2]
    roots = [
        beside_packages,  # pip install --target
        Path(sys.prefix),
        Path(sysconfig.get_path("data")),  # Debian's Python installs below /usr/local
        Path(site.getuserbase()),
    ]
    return [beside_packages / "resources", *(root / _WHEEL_RESOURCES for root in roots)]


def make_private_folder(path: Path) -> None:
    """Make sure that there is a folder at `path`; a new one is private. Raises OSError."""
    if not path.is_dir():
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path.chmod(FOLDER_MODE)


def _folder_error(path: Path, error: OSError) -> DataFolderError:
    reason = (error.strerror or type(error).__name__).lower()
    return DataFolderError(
        f"{path} can't be written: {reason}. "
        "Make room or change its permissions, or choose another folder with --data-dir."
    )
