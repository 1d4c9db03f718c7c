"""What Linux allows this process at most: the limits of its control groups.

A container with 8 GB on a computer with 64 GB sees 64 GB everywhere else. Elsewhere than on Linux
there are no such limits. Knows nothing of what the memory is for. Layouts: the kernel's documents
on cgroup v1 and v2, and proc(5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

_UNLIMITED_BYTES = 2**60
"""Version 1 has no word for no limit, but a number that no computer reaches."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The tightest limits of this process, None where there is none: bytes, and processors.

    `free_bytes` is what can still be taken of the memory.
    """

    memory_bytes: int | None = None
    free_bytes: int | None = None
    swap_bytes: int | None = None
    swap_free_bytes: int | None = None
    processors: float | None = None


@dataclass(frozen=True, slots=True)
class _Mount:
    """Where a tree of groups can be seen: the group `root` is the folder `folder`."""

    root: str
    folder: Path
    controllers: frozenset[str]
    """Of a tree of version 2: the empty name, as in /proc/self/cgroup."""


def read_limits(root: Path = Path("/")) -> Limits:
    """The limits of this process; in `root` are the folders proc and sys."""
    memory = list(_groups(root, "memory"))
    return Limits(
        memory_bytes=_least(map(_memory_limit, memory)),
        free_bytes=_least(map(_memory_free, memory)),
        swap_bytes=_least(_number(group / "memory.swap.max") for group in memory),
        swap_free_bytes=_least(map(_swap_free, memory)),
        processors=min(
            (share for group in _groups(root, "cpu") if (share := _processors(group))),
            default=None,
        ),
    )


def _least(numbers: Iterable[int | None]) -> int | None:
    return min((number for number in numbers if number is not None), default=None)


def _groups(root: Path, controller: str) -> Iterator[Path]:
    """The folders of this process's groups that may limit `controller`: its own and all above."""
    mounts = _mounts(root)
    for line in _lines(root / "proc/self/cgroup"):
        _, _, rest = line.partition(":")
        names, _, path = rest.partition(":")
        controllers = set(names.split(","))
        if not controllers & {controller, ""}:
            continue
        for mount in mounts:
            if mount.controllers & controllers & {controller, ""}:
                yield from _upwards(mount, path)


def _mounts(root: Path) -> list[_Mount]:
    mounts = []
    for line in _lines(root / "proc/self/mountinfo"):
        fields, _, kind = line.partition(" - ")
        names = fields.split()
        words = kind.split()
        if len(names) < 5 or len(words) < 3 or words[0] not in ("cgroup", "cgroup2"):
            continue
        controllers = {""} if words[0] == "cgroup2" else set(words[2].split(","))
        folder = root / names[4].replace("\\040", " ").lstrip("/")
        mounts.append(_Mount(names[3], folder, frozenset(controllers)))
    return mounts


def _upwards(mount: _Mount, path: str) -> Iterator[Path]:
    """The folder of the group `path` and those above it, as far as they can be seen.

    In a container the group itself is often what is mounted, while its path begins at the top.
    """
    root = mount.root.rstrip("/")
    inside = path.removeprefix(root) if f"{path}/".startswith(f"{root}/") else ""
    names = [name for name in inside.split("/") if name not in ("", ".", "..")]
    for count in range(len(names), -1, -1):
        yield mount.folder.joinpath(*names[:count])


def _memory_limit(group: Path) -> int | None:
    """Above memory.high a group is slowed down until it is useless, so it is a limit too."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    return _least(_number(group / name) for name in names)


def _memory_free(group: Path) -> int | None:
    """What is left, with the group's caches of files, which the kernel gives up first."""
    limit = _memory_limit(group)
    used = _number(group / "memory.current")
    if used is None:
        used = _number(group / "memory.usage_in_bytes")
    if limit is None or used is None:
        return limit
    return min(limit, max(0, limit - used + _cache_bytes(group)))


def _cache_bytes(group: Path) -> int:
    counts = dict(line.split(" ", 1) for line in _lines(group / "memory.stat") if " " in line)
    # Version 1 counts the groups below only in those that begin with "total_".
    prefix = "total_" if "total_inactive_file" in counts else ""
    names = (f"{prefix}inactive_file", f"{prefix}active_file", "slab_reclaimable")
    return sum(_parse(counts.get(name, "")) or 0 for name in names)


def _swap_free(group: Path) -> int | None:
    limit, used = _number(group / "memory.swap.max"), _number(group / "memory.swap.current")
    return limit if limit is None or used is None else max(0, limit - used)


def _processors(group: Path) -> float | None:
    words = " ".join(_lines(group / "cpu.max")).split()
    if len(words) == 2:
        quota, period = _parse(words[0]), _parse(words[1])
    else:
        quota = _number(group / "cpu.cfs_quota_us")
        period = _number(group / "cpu.cfs_period_us")
    return quota / period if quota and period else None


def _number(path: Path) -> int | None:
    return _parse(" ".join(_lines(path)))


def _parse(text: str) -> int | None:
    """A limit or a count; None for "max", for -1, and for what is no number."""
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 20):
        return None
    return int(digits) if int(digits) < _UNLIMITED_BYTES else None


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8", "replace").splitlines()
    except OSError:  # not every kernel has every file
        return []
