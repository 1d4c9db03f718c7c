"""The limits of control groups, in the layouts that containers and systemd make.

Each test writes the files of /proc and /sys as the kernel shows them to such a process.
"""

from __future__ import annotations

from pathlib import Path

from model_io.control_groups import Limits, read_limits

GIB = 2**30
V2_MOUNT = "35 24 0:29 {root} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "35 31 0:32 {root} /sys/fs/cgroup/{name} rw,relatime - cgroup cgroup rw,{name}"
STAT = "anon 5\ninactive_file 1073741824\nactive_file 2147483648\nslab_reclaimable 4096\nodd\n"


def write(root: Path, files: dict[str, object]) -> Path:
    """Make the files, with their folders."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{content}\n")
    return root


def in_v2(root: Path, path: str, files: dict[str, object], mount_root: str = "/") -> Limits:
    """The limits of a process in the group `path`; `files` are below the mount."""
    write(root, {f"sys/fs/cgroup/{name}": content for name, content in files.items()})
    mount = V2_MOUNT.format(root=mount_root)
    return read_limits(
        write(root, {"proc/self/cgroup": f"0::{path}", "proc/self/mountinfo": mount})
    )


def in_v1(root: Path, path: str, files: dict[str, object], mount_root: str = "/") -> Limits:
    """The same for version 1, with its two trees."""
    write(root, {f"sys/fs/cgroup/{name}": content for name, content in files.items()})
    names = ("memory", "cpu,cpuacct")
    mounts = "\n".join(V1_MOUNT.format(root=mount_root, name=name) for name in names)
    lines = f"4:memory:{path}\n3:cpu,cpuacct:{path}\n1:name=systemd:/init\n0::/"
    return read_limits(write(root, {"proc/self/cgroup": lines, "proc/self/mountinfo": mounts}))


def test_a_system_without_groups_has_no_limits(tmp_path: Path) -> None:
    """As macOS and Windows."""
    assert read_limits(tmp_path) == Limits()


def test_a_container_sees_its_own_group_as_the_top(tmp_path: Path) -> None:
    """Version 2 with a namespace, as Docker makes it; the caches of files count as free."""
    files: dict[str, object] = {
        "memory.max": 8 * GIB, "memory.high": "max", "memory.current": 5 * GIB,
        "memory.stat": STAT, "memory.swap.max": 2 * GIB, "memory.swap.current": GIB,
        "cpu.max": "250000 100000",
    }  # fmt: skip
    limits = in_v2(tmp_path, "/", files)
    assert limits == Limits(8 * GIB, 6 * GIB + 4096, 2 * GIB, GIB, 2.5)


def test_the_tightest_of_all_groups_above_counts(tmp_path: Path) -> None:
    """The slice has less left than the scope inside it, and a smaller limit."""
    files: dict[str, object] = {
        "user.slice/memory.max": 6 * GIB, "user.slice/memory.current": 5 * GIB,
        "user.slice/app.scope/memory.max": "max", "user.slice/app.scope/memory.high": 7 * GIB,
        "user.slice/app.scope/memory.current": GIB,
        "user.slice/cpu.max": "max 100000", "user.slice/app.scope/cpu.max": "400000 100000",
    }  # fmt: skip
    limits = in_v2(tmp_path, "/user.slice/app.scope", files)
    assert (limits.memory_bytes, limits.free_bytes) == (6 * GIB, GIB)
    assert limits.processors == 4


def test_version_1_counts_in_its_own_words(tmp_path: Path) -> None:
    """The groups below are in the totals."""
    files: dict[str, object] = {
        "memory/box/memory.limit_in_bytes": 4 * GIB, "memory/box/memory.usage_in_bytes": 3 * GIB,
        "memory/box/memory.stat": f"inactive_file 1\ntotal_inactive_file {GIB}",
        "memory/memory.limit_in_bytes": 9223372036854771712,
        "cpu,cpuacct/box/cpu.cfs_quota_us": 150000, "cpu,cpuacct/box/cpu.cfs_period_us": 100000,
    }  # fmt: skip
    assert in_v1(tmp_path, "/box", files) == Limits(4 * GIB, 2 * GIB, processors=1.5)


def test_a_container_of_version_1_names_a_path_that_it_can_not_see(tmp_path: Path) -> None:
    """What is mounted is the group itself, and the path begins further up."""
    files: dict[str, object] = {
        "memory/memory.limit_in_bytes": 4 * GIB, "memory/memory.usage_in_bytes": GIB,
    }  # fmt: skip
    limits = in_v1(tmp_path, "/docker/1f", files, mount_root="/docker/1f")
    assert (limits.memory_bytes, limits.free_bytes) == (4 * GIB, 3 * GIB)


def test_another_containers_group_is_not_taken_for_ours(tmp_path: Path) -> None:
    """Names that begin alike are not the same; what can be seen still counts."""
    files: dict[str, object] = {
        "memory/ab/memory.limit_in_bytes": GIB, "memory/memory.limit_in_bytes": 4 * GIB,
    }  # fmt: skip
    limits = in_v1(tmp_path, "/docker/1fab", files, mount_root="/docker/1f")
    assert limits.memory_bytes == 4 * GIB


def test_no_limit_has_a_word_and_two_numbers(tmp_path: Path) -> None:
    """Both versions, unlimited."""
    files: dict[str, object] = {"memory.max": "max", "cpu.max": "max 100000"}
    assert in_v2(tmp_path / "2", "/", files) == Limits()
    files = {
        "memory/memory.limit_in_bytes": 9223372036854771712, "memory/memory.usage_in_bytes": GIB,
        "cpu,cpuacct/cpu.cfs_quota_us": -1, "cpu,cpuacct/cpu.cfs_period_us": 100000,
    }  # fmt: skip
    assert in_v1(tmp_path / "1", "/", files) == Limits()


def test_a_group_that_is_over_its_limit_has_nothing_left(tmp_path: Path) -> None:
    """Its limit was lowered below what it had; the same for swap."""
    files: dict[str, object] = {
        "memory.max": GIB, "memory.current": 2 * GIB,
        "memory.swap.max": 1, "memory.swap.current": 2,
    }  # fmt: skip
    limits = in_v2(tmp_path, "/", files)
    assert (limits.free_bytes, limits.swap_free_bytes) == (0, 0)


def test_files_that_make_no_sense_are_no_limits(tmp_path: Path) -> None:
    """Words, empty files, lines cut off, a number of a thousand digits."""
    files: dict[str, object] = {
        "memory.max": "plenty", "memory.high": "9" * 1000, "memory.current": "", "cpu.max": "1",
    }  # fmt: skip
    limits = in_v2(tmp_path, "/../..", files)
    assert limits == Limits()
    write(tmp_path, {"proc/self/mountinfo": "35 24\n - cgroup2", "proc/self/cgroup": "0\n:"})
    assert read_limits(tmp_path) == Limits()
