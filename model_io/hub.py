"""Asks a hub which files a model consists of, and fetches them whole or in pieces.

The only module that talks to Hugging Face, or to a server that answers like it. Trusts neither
names nor sizes nor bytes that come from there. Knows nothing of what is in a file.

Source of the answers' forms: the public documentation of the hub's API, and what huggingface_hub
expects of them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import quote

import httpx

from model_io.connection import Broken, Connection, read_body, retry_after_seconds
from model_io.disk import explain_refusal
from model_io.download import (
    WRONG_RESULTS,
    BeyondEnd,
    PartFile,
    Piece,
    Transfer,
    hash_rest,
)
from model_io.errors import (
    HubAccessError,
    HubDamageError,
    HubError,
    HubMissingError,
    HubUnreachableError,
)
from model_io.hub_name import HUB_PREFIX, check_source
from model_io.progress import StopCallback, never_stop

if TYPE_CHECKING:
    from _hashlib import HASH

DEFAULT_ENDPOINT = "https://huggingface.co"
PIECE_LIMIT_BYTES = 128 * 1024 * 1024

_ANSWER_LIMIT_BYTES = 16 * 1024 * 1024
_LOOK_UP_ATTEMPTS = 4  # somebody sits and waits
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file as the hub describes it; `path` is relative, with slashes, and safe to create.

    `sha256` is None for small files, which lie in git: `git_oid` is the sha1 of their git blob.
    """

    path: str
    size_bytes: int
    sha256: str | None
    git_oid: str

    @property
    def digest(self) -> str:
        """What `start_hash` has to come to, hexadecimal."""
        return self.sha256 or self.git_oid

    def start_hash(self) -> HASH:
        """A hash to be fed with the file's bytes."""
        if self.sha256:
            return hashlib.sha256()
        header = b"blob %d\0" % self.size_bytes
        return hashlib.sha1(header, usedforsecurity=False)


@dataclass(frozen=True, slots=True)
class Repository:
    """A model on the hub: `revision` as it was asked for, `commit` what that is at the moment."""

    name: str
    revision: str
    commit: str
    files: Mapping[str, HubFile]


def is_safe_path(path: str) -> bool:
    """Whether a file of this name, from a stranger, lands inside the folder it is put in.

    On every system: Windows takes "a:b" for a drive or a stream and ".. " for "..".
    """
    if len(path) > 1000 or not path.isprintable() or set(path) & set("\\:"):
        return False
    return all(part and part == part.rstrip(" .") for part in path.split("/"))


class Hub:
    """The hub at `endpoint`; a context manager. Several threads may use it at once.

    Every method raises HubAccessError, HubMissingError or HubUnreachableError with what to do,
    and Cancelled within a second after `should_stop` says so, also while nothing arrives.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        *,
        wait: Callable[[float], object] | None = None,
        should_stop: StopCallback = never_stop,
    ) -> None:
        """Without arguments: HF_ENDPOINT or Hugging Face itself, and HF_TOKEN or no token ("").

        `wait` waits some seconds between two attempts. Connects to nothing yet.
        """
        home = _read_endpoint(endpoint or os.environ.get("HF_ENDPOINT") or DEFAULT_ENDPOINT)
        secret = _read_token(os.environ.get("HF_TOKEN", "") if token is None else token)
        self._connection = Connection(home, secret, wait, should_stop)
        self._address = str(home).rstrip("/")

    def __enter__(self) -> Self:
        """Itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End all connections."""
        self._connection.close()

    def look_up(self, name: str, revision: str = "main") -> Repository:
        """The model `name` ("owner/name") with its files; the commit is fixed from here on."""
        what = HUB_PREFIX + name
        check_source(f"{what}@{revision}", name, revision)
        path = f"/api/models/{name}/revision/{quote(revision, safe='')}?blobs=true"

        def attempt() -> bytes:
            with self._ask(path, {}, what, revision) as response:
                return read_body(response, _ANSWER_LIMIT_BYTES, self._connection.check)

        def work() -> bytes:
            return self._connection.persist(attempt, lambda: 0, _LOOK_UP_ATTEMPTS)

        try:
            answer = self._connection.run(work)
        except Broken as broken:
            remedy = "check the connection to the internet and run the same again"
            raise broken.error(what, f"can't be looked up: {broken}", remedy) from broken
        return _read_repository(what, name, revision, answer)

    def read_range(self, repository: Repository, path: str, start: int, size_bytes: int) -> bytes:
        """`size_bytes` bytes of a file from `start`, unchecked: only whole files have hashes.

        Raises ValueError if they don't lie within the file or exceed PIECE_LIMIT_BYTES.
        """
        file = _find(repository, path)
        if not 0 <= start <= start + size_bytes <= file.size_bytes:
            raise ValueError(f"{path} has no {size_bytes} bytes at {start}")
        if size_bytes > PIECE_LIMIT_BYTES:
            raise ValueError(f"{size_bytes} bytes are no piece but a download")
        piece = Piece(start, size_bytes)
        transfer = self._transfer(repository, file, piece)
        try:
            self._connection.run(transfer.run)
        except Broken as broken:
            raise self._give_up(repository, file, broken, 0) from broken
        return bytes(piece.content)

    def fetch(
        self,
        repository: Repository,
        path: str,
        folder: Path,
        *,
        on_bytes: Callable[[int], None] = lambda _: None,
    ) -> Path:
        """Have the whole file at `folder`/`path`, checked against its hash; gives where it is.

        What is there already is checked and not fetched again; what an earlier run began at
        `path`.part is gone on with, and stays there if this one fails. `on_bytes` is told, on
        another thread, how many bytes of the file are here; the number falls only when wrong
        bytes are given up. Raises HubDamageError for bytes that stay wrong, NoRoomError,
        BusyError or another OutputError.
        """
        file = _find(repository, path)
        if not is_safe_path(path):
            raise HubMissingError(_name(repository, path), "has no usable name", "rename it")
        return self._connection.run(lambda: self._fetch(repository, file, folder, on_bytes))

    def _fetch(
        self, repository: Repository, file: HubFile, folder: Path, on_bytes: Callable[[int], None]
    ) -> Path:
        target, check = folder / file.path, self._connection.check
        if self._is_here(target, file, on_bytes):
            return target
        with PartFile(target, file.size_bytes, file.start_hash, check, on_bytes) as part:
            part.resume()
            transfer = self._transfer(repository, file, part)
            for _ in range(WRONG_RESULTS):
                try:
                    transfer.run()
                except Broken as broken:
                    raise self._give_up(repository, file, broken, part.position) from broken
                if part.is_right(file.digest):
                    part.settle()
                    return target
                part.restart()
        problem = f"arrived {WRONG_RESULTS} times with other bytes than the hub itself names"
        remedy = "run the same again later, or tell the model's owner"
        raise HubDamageError(_name(repository, file.path), problem, remedy)

    def _is_here(self, target: Path, file: HubFile, on_bytes: Callable[[int], None]) -> bool:
        try:
            if not target.is_file() or target.stat().st_size != file.size_bytes:
                return False
            digest = file.start_hash()
            with target.open("rb", buffering=0) as opened:
                hash_rest(opened, digest, self._connection.check, on_bytes)
        except OSError as error:
            raise explain_refusal(target, error) from error
        return digest.hexdigest() == file.digest

    def _transfer(self, repository: Repository, file: HubFile, sink: Piece | PartFile) -> Transfer:
        what = _name(repository, file.path)
        path = f"/{repository.name}/resolve/{repository.commit}/{quote(file.path)}"
        return Transfer(
            self._connection,
            lambda headers: self._ask(path, headers, what, repository.revision),
            file.size_bytes,
            sink,
        )

    def _give_up(
        self, repository: Repository, file: HubFile, broken: Broken, kept_bytes: int
    ) -> HubError:
        kept = (
            f"{kept_bytes:,} of its {file.size_bytes:,} bytes are kept, so " if kept_bytes else ""
        )
        remedy = f"{kept}run the same again when the connection works"
        return broken.error(_name(repository, file.path), f"can't be fetched: {broken}", remedy)

    @contextmanager
    def _ask(
        self, path: str, headers: Mapping[str, str], what: str, revision: str
    ) -> Iterator[httpx.Response]:
        with self._connection.get(httpx.URL(self._address + path), headers) as response:
            if response.status_code not in (200, 206):
                raise self._judge(response, what, revision)
            yield response

    def _judge(self, response: httpx.Response, what: str, revision: str) -> HubError | Broken:
        """What a status other than 200 and 206 means: whether it may heal, or what to do."""
        host, status = response.url.host, response.status_code
        if status == 416:
            return BeyondEnd(f"{host} says that the file is shorter", at_once=True)
        if status in (429, 503):
            seconds = retry_after_seconds(response)
            return Broken(f"{host} asks for a pause (status {status})", wait_seconds=seconds)
        if status in (408, 425) or status >= 500:
            return Broken(f"{host} has a problem of its own (status {status})")
        if not self._connection.is_home(response.url):
            # Signed addresses expire; the hub gives another one.
            reason = f"{host} refuses an address that the hub gave (status {status})"
            return Broken(reason, at_once=True)
        if status in (401, 403):
            return self._judge_refusal(response, what)
        if status == 404:
            return _missing(response, what, revision)
        remedy = "check HF_ENDPOINT, or try again later"
        return HubUnreachableError(what, f"can't be fetched: {host} answers {status}", remedy)

    def _judge_refusal(self, response: httpx.Response, what: str) -> HubError:
        """For 401 and 403. Without a token the hub answers 401 also for what doesn't exist."""
        token = self._connection.token
        model = what.removeprefix(HUB_PREFIX).partition(" ")[0]
        page = f"{self._address}/{model}"
        code = response.headers.get("x-error-code", "")
        if code == "GatedRepo" and token:
            problem = "isn't open to the account that HF_TOKEN belongs to"
            return HubAccessError(what, problem, f"accept its conditions on {page} as that account")
        if code == "GatedRepo":
            problem = "is only for those who have accepted its conditions"
            remedy = f"accept them on {page}, then set HF_TOKEN to a token of your account"
            return HubAccessError(what, problem, remedy)
        if (response.status_code == 401 and not token) or code == "RepoNotFound":
            remedy = "check the name, and set HF_TOKEN if the model is private"
            return HubMissingError(what, "is not on the hub, or not for everybody", remedy)
        if response.status_code == 401:
            problem = "can't be fetched: the hub doesn't accept the token in HF_TOKEN"
            return HubAccessError(what, problem, "set it to a valid one or remove it")
        return HubAccessError(what, "is not open to you", f"look at {page} for the reason")


def _missing(response: httpx.Response, what: str, revision: str) -> HubMissingError:
    code = response.headers.get("x-error-code", "")
    if code == "RevisionNotFound":
        problem = f"has no revision {revision}"
        return HubMissingError(what, problem, "name a branch, a tag or a commit that it has")
    if code == "EntryNotFound":
        return HubMissingError(what, "is not on the hub", "check the name of the file")
    return HubMissingError(what, "is not on the hub", "check the name")


def _name(repository: Repository, path: str) -> str:
    return f"{HUB_PREFIX}{repository.name} {path[:200]}"


def _find(repository: Repository, path: str) -> HubFile:
    if (file := repository.files.get(path)) is None:
        remedy = "check the name of the file"
        raise HubMissingError(_name(repository, path), "is not on the hub", remedy)
    return file


def _read_endpoint(text: str) -> httpx.URL:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in ("http", "https") or not url.host or url.query or url.fragment:
        remedy = f"set it to an address like {DEFAULT_ENDPOINT}, or remove it"
        raise HubError("HF_ENDPOINT", f"is {text[:100]!r}, which is no web address", remedy)
    return url


def _read_token(text: str) -> str | None:
    token = text.strip()
    if not all("!" <= character <= "~" for character in token):
        remedy = "copy it again from the hub's page, or remove it"
        raise HubAccessError("HF_TOKEN", "holds characters that are in no token", remedy)
    return token or None


def _read_repository(what: str, name: str, revision: str, answer: bytes) -> Repository:
    """Read the hub's description of a model with `?blobs=true`."""
    try:
        fields = json.loads(answer)
        commit = fields["sha"]
        files = [_read_file(entry) for entry in fields["siblings"]]
        if not _COMMIT.fullmatch(commit):
            raise ValueError(commit)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        problem = "can't be looked up: what answers doesn't speak like the hub"
        remedy = "check HF_ENDPOINT, and whether this network wants you to log in first"
        raise HubUnreachableError(what, problem, remedy) from None
    usable = {file.path: file for file in files if is_safe_path(file.path)}
    return Repository(name, revision, commit, usable)


def _read_file(entry: Mapping[str, object]) -> HubFile:
    """Read one of the siblings; raises ValueError, TypeError, KeyError or AttributeError."""
    path, size, oid, lfs = entry["rfilename"], entry["size"], entry["blobId"], entry.get("lfs")
    sha256 = None
    if lfs is not None:
        if not isinstance(lfs, dict) or lfs["size"] != size:
            raise ValueError(lfs)
        sha256 = lfs["sha256"]
        if not _SHA256.fullmatch(sha256):
            raise ValueError(sha256)
    if not isinstance(path, str) or not isinstance(oid, str) or not _COMMIT.fullmatch(oid):
        raise ValueError(path)
    if type(size) is not int or not 0 <= size < 2**60:
        raise ValueError(size)
    return HubFile(path, size, sha256, oid)
