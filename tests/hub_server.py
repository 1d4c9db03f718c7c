"""A hub on this machine that behaves like the real one, and misbehaves when it is told to.

    with FakeHub({"config.json": b"{}", "model.safetensors": Path("big")}) as fake:
        fake.fail("model.safetensors", Cut(1000), IgnoreRange())
        with Hub(fake.endpoint) as hub:
            hub.look_up(fake.name)

Two servers: the hub itself (`localhost`) tells what there is and serves small files; large ones it
redirects to signed addresses of its store (`127.0.0.1`, another port). Every request is kept in
`requests`. For tests and benchmarks; prints nothing and leaves no thread.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import struct
import sys
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol, Self
from urllib.parse import parse_qs, unquote, urlsplit

API = "api"
"""In place of a path: the description of the model."""

LARGE_BYTES = 1024 * 1024
_LARGE_SUFFIXES = (".safetensors", ".pt", ".bin", ".gguf", "tokenizer.model")
_STEP_BYTES = 1024 * 1024
_POLL_SECONDS = 0.01


class Stored(Protocol):
    """A file that need not lie anywhere."""

    @property
    def size_bytes(self) -> int:
        """How long it is."""

    @property
    def sha256(self) -> str:
        """What the hub says of it; nobody checks here."""

    def read(self, offset: int, size: int) -> bytes:
        """Some of its bytes."""


Content = bytes | Path | Stored


@dataclass(frozen=True)
class Request:
    """What somebody asked: `server` is "hub" or "store", names of headers are in lower case.

    Requests with the same `port` came over the same connection.
    """

    server: str
    path: str
    headers: Mapping[str, str]
    port: int


# What can go wrong. `FakeHub.fail` queues them; each request for the file takes one.


@dataclass(frozen=True)
class Fine:
    """Nothing: this request is answered as it should be."""


@dataclass(frozen=True)
class Cut:
    """The connection ends after so many bytes of the body, with a reset if so told."""

    after_bytes: int
    is_reset: bool = False


@dataclass(frozen=True)
class Stall:
    """Nothing comes after so many bytes of the body (None: no headers either) until `released`."""

    after_bytes: int | None
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Slow:
    """The body comes in pieces, so many a second. For benchmarks."""

    piece_bytes: int
    pieces_per_second: float


@dataclass(frozen=True)
class IgnoreRange:
    """200 and the whole file, whatever was asked for."""


@dataclass(frozen=True)
class OtherRange:
    """Content-Range names another start, or the size of another file."""

    shift_bytes: int = 0
    total_shift_bytes: int = 0


@dataclass(frozen=True)
class Flip:
    """One byte of the file is wrong."""

    offset: int = 0


@dataclass(frozen=True)
class Longer:
    """The file has more bytes than the hub says; `is_chunked` hides it from the headers."""

    extra_bytes: int
    is_chunked: bool = False


@dataclass(frozen=True)
class Headers:
    """The right answer with these headers in addition."""

    headers: Mapping[str, str]


@dataclass(frozen=True)
class NewEtag:
    """From now on the store marks the file otherwise."""

    etag: str


@dataclass(frozen=True)
class Status:
    """Another status, with these headers and this body. `at` ("hub" or "store") answers so."""

    code: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    at: str = "store"


@dataclass(frozen=True)
class Expired:
    """The hub redirects to an address that is no longer good."""

    at: str = "hub"


Fault = (
    Fine | Cut | Stall | Slow | IgnoreRange | OtherRange | Flip | Longer | Headers | NewEtag
    | Status | Expired
)  # fmt: skip


class _File:
    """One file of the model."""

    def __init__(self, path: str, content: Content) -> None:
        self.path = path
        self.content = content
        self.size_bytes = _measure(content)
        self.is_large = path.endswith(_LARGE_SUFFIXES) or self.size_bytes >= LARGE_BYTES
        mark = f"stored {path}" if self.is_large else self.git_oid
        self.etag = f'"{mark}"'

    @cached_property
    def sha256(self) -> str:
        """Known at once only for what need not be read."""
        if isinstance(self.content, bytes):
            return hashlib.sha256(self.content).hexdigest()
        if isinstance(self.content, Path):
            with self.content.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        return self.content.sha256

    @cached_property
    def git_oid(self) -> str:
        """Of the file itself if it is small, of the pointer in its place if it is large."""
        content = self._pointer() if self.is_large else self.read(0, self.size_bytes)
        return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()

    def describe(self) -> dict[str, object]:
        """One of the API's "siblings"."""
        told: dict[str, object] = {"rfilename": self.path, "blobId": self.git_oid}
        told["size"] = self.size_bytes
        if self.is_large:
            told["lfs"] = {
                "sha256": self.sha256,
                "size": self.size_bytes,
                "pointerSize": len(self._pointer()),
            }
        return told

    def read(self, offset: int, size: int) -> bytes:
        """Some bytes; a file that is longer than it should be goes on with plus signs."""
        if offset >= self.size_bytes:
            return b"+" * size
        size = min(size, self.size_bytes - offset)
        if isinstance(self.content, bytes):
            return self.content[offset : offset + size]
        if isinstance(self.content, Path):
            with self.content.open("rb") as file:
                file.seek(offset)
                return file.read(size)
        return self.content.read(offset, size)

    def _pointer(self) -> bytes:
        version = "version https://git-lfs.github.com/spec/v1"
        return f"{version}\noid sha256:{self.sha256}\nsize {self.size_bytes}\n".encode()


def _measure(content: Content) -> int:
    if isinstance(content, bytes):
        return len(content)
    return content.stat().st_size if isinstance(content, Path) else content.size_bytes


class FakeHub:
    """A hub with one model, called `name`, with the given files; a context manager.

    With `token`, only who sends it is answered; if it `is_gated`, others may look but not fetch.
    `change` may alter the description that the API gives.
    """

    def __init__(
        self,
        files: Mapping[str, Content],
        *,
        name: str = "toys/Toy-Mixtral",
        commit: str = "c0ffee" * 6 + "c0de",
        token: str | None = None,
        is_gated: bool = False,
        change: Callable[[dict[str, Any]], object] = lambda _: None,
    ) -> None:
        """Both servers have their ports at once, and answer inside `with`."""
        self.name, self.commit = name, commit
        self.token, self.is_gated, self.change = token, is_gated, change
        self.files = {path: _File(path, content) for path, content in files.items()}
        self.requests: list[Request] = []
        self.ended = threading.Event()
        self._addresses: dict[str, str] = {}
        self._faults: dict[str, deque[Fault]] = defaultdict(deque)
        self._lock = threading.Lock()
        self._servers = (_Server(self, _HubHandler), _Server(self, _StoreHandler))
        self.endpoint = f"http://localhost:{self._servers[0].server_port}"
        self.store = f"http://127.0.0.1:{self._servers[1].server_port}"

    def __enter__(self) -> Self:
        """Begin to answer."""
        for server in self._servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Cut all connections, wait for all threads, and raise what went wrong in one."""
        self.ended.set()
        for server in self._servers:
            server.stop()
        for failure in (failure for server in self._servers for failure in server.failures):
            raise failure

    def fail(self, path: str, *faults: Fault) -> None:
        """The next requests for the file (or API) go wrong in these ways, one after the other."""
        with self._lock:
            self._faults[path].extend(faults)

    def asked(self, server: str) -> list[Request]:
        """The requests that came to one of the servers so far."""
        return [request for request in self.requests if request.server == server]

    def take_fault(self, path: str, server: str) -> Fault:
        """For the servers: what goes wrong this time."""
        with self._lock:
            queue = self._faults[path]
            if not queue:
                return Fine()
            is_large = path in self.files and self.files[path].is_large
            culprit = getattr(queue[0], "at", "store") if is_large else "hub"
            return queue.popleft() if culprit == server else Fine()

    def sign(self, path: str, *, is_expired: bool) -> str:
        """For the servers: an address at the store for one file."""
        with self._lock:
            signature = f"{len(self.requests)}-{len(self._addresses)}"
            if not is_expired:
                self._addresses[signature] = path
        return f"{self.store}/blobs?Signature={signature}"

    def find_signed(self, address: str) -> _File | None:
        """For the servers: the file of an address that is still good."""
        signature = parse_qs(urlsplit(address).query).get("Signature", [""])[0]
        return self.files.get(self._addresses.get(signature, ""))

    def describe(self) -> dict[str, Any]:
        """For the servers: the API's answer."""
        told: dict[str, Any] = {
            "id": self.name,
            "modelId": self.name,
            "sha": self.commit,
            "gated": "manual" if self.is_gated else False,
            "private": self.token is not None and not self.is_gated,
            "siblings": [file.describe() for file in self.files.values()],
        }
        self.change(told)
        return told


class _Server(ThreadingHTTPServer):
    """A server whose end cuts its connections and leaves no thread."""

    daemon_threads = False

    def __init__(self, hub: FakeHub, handler: type[_Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self.hub = hub
        self.failures: list[BaseException] = []
        self._open: set[socket.socket] = set()
        self._thread = threading.Thread(target=self.serve_forever, args=(_POLL_SECONDS,))

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.shutdown()
        self._thread.join()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue  # closed already
        self.server_close()

    def process_request(self, request: socket.socket, client_address: object) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: socket.socket, client_address: object) -> None:
        """A client that hangs up is no failure; anything else is raised at the end."""
        failure = sys.exc_info()[1]
        if failure is not None and not isinstance(failure, OSError):
            self.failures.append(failure)


class _Handler(BaseHTTPRequestHandler):
    """What both servers do alike."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server
    name = ""

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""

    def note_request(self) -> FakeHub:
        headers = {key.lower(): value for key, value in self.headers.items()}
        port = self.client_address[1]
        self.server.hub.requests.append(Request(self.name, self.path, headers, port))
        return self.server.hub

    def answer(self, status: int, headers: Mapping[str, str], body: bytes = b"") -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        self.wfile.write(body)

    def serve(self, file: _File, fault: Fault, headers: Mapping[str, str]) -> None:
        """The file or the part of it that was asked for, with whatever goes wrong."""
        match fault:
            case Status():
                return self.answer(fault.code, fault.headers, fault.body)
            case Stall(after_bytes=None):
                self._stall(fault)
            case NewEtag():
                file.etag = fault.etag
            case Headers():
                headers = {**headers, **fault.headers}
        total = file.size_bytes + (fault.extra_bytes if isinstance(fault, Longer) else 0)
        span = None if isinstance(fault, IgnoreRange) else self._read_range(file, total)
        start, end = span or (0, total)
        if start >= total and span:
            return self.answer(416, {"Content-Range": f"bytes */{total}"})
        self.send_response(206 if span else 200)
        shift = fault if isinstance(fault, OtherRange) else OtherRange()
        if span:
            shown = f"{start + shift.shift_bytes}-{end - 1 + shift.shift_bytes}"
            self.send_header("Content-Range", f"bytes {shown}/{total + shift.total_shift_bytes}")
        is_chunked = isinstance(fault, Longer) and fault.is_chunked
        framing = (
            ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", end - start)
        )
        known = {"ETag": file.etag, "Accept-Ranges": "bytes", framing[0]: str(framing[1])}
        for key, value in {**known, **headers}.items():
            self.send_header(key, value)
        self.end_headers()
        return self._send_body(file, start, end, fault)

    def _read_range(self, file: _File, total: int) -> tuple[int, int] | None:
        """Start and end of what is wanted; None for the whole file."""
        found = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if not found or self.headers.get("If-Range", file.etag) != file.etag:
            return None
        return int(found[1]), min(int(found[2]) + 1 if found[2] else total, total)

    def _send_body(self, file: _File, start: int, end: int, fault: Fault) -> None:
        match fault:
            case Fine() if isinstance(file.content, Path):
                with file.content.open("rb") as opened:
                    self.connection.sendfile(opened, start, end - start)
            case Cut():
                self._send(file, start, min(end, start + fault.after_bytes))
                self._cut(fault)
            case Stall(after_bytes=int(count)):
                middle = min(end, start + count)
                self._send(file, start, middle)
                self._stall(fault)
                self._send(file, middle, end)
            case Slow():
                for offset in range(start, end, fault.piece_bytes):
                    self._send(file, offset, min(end, offset + fault.piece_bytes))
                    self.server.hub.ended.wait(1 / fault.pieces_per_second)
            case Flip() if start <= fault.offset < end:
                self._send(file, start, fault.offset)
                self.wfile.write(bytes([file.read(fault.offset, 1)[0] ^ 1]))
                self._send(file, fault.offset + 1, end)
            case Longer(is_chunked=True):
                for piece in _pieces(file, start, end):
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            case _:
                self._send(file, start, end)

    def _send(self, file: _File, start: int, end: int) -> None:
        for piece in _pieces(file, start, end):
            self.wfile.write(piece)

    def _stall(self, fault: Stall) -> None:
        fault.reached.set()
        while not fault.released.wait(_POLL_SECONDS) and not self.server.hub.ended.is_set():
            pass

    def _cut(self, fault: Cut) -> None:
        self.close_connection = True
        if fault.is_reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()


def _pieces(file: _File, start: int, end: int) -> Iterator[bytes]:
    while start < end:
        piece = file.read(start, min(_STEP_BYTES, end - start))
        yield piece
        start += len(piece)


class _HubHandler(_Handler):
    """The hub itself."""

    name = "hub"

    def do_GET(self) -> None:
        """Describe the model, serve a small file, or say where a large one is."""
        hub = self.note_request()
        address = urlsplit(self.path)
        looked_up = re.fullmatch(rf"/api/models/{hub.name}/revision/([^/]+)", address.path)
        wanted = re.fullmatch(rf"/{hub.name}/resolve/([^/]+)/(.+)", address.path)
        found = looked_up or wanted
        sent = self.headers.get("Authorization")
        if hub.token and sent and sent != f"Bearer {hub.token}":
            told = {"X-Error-Message": "Invalid credentials in Authorization header"}
            return self.answer(401, told)
        if not found or (hub.token and not hub.is_gated and not sent):
            # Whether it exists is nobody's business who isn't known.
            if sent:
                return self.answer(404, {"X-Error-Code": "RepoNotFound"})
            return self.answer(401, {"X-Error-Message": "Invalid username or password."})
        if unquote(found[1]) not in ("main", hub.commit):
            return self.answer(404, {"X-Error-Code": "RevisionNotFound"})
        return self._describe(hub) if looked_up else self._resolve(hub, unquote(found[2]))

    def _describe(self, hub: FakeHub) -> None:
        fault = hub.take_fault(API, "hub")
        if isinstance(fault, Status):
            return self.answer(fault.code, fault.headers, fault.body)
        text = json.dumps(hub.describe()).encode()
        return self.serve(_File("", text), fault, {"Content-Type": "application/json"})

    def _resolve(self, hub: FakeHub, path: str) -> None:
        file = hub.files.get(path)
        if file is None:
            return self.answer(404, {"X-Error-Code": "EntryNotFound"})
        if hub.is_gated and not self.headers.get("Authorization"):
            return self.answer(401, {"X-Error-Code": "GatedRepo"})
        fault = hub.take_fault(path, "hub")
        known = {"X-Repo-Commit": hub.commit}
        if not file.is_large or isinstance(fault, Status):
            return self.serve(file, fault, known)
        known["Location"] = hub.sign(path, is_expired=isinstance(fault, Expired))
        known |= {"X-Linked-Size": str(file.size_bytes), "X-Linked-Etag": f'"{file.sha256}"'}
        return self.answer(302, known, b"Found. Redirecting")


class _StoreHandler(_Handler):
    """Where large files are; knows addresses and nobody."""

    name = "store"

    def do_GET(self) -> None:
        """Serve a file whose address is still good."""
        hub = self.note_request()
        if (file := hub.find_signed(self.path)) is None:
            return self.answer(403, {}, b"<Error><Code>AccessDenied</Code></Error>")
        return self.serve(file, hub.take_fault(file.path, "store"), {})
