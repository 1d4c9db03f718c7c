"""Fetches a file over as many connections as it takes, and goes on where it was.

Knows ranges, marks (ETags), what of a file has come and how it is checked, but neither addresses
nor what a hub's answers mean. Source of the protocol: RFC 9110, 13.1.5 and 14.
"""

from __future__ import annotations

import io
import os
import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import httpx

from model_io.connection import STALL_SECONDS, Broken, Connection, explain
from model_io.disk import check_room, explain_refusal
from model_io.errors import BusyError, HubDamageError, OutputError
from model_io.file_lock import lock_file

if TYPE_CHECKING:
    import socket
    from _hashlib import HASH

WRONG_RESULTS = 3
"""So often may a file arrive with other bytes or another length than it should have."""

BUFFER_BYTES = 1024 * 1024

_FLUSH_SECONDS = 0.25
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18}|\*)")


class BeyondEnd(Broken):
    """The server says (416) that the file ends before the bytes that were asked for."""


class Sink(Protocol):
    """Where the bytes of a file from `position` to `end` go, one piece after the other."""

    @property
    def position(self) -> int:
        """Where in the file the next piece belongs."""

    @property
    def end(self) -> int:
        """Where in the file the last piece ends."""

    def append(self, piece: memoryview) -> None:
        """Take the next bytes; the memory is used again afterwards."""

    def restart(self) -> None:
        """Give up what came and begin again, if that can help."""


class Piece:
    """A Sink in memory: `size_bytes` bytes of a file from `start`."""

    def __init__(self, start: int, size_bytes: int) -> None:
        """Nothing has come yet."""
        self._start = start
        self.end = start + size_bytes
        self.content = bytearray()

    @property
    def position(self) -> int:
        """See Sink."""
        return self._start + len(self.content)

    def append(self, piece: memoryview) -> None:
        """See Sink."""
        self.content += piece

    def restart(self) -> None:
        """Nothing here could be at fault."""


class PartFile:
    """A Sink on the disk: a file on its way to `target`, hashed to the last byte that came.

    Stands at `target`.part until it is complete, and stays there whatever happens, so that
    another run can go on. A context manager. All methods raise OutputError, NoRoomError if the
    disk is full.
    """

    def __init__(
        self,
        target: Path,
        size_bytes: int,
        start_hash: Callable[[], HASH],
        check: Callable[[], None],
        on_bytes: Callable[[int], None],
    ) -> None:
        """`check` may raise between pieces; `on_bytes` is told how many are here and hashed."""
        self._target = target
        self._path = target.with_name(target.name + ".part")
        self.end = size_bytes
        self._start_hash = start_hash
        self._check = check
        self._on_bytes = on_bytes
        self._hash = start_hash()
        self.position = 0

    def __enter__(self) -> Self:
        """Open it; raises BusyError if another process has."""
        if self._target.is_dir():
            raise OutputError(self._target, "is a folder", "remove it or fetch into another one")
        try:
            self._target.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            descriptor = os.open(self._path, flags, 0o666)
        except OSError as error:
            raise explain_refusal(self._target, error) from error
        self._file = io.FileIO(descriptor, "r+")
        if not lock_file(descriptor):
            self._file.close()
            remedy = "wait for it, or fetch into another folder"
            raise BusyError(self._target, "is being fetched by another process", remedy)
        return self

    def __exit__(self, *_: object) -> None:
        """Close it; only if nothing is in it, it is removed."""
        self._file.close()
        with suppress(OSError):  # it has its new name, or the error under way says more
            if self._path.stat().st_size == 0:
                self._path.unlink()

    def resume(self) -> None:
        """Hash what an earlier run left, and see that there is room for the rest."""
        try:
            here = os.fstat(self._file.fileno()).st_size
            if here > self.end:
                self._file.truncate(0)
            self._file.seek(0)
            self.position = hash_rest(self._file, self._hash, self._check, self._on_bytes)
            check_room(self._target.parent, self.end - self.position, self._target.name)
        except OSError as error:
            raise explain_refusal(self._target, error) from error

    def append(self, piece: memoryview) -> None:
        """See Sink; what the disk took before it refused counts."""
        try:
            while piece:
                written = self._file.write(piece)
                self._hash.update(piece[:written])
                self.position += written
                piece = piece[written:]
        except OSError as error:
            raise explain_refusal(self._target, error) from error
        self._on_bytes(self.position)

    def restart(self) -> None:
        """Forget all that came."""
        try:
            self._file.seek(0)
            self._file.truncate()
        except OSError as error:
            raise explain_refusal(self._target, error) from error
        self._hash, self.position = self._start_hash(), 0

    def is_right(self, digest: str) -> bool:
        """Whether it is complete and its hash is `digest` (hexadecimal)."""
        return self.position == self.end and self._hash.hexdigest() == digest

    def settle(self) -> None:
        """Have its bytes on the disk and only then its name, since power may fail."""
        try:
            os.fsync(self._file.fileno())
            self._check()
            self._file.close()  # Windows renames no open file
            self._path.replace(self._target)
        except OSError as error:
            raise explain_refusal(self._target, error) from error


def hash_rest(
    file: io.FileIO, digest: HASH, check: Callable[[], None], on_bytes: Callable[[int], None]
) -> int:
    """Hash an open file from where it stands to its end; gives the number of bytes hashed."""
    buffer = memoryview(bytearray(BUFFER_BYTES))
    hashed = 0
    while count := file.readinto(buffer):
        check()
        digest.update(buffer[:count])
        hashed += count
        on_bytes(hashed)
    return hashed


class Transfer:
    """The way of one file, or a piece of it, into a Sink."""

    def __init__(
        self,
        connection: Connection,
        ask: Callable[[Mapping[str, str]], AbstractContextManager[httpx.Response]],
        file_bytes: int,
        sink: Sink,
    ) -> None:
        """`ask` takes headers, finds out anew where the file is, and gives the answer 200 or 206.

        It raises Broken, or BeyondEnd for a 416. `file_bytes` is the size of the whole file.
        """
        self._connection = connection
        self._ask = ask
        self._file_bytes = file_bytes
        self._sink = sink
        self._etag = ""
        self._refusals = 0

    def run(self) -> None:
        """Fill the sink. Raises Broken when it is time to give up; what came is in the sink."""
        self._connection.persist(self._attempt, lambda: self._sink.position)

    def _attempt(self) -> None:
        sink = self._sink
        if sink.position == sink.end:
            return
        try:
            with self._ask(self._headers()) as response:
                self._compare_etag(response)
                self._receive(response)
        except BeyondEnd:
            # The size is known, so the server is wrong; but what is here may be what misleads it.
            self._refusals += 1
            if self._refusals == 2:
                sink.restart()
            raise

    def _headers(self) -> dict[str, str]:
        sink, headers = self._sink, {}
        if sink.position > 0 or sink.end < self._file_bytes:
            headers["range"] = f"bytes={sink.position}-{sink.end - 1}"
            if self._etag and not self._etag.startswith("W/"):
                headers["if-range"] = self._etag
        return headers

    def _compare_etag(self, response: httpx.Response) -> None:
        """A server that has something else now is asked again; the hash decides in the end."""
        before, self._etag = self._etag, response.headers.get("etag", "")
        if before and before != self._etag:
            self._etag = ""  # the next answer is taken as it is: two servers may take turns
            raise Broken(f"{response.url.host} has another file there now", at_once=True)

    def _receive(self, response: httpx.Response) -> None:
        sink = self._sink
        skipped = self._bytes_before(response)
        body = Body(response)
        buffer = memoryview(bytearray(BUFFER_BYTES))
        while sink.position < sink.end:
            # An answer that is longer than the file is never read to its end.
            wanted = skipped or sink.end - sink.position
            filled = body.fill(buffer[:wanted])
            if skipped:
                skipped -= filled
            elif filled:
                sink.append(buffer[:filled])
            self._connection.check()
            if not filled:
                raise body.failure
        body.finish()

    def _bytes_before(self, response: httpx.Response) -> int:
        """How many bytes of the body come before those that are wanted."""
        if response.status_code == 200:  # the range was not asked for, or ignored
            self._compare_size(response.headers.get("content-length", "*"))
            return self._sink.position
        found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", ""))
        if not found or int(found[1]) != self._sink.position:
            raise Broken(f"{response.url.host} sends another part of the file than was asked for")
        self._compare_size(found[2])
        return 0

    def _compare_size(self, offered: str) -> None:
        if offered not in ("*", str(self._file_bytes)):
            reason = f"{offered} bytes are offered in place of {self._file_bytes}"
            raise Broken(reason, error=HubDamageError, attempts=WRONG_RESULTS)


class Body:
    """What comes after the headers of an answer, as it came: nothing is decoded.

    Read from the socket straight into the caller's memory, since httpx hands a body on in pieces
    of 16 to 64 KB and copies each several times: half of the processor time of a large download
    goes there. Its documented extension `network_stream` is the way round.
    """

    def __init__(self, response: httpx.Response) -> None:
        """`response` has not been read."""
        self._response = response
        self._pieces = response.iter_raw()
        self._held = memoryview(b"")
        is_chunked = "transfer-encoding" in response.headers
        self._left = -1 if is_chunked else int(response.headers.get("content-length", -1))
        self._socket: socket.socket | None = None
        self.failure = Broken(f"the connection to {response.url.host} broke off")

    def fill(self, memory: memoryview) -> int:
        """Fill `memory`, or a part of it if the rest takes long; gives the number of bytes.

        At 0 `failure` says why there are no more.
        """
        filled, until = 0, time.monotonic() + _FLUSH_SECONDS
        try:
            while filled < len(memory) and time.monotonic() < until:
                count = self._read_into(memory[filled:])
                if not count:
                    break
                filled += count
        except (OSError, httpx.HTTPError) as error:
            self.failure = Broken(explain(error, self._response.url.host))
        return filled

    def finish(self) -> None:
        """Let httpx see the end of what it read itself, so that the connection is used again."""
        if self._left == 0 and not self._socket:
            with suppress(httpx.HTTPError):  # nothing is missing
                next(self._pieces, None)

    def _read_into(self, memory: memoryview) -> int:
        if self._left == 0:
            return 0
        if self._socket:
            count = self._socket.recv_into(memory[: self._left])
        else:
            if not self._held:
                self._held = memoryview(next(self._pieces, b""))
            count = min(len(memory), len(self._held))
            memory[:count] = self._held[:count]
            self._held = self._held[count:]
        self._left -= count
        if not self._socket and not self._held and self._left > BUFFER_BYTES:
            # httpx has handed over all that it had read ahead, with the headers. The connection
            # is lost for another request, which a long body is worth.
            self._socket = _direct_socket(self._response)
        return count


def _direct_socket(response: httpx.Response) -> socket.socket | None:
    """The socket that the rest of the body comes from; None if it speaks another protocol."""
    stream = response.extensions.get("network_stream")
    if stream is None or isinstance(stream.get_extra_info("ssl_object"), ssl.SSLObject):
        return None  # TLS within the TLS of a proxy
    found: socket.socket | None = stream.get_extra_info("socket")
    if found is not None:
        found.settimeout(STALL_SECONDS)
    return found
