"""Puts a damaged model through inspect, convert, verify and repair, and holds them to their word.

Their word: a result or one clear sentence, and nothing else, within ten seconds, within 1 GB of
memory, without a file outside the output's folder. A trial is a seed: it chooses the model, what
is damaged in it, and how. One trial at a time, in the main thread, since a timer interrupts it;
memory is measured where there is a /proc.
"""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from model_io.convert import convert
from model_io.errors import ModelIOError
from model_io.inspection import inspect
from model_io.repair import repair
from model_io.verify import verify
from tests.model_io.mutations import damage
from tests.model_io.small_models import Base

LIMIT_SECONDS = 10.0
LIMIT_BYTES = 1_000_000_000
LONGEST_SENTENCE = 1000

_FOREIGN = ("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork",
            "socket.connect", "pickle.find_class", "webbrowser.open")  # fmt: skip
_CHANGES = {"os.rename": 1, "os.link": 1, "os.symlink": 1, "os.mkdir": 0, "os.remove": 0,
            "os.rmdir": 0, "os.truncate": 0, "os.chmod": 0, "os.utime": 0}  # fmt: skip
"""What changes a file system, by Python's audit events, and which argument names the place."""


@dataclass(frozen=True)
class Report:
    """What became of one trial; `broken` is empty if the promise was kept.

    `answers` says for each command "result" or the sentence's class.
    """

    seed: int
    base: str
    damage: str
    answers: dict[str, str]
    broken: list[str]
    seconds: float
    peak_bytes: int

    def __str__(self) -> str:
        """One line by which the trial can be repeated."""
        return f"seed {self.seed}: {self.damage} of {self.base}: {'; '.join(self.broken)}"


class TooLong(BaseException):
    """The time is over."""


class Forbidden(Exception):
    """The program did what no model may make it do."""


@dataclass
class _Warden:
    """Watches what Python opens, changes and starts, and forbids what it may not."""

    allowed: str
    found: list[str] = field(default_factory=list)

    def look(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in _FOREIGN:
            self.forbid(f"{event} {arguments!r:.100}")
        elif event == "open":
            self._look_at_open(*arguments)
        elif event in _CHANGES:
            self._look_at_place(arguments[_CHANGES[event]])

    def _look_at_open(self, path: object, mode: object, flags: object) -> None:
        if not isinstance(path, str | bytes):
            return
        flags = flags if isinstance(flags, int) else 0
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC):
            self._look_at_place(path)
        try:
            is_pipe = stat.S_ISFIFO(os.stat(path).st_mode)  # noqa: PTH116  no Path in a hook
        except OSError:
            return
        if is_pipe and not flags & os.O_NONBLOCK:
            self.forbid(f"waits for the pipe {os.fsdecode(path)}")
        if os.fsdecode(path) == "/etc/passwd":
            self.forbid("follows a name out of the folder")

    def _look_at_place(self, place: object) -> None:
        if not isinstance(place, str | bytes | os.PathLike):
            return
        path = os.path.abspath(os.fsdecode(place))  # noqa: PTH100  no Path in a hook
        is_harmless = path == os.devnull or "__pycache__" in path
        if not path.startswith(self.allowed) and not is_harmless:
            self.forbid(f"changes {path}")

    def forbid(self, what: str) -> None:
        self.found.append(what)
        raise Forbidden(what)


_warden: _Warden | None = None
_is_hooked = False


def _hook(event: str, arguments: tuple[object, ...]) -> None:
    if _warden is not None:
        _warden.look(event, arguments)


@contextmanager
def watched(allowed: Path) -> Iterator[_Warden]:
    """Let nothing be changed but below `allowed`, nothing be started, no pipe be waited for."""
    global _warden, _is_hooked
    if not _is_hooked:
        sys.addaudithook(_hook)
        _is_hooked = True
    _warden = _Warden(f"{allowed}{os.sep}")
    try:
        yield _warden
    finally:
        _warden = None


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Raise TooLong in the main thread when the time is over."""

    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def run_trial(seed: int, bases: Sequence[Base], scratch: Path) -> Report:
    """Damage a copy of one of `bases` below `scratch`, and do with it all that can be done."""
    rng = Random(seed)
    base = rng.choice(bases)
    root = scratch / "trial"
    shutil.rmtree(root, ignore_errors=True)
    source = root / base.folder.name
    shutil.copytree(base.folder, source, copy_function=os.link)
    out = root / "out"
    out.mkdir()
    what = damage(source, rng)
    quant = rng.choice(("Q4_K_M", "Q8_0"))
    before = _photograph(root)
    before_bytes = _forget_peak()
    started = time.monotonic()
    answers, broken = _answer_all(base, source, out, quant)
    seconds = time.monotonic() - started
    peak_bytes = _peak_bytes()
    if _photograph(root) != before:
        broken.append("a file outside the output's folder is new or another one")
    broken += _judge_rest(out)
    if seconds > LIMIT_SECONDS:
        broken.append(f"took {seconds:.1f} s")
    if peak_bytes - before_bytes > LIMIT_BYTES:
        broken.append(f"took {peak_bytes - before_bytes:,} bytes of memory")
    shutil.rmtree(root)
    return Report(seed, base.name, what, answers, broken, round(seconds, 3), peak_bytes)


def _answer_all(
    base: Base, source: Path, out: Path, quant: str
) -> tuple[dict[str, str], list[str]]:
    path = source / base.source
    imatrix = source / base.imatrix if base.imatrix else None
    made, repaired = out / "made.gguf", out / "repaired.gguf"
    commands: dict[str, Callable[[], object]] = {
        "inspect": lambda: inspect(path),
        "convert": lambda: convert(path, quant, made, imatrix=imatrix, jobs=1),
    }
    if base.source:
        commands |= {"verify": lambda: verify(path, jobs=1)}
        commands |= {"repair": lambda: repair(path, repaired, jobs=1)}
    answers: dict[str, str] = {}
    broken: list[str] = []
    try:
        with limited(LIMIT_SECONDS), watched(out) as warden:
            for name, command in commands.items():
                answers[name] = _answer(name, command, broken)
    except TooLong:
        where = traceback.extract_tb(sys.exc_info()[2])[-1]
        broken.append(f"hangs in {where.name}, {Path(where.filename).name}:{where.lineno}")
    broken += [f"forbidden: {what}" for what in warden.found]
    for result in (made, repaired):
        if result.exists():
            broken += _judge_result(result)
    return answers, broken


def _answer(name: str, command: Callable[[], object], broken: list[str]) -> str:
    """What the command says: "result" or the class of its sentence; what is wrong is noted."""
    try:
        result = command()
    except ModelIOError as error:
        broken += judge_sentence(str(error))
        return type(error).__name__
    except Forbidden:
        return "forbidden"
    except Exception as error:  # noqa: BLE001  that there is none is what is to be proved
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{Path(frame.filename).name}:{frame.lineno}"
        broken.append(f"{name} raises {type(error).__name__} at {place}: {str(error)[:100]}")
        return "traceback"
    for problem in getattr(result, "problems", ()):
        broken += [] if problem.startswith("and ") else judge_sentence(problem)
    return "result"


def judge_sentence(sentence: str) -> list[str]:
    """What keeps a sentence from being clear."""
    if not sentence.isprintable():
        return [f"unprintable: {sentence!r:.200}"]
    if not sentence.endswith(".") or "; " not in sentence:
        return [f"no sentence: {sentence[:200]}"]
    if len(sentence) > LONGEST_SENTENCE:
        return [f"{len(sentence):,} letters long: {sentence[:200]}"]
    return []


def _judge_result(path: Path) -> list[str]:
    """A file that was made will load, whatever it was made of, unless the weights are zeros."""
    problems = [p for p in verify(path, jobs=1).problems if "nothing but zeros" not in p]
    return [f"makes a file that is wrong: {problem[:200]}" for problem in problems[:1]]


def _judge_rest(out: Path) -> list[str]:
    """Beside a result lies its note; beside a part the journal with which it goes on."""
    names = {path.name for path in out.iterdir()}
    wanted: set[str] = set()
    for name in ("made.gguf", "repaired.gguf"):
        endings = ("", ".sha256") if name in names else (".part", ".journal")
        if name in names or f"{name}.part" in names:
            wanted |= {name + ending for ending in endings}
    return [f"leaves {', '.join(sorted(names ^ wanted))}"] if names != wanted else []


def _photograph(root: Path) -> dict[str, tuple[int, int, int, int]]:
    """Everything below `root` and beside it, but for what is in the output's folder."""
    found = {}
    for folder in (root.parent, root):
        for path in [*folder.iterdir()] if folder == root.parent else [*folder.rglob("*")]:
            name = path.relative_to(root.parent)
            if path == root or name.parts[:2] in (("trial", "out"),):
                continue
            status = path.lstat()
            found[str(name)] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ino)
    return found


def _forget_peak() -> int:
    """Begin to measure anew; returns what the process has now.

    proc(5): the number 5 sets its peak to that.
    """
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak_bytes()


def _peak_bytes() -> int:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024
