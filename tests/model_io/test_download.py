"""A file arrives whole and right, whatever happens on the way; what came is never lost."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import random
import shutil
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

import model_io.download
import model_io.file_lock
from model_io.download import PartFile
from model_io.errors import (
    BusyError,
    HubDamageError,
    HubUnreachableError,
    NoRoomError,
    OutputError,
)
from model_io.hub import Hub, Repository
from model_io.progress import Cancelled
from tests.hub_server import (
    Cut,
    Expired,
    FakeHub,
    Fault,
    Flip,
    Headers,
    IgnoreRange,
    Longer,
    NewEtag,
    OtherRange,
    Stall,
    Status,
)

NAME = "model.safetensors"
WEIGHTS = random.Random(7).randbytes(3_000_000)
SMALL = b'{"hidden_size": 64}\n'


@pytest.fixture(autouse=True)
def no_thread_left() -> Iterator[None]:
    """Neither of ours nor of the fake's."""
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


@dataclass
class Scene:
    """A fake hub, a client that waits no time, and a folder."""

    fake: FakeHub
    folder: Path
    waits: list[float] = field(default_factory=list)
    reports: list[int] = field(default_factory=list)

    @property
    def part(self) -> Path:
        """Where the large file grows."""
        return self.folder / f"{NAME}.part"

    def fetch(self, name: str = NAME, should_stop: Callable[[], bool] = lambda: False) -> bytes:
        """What is on the disk after a fetch."""
        with Hub(self.fake.endpoint, wait=self.waits.append, should_stop=should_stop) as hub:
            found = hub.look_up(self.fake.name)
            return hub.fetch(found, name, self.folder, on_bytes=self.reports.append).read_bytes()

    def fail(self, *faults: Fault) -> None:
        """What happens to the large file."""
        self.fake.fail(NAME, *faults)

    def ranges(self) -> list[str]:
        """What was asked of the store, "" for the whole file."""
        return [request.headers.get("range", "") for request in self.fake.asked("store")]


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Three files, and nothing goes wrong yet."""
    files = {NAME: WEIGHTS, "config.json": SMALL, "empty.txt": b"", "a/b.pt": b"deeper"}
    with FakeHub(files) as fake:
        yield Scene(fake, tmp_path / "model")


def rest_from(start: int) -> str:
    """The header Range for all that is missing."""
    return f"bytes={start}-{len(WEIGHTS) - 1}"


def test_a_large_file_arrives(scene: Scene) -> None:
    """In one request, under its name, and its growth is told."""
    assert scene.fetch() == WEIGHTS
    assert [path.name for path in scene.folder.iterdir()] == [NAME]
    assert scene.ranges() == [""]
    assert scene.reports == sorted(scene.reports)
    assert scene.reports[-1] == len(WEIGHTS)


@pytest.mark.parametrize(("name", "content"), [("config.json", SMALL), ("a/b.pt", b"deeper")])
def test_small_files_arrive(name: str, content: bytes, scene: Scene) -> None:
    """Checked against git's hash, and in the folders that they belong to."""
    assert scene.fetch(name) == content


def test_an_empty_file_arrives(scene: Scene) -> None:
    """Nothing is asked for, since nothing can come."""
    assert scene.fetch("empty.txt") == b""
    assert len(scene.fake.requests) == 1


def test_a_wrong_small_file_is_noticed(scene: Scene) -> None:
    """It has no sha256, but git's hash is as good here."""
    scene.fake.fail("config.json", Flip(3))
    assert scene.fetch("config.json") == SMALL
    assert len(scene.fake.requests) == 3


def test_a_finished_file_is_kept(scene: Scene) -> None:
    """It is read, not fetched."""
    scene.fetch()
    scene.fake.requests.clear()
    assert scene.fetch() == WEIGHTS
    assert len(scene.fake.requests) == 1
    assert scene.reports[-1] == len(WEIGHTS)


@pytest.mark.parametrize("content", [b"other", bytes(len(WEIGHTS))])
def test_another_file_of_that_name_is_replaced(content: bytes, scene: Scene) -> None:
    """Whether its size is right or not."""
    scene.folder.mkdir()
    (scene.folder / NAME).write_bytes(content)
    assert scene.fetch() == WEIGHTS


@pytest.mark.parametrize("size", [1, 1000, 2_999_999])
def test_an_earlier_run_is_continued(size: int, scene: Scene) -> None:
    """Only what is missing is asked for."""
    scene.folder.mkdir()
    scene.part.write_bytes(WEIGHTS[:size])
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == [rest_from(size)]


def test_a_complete_part_is_only_checked(scene: Scene) -> None:
    """The earlier run ended between the last byte and the new name."""
    scene.folder.mkdir()
    scene.part.write_bytes(WEIGHTS)
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == []


@pytest.mark.parametrize(
    ("content", "ranges"),
    [
        (bytes(1000), [rest_from(1000), ""]),
        (WEIGHTS[:-1] + b"\0", [""]),
        (WEIGHTS + b"x", [""]),
    ],
)
def test_a_part_with_wrong_bytes_is_begun_again(
    content: bytes, ranges: list[str], scene: Scene
) -> None:
    """What the disk spoilt costs this one file."""
    scene.folder.mkdir()
    scene.part.write_bytes(content)
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ranges


@pytest.mark.parametrize("is_reset", [False, True])
@pytest.mark.parametrize("size", [0, 1000, 2_500_000])
def test_a_cut_is_continued(size: int, is_reset: bool, scene: Scene) -> None:
    """From where it was, after a pause; a reset may take what the system had not handed over."""
    scene.fail(Cut(size, is_reset))
    assert scene.fetch() == WEIGHTS
    here = int(scene.ranges()[1].removeprefix("bytes=").partition("-")[0] or 0)
    assert here <= size if is_reset else here == size
    assert len(scene.waits) == 1


def test_many_cuts_with_progress(scene: Scene) -> None:
    """Each of twenty connections brings a little."""
    scene.fail(*[Cut(100_000)] * 20)
    assert scene.fetch() == WEIGHTS
    assert len(scene.ranges()) == 21


def test_eight_fruitless_attempts_are_enough(scene: Scene) -> None:
    """The sentence says what is kept, and the next run begins there."""
    scene.fail(Cut(1000), *[Cut(0)] * 8)
    with pytest.raises(HubUnreachableError) as caught:
        scene.fetch()
    assert str(caught.value) == (
        f"hub:toys/Toy-Mixtral {NAME} can't be fetched: the connection to 127.0.0.1 broke off; "
        "1,000 of its 3,000,000 bytes are kept, so run the same again when the connection works."
    )
    assert scene.part.read_bytes() == WEIGHTS[:1000]
    assert scene.fetch() == WEIGHTS
    assert scene.ranges()[-1] == rest_from(1000)


def test_nothing_came_at_all(scene: Scene) -> None:
    """No empty file is left, and nothing is said to be kept."""
    scene.fail(*[Cut(0)] * 8)
    with pytest.raises(HubUnreachableError, match="broke off; run the same again when"):
        scene.fetch()
    assert not list(scene.folder.iterdir())


def test_an_ignored_range_costs_only_time(scene: Scene) -> None:
    """The first bytes are read and dropped; what is here stays."""
    scene.fail(Cut(1_500_000), IgnoreRange())
    assert scene.fetch() == WEIGHTS
    assert scene.reports == sorted(scene.reports)


def test_another_range_is_not_used(scene: Scene) -> None:
    """A 206 has to begin where it should."""
    scene.fail(Cut(1000), OtherRange(shift_bytes=-1))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1000), rest_from(1000)]


@pytest.mark.parametrize("fault", [OtherRange(total_shift_bytes=1), Longer(1)])
def test_another_size_is_not_used(fault: Fault, scene: Scene) -> None:
    """Three times are enough to say that the hub contradicts itself."""
    scene.fail(Cut(1000), fault, fault, fault)
    with pytest.raises(HubDamageError, match="3000001 bytes are offered in place of 3000000"):
        scene.fetch()
    assert scene.part.read_bytes() == WEIGHTS[:1000]


def test_another_size_is_not_used_from_the_start(scene: Scene) -> None:
    """Nothing is written of an answer that announces more than there should be."""
    scene.fail(*[Longer(1)] * 3)
    with pytest.raises(HubDamageError, match="3000001 bytes are offered in place of 3000000"):
        scene.fetch()
    assert not list(scene.folder.iterdir())


def test_a_shorter_part_is_continued(scene: Scene) -> None:
    """What an answer doesn't announce is not read as a part of it."""
    scene.fail(Cut(1000), Headers({"Content-Length": "2000000"}))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1000), rest_from(2_001_000)]


def test_a_file_that_does_not_end(scene: Scene) -> None:
    """No byte beyond the promised ones is written, or read."""
    scene.fail(Longer(100_000_000, is_chunked=True))
    assert scene.fetch() == WEIGHTS
    assert max(scene.reports) == len(WEIGHTS)


def test_a_changed_mark(scene: Scene) -> None:
    """The server is asked again, and the hash says that what came was right."""
    scene.fail(Cut(1000), NewEtag('"other"'))
    assert scene.fetch() == WEIGHTS
    marks = [request.headers.get("if-range") for request in scene.fake.asked("store")]
    assert marks == [None, f'"stored {NAME}"', None]
    assert scene.ranges() == ["", rest_from(1000), rest_from(1000)]


def test_a_weak_mark_is_not_sent(scene: Scene) -> None:
    """If-Range allows only strong ones."""
    scene.fail(NewEtag('W/"weak"'))
    scene.fetch()
    (scene.folder / NAME).unlink()
    scene.fail(Cut(1000))
    assert scene.fetch() == WEIGHTS
    assert all("if-range" not in request.headers for request in scene.fake.requests)


@pytest.mark.parametrize("fault", [Expired(), Status(401), Status(403), Status(404), Status(410)])
def test_an_expired_address_is_asked_for_again(fault: Fault, scene: Scene) -> None:
    """At the hub, at once, and the file goes on where it was."""
    scene.fail(Cut(1000), fault)
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1000), rest_from(1000)]
    assert len(scene.waits) == 1
    assert len({request.path for request in scene.fake.asked("store")}) == 3


def test_a_range_beyond_the_end_is_asked_for_again(scene: Scene) -> None:
    """Once: the size is known, so 416 is somebody's mistake."""
    scene.fail(Cut(1000), Status(416))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1000), rest_from(1000)]


def test_a_range_beyond_the_end_begins_this_file_again(scene: Scene) -> None:
    """Twice: perhaps what is here is what misleads the server."""
    scene.fail(Cut(1000), Status(416), Status(416))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1000), rest_from(1000), ""]


@pytest.mark.parametrize("status", [429, 503])
def test_a_pause_is_kept(status: int, scene: Scene) -> None:
    """As long as the server asks for."""
    scene.fail(Status(status, {"Retry-After": "17"}))
    assert scene.fetch() == WEIGHTS
    assert scene.waits == [17]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_trouble_of_the_server_passes(status: int, scene: Scene) -> None:
    """Whether the store has it or the hub."""
    scene.fail(Status(status), Status(status, at="hub"))
    assert scene.fetch() == WEIGHTS
    assert len(scene.waits) == 2


def test_a_wrong_byte_costs_this_file_once_more(scene: Scene) -> None:
    """The number of bytes that are here falls, and the file is right in the end."""
    scene.fail(Flip(2_000_000))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", ""]
    assert scene.reports != sorted(scene.reports)


def test_bytes_that_stay_wrong(scene: Scene) -> None:
    """Three times are enough, and nothing wrong is left for another run."""
    scene.fail(Flip(0), Flip(1), Flip(2))
    with pytest.raises(HubDamageError) as caught:
        scene.fetch()
    assert str(caught.value) == (
        f"hub:toys/Toy-Mixtral {NAME} arrived 3 times with other bytes than the hub itself names; "
        "run the same again later, or tell the model's owner."
    )
    assert not list(scene.folder.iterdir())


def test_a_body_is_never_unpacked(scene: Scene) -> None:
    """Whatever the headers say: the hash is of the bytes that travel."""
    scene.fail(Headers({"Content-Encoding": "gzip"}))
    assert scene.fetch() == WEIGHTS


class FullDisk(io.FileIO):
    """A file on a disk with room for 1.2 MB."""

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        """Take what has room."""
        room = 1_200_000 - self.tell()
        if room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data[:room])


def test_a_full_disk_is_told(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte that it took stays, and the next run goes on there."""
    monkeypatch.setattr(model_io.download.io, "FileIO", FullDisk)
    with pytest.raises(NoRoomError) as caught:
        scene.fetch()
    assert str(caught.value) == (
        f"{scene.folder} is on a disk that became full while {NAME} was written; "
        "free some space and run the same again, which goes on from here."
    )
    monkeypatch.undo()
    assert scene.part.read_bytes() == WEIGHTS[:1_200_000]
    assert scene.fetch() == WEIGHTS
    assert scene.ranges()[-1] == rest_from(1_200_000)


class SlowDisk(io.FileIO):
    """A file that takes little at a time."""

    def write(self, data: memoryview) -> int:  # type: ignore[override]
        """Take some of it."""
        return super().write(data[:300_000])


def test_a_disk_that_takes_little_at_a_time(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every byte is written once and hashed once."""
    monkeypatch.setattr(model_io.download.io, "FileIO", SlowDisk)
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == [""]


def test_a_disk_with_too_little_room(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told before anything is fetched; what an earlier run left counts."""
    scene.folder.mkdir()
    scene.part.write_bytes(WEIGHTS[:1000])
    usage = shutil.disk_usage(scene.folder)._replace(free=2_900_000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(NoRoomError, match=f"with 99,000 bytes too little space for {NAME}"):
        scene.fetch()
    assert scene.ranges() == []


def test_a_disk_that_holds_no_large_files(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another sentence, since freeing space doesn't help."""

    def refuse(*_: object) -> None:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    monkeypatch.setattr(FullDisk, "write", refuse)
    monkeypatch.setattr(model_io.download.io, "FileIO", FullDisk)
    with pytest.raises(OutputError, match="can't hold files of this size; choose another disk"):
        scene.fetch()


def test_a_folder_that_can_not_be_made(scene: Scene) -> None:
    """A file is in its place."""
    scene.folder.write_bytes(b"")
    with pytest.raises(OutputError, match=f"{NAME} can't be written: .*; choose another place"):
        scene.fetch()


def test_a_folder_in_the_place_of_the_file(scene: Scene) -> None:
    """Noticed before gigabytes have come."""
    (scene.folder / NAME).mkdir(parents=True)
    with pytest.raises(OutputError, match=f"{NAME} is a folder; remove it or fetch into another"):
        scene.fetch()
    assert scene.ranges() == []


def test_two_processes_do_not_share_a_part(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second one would write between the first one's bytes."""
    monkeypatch.setattr(model_io.file_lock, "_PATIENCE_SECONDS", 0)
    scene.folder.mkdir()
    scene.part.write_bytes(WEIGHTS[:1000])
    with scene.part.open("rb+") as other:
        assert model_io.file_lock.lock_file(other.fileno())
        with pytest.raises(BusyError, match="is being fetched by another process; wait for it"):
            scene.fetch()
    assert scene.part.read_bytes() == WEIGHTS[:1000]


def test_a_stop_while_a_part_is_read_loses_nothing(tmp_path: Path) -> None:
    """The first thing that another run does is to hash what is there."""
    part = tmp_path / "x.part"
    part.write_bytes(WEIGHTS)

    def stop() -> None:
        raise Cancelled

    opened = PartFile(tmp_path / "x", len(WEIGHTS), hashlib.sha256, stop, lambda _: None)
    with opened, pytest.raises(Cancelled):
        opened.resume()
    assert part.read_bytes() == WEIGHTS


def test_files_are_as_open_as_others(scene: Scene) -> None:
    """No more and no less than what a new file is."""
    scene.fetch("config.json")
    ordinary = scene.folder / "ordinary"
    ordinary.touch()
    assert (scene.folder / "config.json").stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize("size", [None, 0, 1000, 2_500_000])
def test_a_stop_is_heard_while_nothing_arrives(size: int | None, scene: Scene) -> None:
    """What came stays for the next run."""
    stall = Stall(size)
    scene.fail(stall)
    with pytest.raises(Cancelled):
        scene.fetch(should_stop=stall.reached.is_set)
    assert scene.part.exists() == bool(size)
    assert scene.fetch() == WEIGHTS


def test_a_stop_is_heard_during_a_pause(scene: Scene) -> None:
    """However long the server asked for."""
    scene.fail(Status(503, {"Retry-After": "200"}, at="hub"))

    def should_stop() -> bool:
        return len(scene.fake.requests) == 2

    with Hub(scene.fake.endpoint, should_stop=should_stop) as hub:
        found = hub.look_up(scene.fake.name)
        with pytest.raises(Cancelled):
            hub.fetch(found, NAME, scene.folder)


def test_a_stalled_connection_is_given_up(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while another one is tried, and goes on."""
    monkeypatch.setattr(model_io.download, "STALL_SECONDS", 0.05)
    scene.fail(Stall(2_000_000))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(2_000_000)]


def test_several_threads_fetch_at_once(scene: Scene) -> None:
    """With one Hub."""
    with Hub(scene.fake.endpoint) as hub, ThreadPoolExecutor() as pool:
        found: Repository = hub.look_up(scene.fake.name)
        paths = list(pool.map(lambda name: hub.fetch(found, name, scene.folder), found.files))
    assert {path.relative_to(scene.folder).as_posix() for path in paths} == set(found.files)


def test_signed_addresses_are_not_asked_for_twice(scene: Scene) -> None:
    """They may have expired since, so that each attempt begins at the hub."""
    scene.fail(*[Cut(100)] * 3)
    scene.fetch()
    assert len({request.path for request in scene.fake.asked("store")}) == 4


def test_the_way_round_httpx_is_not_needed(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """It only saves time."""
    monkeypatch.setattr(model_io.download, "_direct_socket", lambda _: None)
    scene.fail(Cut(1_234_567))
    assert scene.fetch() == WEIGHTS
    assert scene.ranges() == ["", rest_from(1_234_567)]


def test_encryption_within_encryption_is_left_to_httpx() -> None:
    """There the socket carries the proxy's layer, not ours."""
    context = ssl.create_default_context()
    known = {"ssl_object": context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO()), "socket": object()}
    stream = SimpleNamespace(get_extra_info=known.get)
    response = httpx.Response(200, extensions={"network_stream": stream})
    assert model_io.download._direct_socket(response) is None
