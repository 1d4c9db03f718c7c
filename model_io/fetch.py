"""Downloads files of a model on the hub into a folder, whole and checked.

Joins the hub and the reports; knows nothing of what the files hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from threading import Lock

from model_io.errors import HubMissingError
from model_io.hub import Hub, HubFile, Repository
from model_io.hub_name import parse_source
from model_io.progress import Meter, ProgressCallback, StopCallback

_LEFT_OUT = (".bin", ".pt", ".pth", ".msgpack", ".h5", ".gguf")
"""Other forms of the same weights, which nobody wants beside the safetensors."""


@dataclass(frozen=True, slots=True)
class FetchedFile:
    """A file that is here now, and its sha256."""

    path: Path
    bytes: int
    sha256: str


def fetch(
    source: str,
    names: Sequence[str],
    folder: Path,
    on_progress: ProgressCallback,
    should_stop: StopCallback,
) -> tuple[FetchedFile, ...]:
    """Have the files `names` of the model `source` ("hub:owner/name[@revision]") in `folder`.

    Without names, all of its Hugging Face checkpoint. What is there already is checked, what is
    there in part is gone on with. Raises a HubError, an OutputError, or Cancelled.
    """
    name, revision = parse_source(source)
    with Hub(should_stop=should_stop) as hub:
        repository = hub.look_up(name, revision)
        wanted = _choose(repository, names)
        count = _Count(Meter("fetch", sum(file.size_bytes for file in wanted), on_progress))
        return tuple(_fetch(hub, repository, file, folder, count) for file in wanted)


def _choose(repository: Repository, names: Sequence[str]) -> list[HubFile]:
    missing = [name for name in names if name not in repository.files]
    if missing:
        what = f"hub:{repository.name} {missing[0][:200]}"
        raise HubMissingError(what, "is not on the hub", "check the name of the file")
    if names:
        return [repository.files[name] for name in dict.fromkeys(names)]
    return [
        file
        for file in repository.files.values()
        if "/" not in file.path
        and not file.path.endswith(_LEFT_OUT)
        and not file.path.startswith((".", "consolidated"))
    ]


class _Count:
    """Adds up what has come of several files; hub threads call it."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._lock = Lock()
        self._here = 0

    def begin(self) -> None:
        """Another file."""
        self._here = 0

    def grow(self, size_bytes: int) -> None:
        """So much of the file is here; one that has to come again doesn't count backwards."""
        with self._lock:
            self._meter.add(max(0, size_bytes - self._here))
            self._here = max(self._here, size_bytes)


def _fetch(
    hub: Hub, repository: Repository, file: HubFile, folder: Path, count: _Count
) -> FetchedFile:
    count.begin()
    path = hub.fetch(repository, file.path, folder, on_bytes=count.grow)
    digest = file.sha256
    if digest is None:  # a small one, which the hub names by another hash
        with path.open("rb") as content:
            digest = file_digest(content, "sha256").hexdigest()
    return FetchedFile(path, file.size_bytes, digest)
