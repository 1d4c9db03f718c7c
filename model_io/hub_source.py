"""A model on the hub as a source: everything but its weights is fetched before anything else.

The small files lie in a folder beside the result until that is finished; of the weights only the
headers are read. What was looked up stays fixed to one commit, also over a restart. Joins the hub,
the checkpoint's readers and the window over the shards.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from model_io.checkpoint import Checkpoint, read_mixtral
from model_io.disk import allocated_bytes, explain_refusal
from model_io.errors import HubMissingError, SafetensorsError
from model_io.file_lock import lock_for
from model_io.hub import Hub, HubFile, Repository
from model_io.hub_name import parse_source
from model_io.journal import journal_path
from model_io.model_config import read_json
from model_io.progress import StopCallback
from model_io.safetensors_reader import (
    header_bytes,
    parse_header,
    read_index,
)
from model_io.shard_window import Shard, ShardWindow
from model_io.stored_tensor import StoredTensor

_COMPANION_SUFFIXES = (".json", ".jinja", ".md", ".model", ".txt")
_COMPANION_LIMIT_BYTES = 32 * 1024 * 1024
_FIRST_BYTES = 64 * 1024  # a shard's whole header, nearly always
_LINK_SECONDS = 1.0
_LINK_PIECE_BYTES = 4 * 1024 * 1024
_LINK_LIMIT_BYTES = 128 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class OpenedHub:
    """A model on the hub whose weights are still to come.

    `window_bytes` is the most that its shards take up at one time and haven't taken up yet.
    """

    name: str
    checkpoint: Checkpoint
    window: ShardWindow
    window_bytes: int
    measure_link: Callable[[], float]


def downloads_path(target: Path) -> Path:
    """Where the source's files lie while `target` is made."""
    return target.with_name(f"{target.name}.download")


@contextmanager
def open_hub(text: str, target: Path, should_stop: StopCallback) -> Iterator[OpenedHub]:
    """Open the model that `text` ("hub:owner/name[@revision]") names, to make `target` of it.

    At the end the files that came are removed if the result is there, or if nothing was begun.
    Raises a HubError, and what reading a checkpoint raises.
    """
    name, revision = parse_source(text)
    folder = downloads_path(target)
    windows: list[ShardWindow] = []
    try:
        with (
            _hold(folder, target),
            Hub(should_stop=lambda: should_stop() or any(w.is_stopped for w in windows)) as hub,
        ):
            repository = _look_up(hub, name, revision, folder)
            opened = _open(hub, repository, folder / name.rpartition("/")[2])
            windows.append(opened.window)
            yield opened
    except OSError as error:
        raise explain_refusal(target, error) from error


@contextmanager
def _hold(folder: Path, target: Path) -> Iterator[None]:
    """Keep the folder for this process; at the end remove it if there is nothing to go on from."""
    descriptor = _lock(folder, target)
    try:
        yield
    finally:
        if not journal_path(target).exists():
            shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)


def _lock(folder: Path, target: Path) -> int:
    """An open file in the folder that stands for it, locked. Raises BusyError."""
    path = folder / "lock"
    while True:
        folder.mkdir(exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            lock_for(descriptor, target)
            # Whoever had the lock may have removed the folder, with this file in it, at its end.
            with suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _look_up(hub: Hub, name: str, revision: str, folder: Path) -> Repository:
    """The model at the commit that an earlier run of the same found, else as it is now."""
    note = folder / "commit.json"
    asked = {"name": name, "revision": revision}
    with suppress(SafetensorsError):
        noted = read_json(note, SafetensorsError)
        commit = noted.pop("commit", None)
        if noted == asked and isinstance(commit, str):
            return hub.look_up(name, commit)
    repository = hub.look_up(name, revision)
    note.write_text(json.dumps(asked | {"commit": repository.commit}), encoding="utf-8")
    return repository


def _open(hub: Hub, repository: Repository, folder: Path) -> OpenedHub:
    folder.mkdir(exist_ok=True)
    for file in repository.files.values():
        if _is_companion(file):
            hub.fetch(repository, file.path, folder)
    headers = {
        name: _read_header(hub, repository, folder / name)
        for name in _list_shards(repository, folder)
    }
    checkpoint = read_mixtral(folder, headers)
    shards = [_shard(repository, path) for path in checkpoint.files]
    window = ShardWindow(
        shards,
        lambda shard, on_bytes: hub.fetch(
            repository, shard.path.name, shard.path.parent, on_bytes=on_bytes
        ),
    )
    name = f"hub:{repository.name}@{repository.commit}"
    measure = _LinkMeter(hub, repository, shards[0]).measure
    return OpenedHub(name, checkpoint, window, _window_bytes(shards), measure)


def _is_companion(file: HubFile) -> bool:
    """A file that describes the model, of those that lie directly in its folder."""
    return (
        "/" not in file.path
        and file.path.endswith(_COMPANION_SUFFIXES)
        and file.size_bytes <= _COMPANION_LIMIT_BYTES
    )


def _list_shards(repository: Repository, folder: Path) -> list[str]:
    names = sorted(set(read_index(folder).values()))
    if not names:
        names = [path for path in repository.files if _is_weights(path)]
    missing = [name for name in names if name not in repository.files]
    if missing or not names:
        problem = f"lacks {missing[0]}" if missing else "has no weights in safetensors"
        remedy = "choose a model with weights in safetensors"
        raise HubMissingError(f"hub:{repository.name}", problem, remedy)
    return names


def _is_weights(path: str) -> bool:
    return "/" not in path and path.endswith(".safetensors")


def _read_header(hub: Hub, repository: Repository, path: Path) -> list[StoredTensor]:
    """A shard's header, without the shard. Its sha256 vouches for it when the shard comes."""
    size = repository.files[path.name].size_bytes
    start = hub.read_range(repository, path.name, 0, min(size, _FIRST_BYTES))
    length = header_bytes(path, start[:8], size)
    if length > len(start):
        start += hub.read_range(repository, path.name, len(start), length - len(start))
    return parse_header(path, start[:length], size)


def _shard(repository: Repository, path: Path) -> Shard:
    file = repository.files[path.name]
    return Shard(path, file.size_bytes, file.digest)


def _window_bytes(shards: list[Shard]) -> int:
    """What two shards will still take up at the most; an earlier run may have left some."""
    sizes = [shard.size_bytes for shard in shards]
    most = max((one + other for one, other in pairwise(sizes)), default=sizes[0])
    names = tuple(shard.path.name for shard in shards)
    left = (path for path in shards[0].path.parent.iterdir() if path.name.startswith(names))
    return max(0, most - sum(map(allocated_bytes, left)))


class _LinkMeter:
    """Measures how quickly the hub sends, by pieces of a shard that are thrown away."""

    def __init__(self, hub: Hub, repository: Repository, shard: Shard) -> None:
        self._hub = hub
        self._repository = repository
        self._shard = shard

    def measure(self) -> float:
        """Bytes a second, over about a second."""
        end = min(self._shard.size_bytes, _LINK_LIMIT_BYTES)
        started, position, seconds = time.monotonic(), 0, 0.0
        while position < end and seconds < _LINK_SECONDS:
            size = min(_LINK_PIECE_BYTES, end - position)
            self._hub.read_range(self._repository, self._shard.path.name, position, size)
            position += size
            seconds = time.monotonic() - started
        return position / max(seconds, 1e-6)
