"""The processor's name, and how many of its cores a process may use."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil
import pytest

from model_io import processor
from model_io.control_groups import Limits
from model_io.processor import cpuinfo_name, physical_cores, processor_name, tidy


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Intel(R) Core(TM) i7-9750H CPU @ 2.60GHz", "Intel Core i7-9750H"),
        ("AMD Ryzen 7 7800X3D 8-Core Processor           ", "AMD Ryzen 7 7800X3D"),
        ("AMD EPYC 9654 96-Core Processor", "AMD EPYC 9654"),
        ("AMD FX(tm)-8350 Eight-Core Processor", "AMD FX-8350"),
        ("Apple M2 Max", "Apple M2 Max"),
        ("13th Gen Intel(R) Core(TM) i9-13900K", "13th Gen Intel Core i9-13900K"),
        ("a\x00b\x1b[0m\nc", "a b [0m c"),
        ("x" * 1000, "x" * 80),
    ],
)
def test_a_name_is_what_people_say(name: str, expected: str) -> None:
    """Without marks, clock rates and counts of cores, on one line."""
    assert tidy(name) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("processor\t: 0\nmodel\t\t: 17\nmodel name\t: AMD EPYC\nmodel name\t: B\n", "AMD EPYC"),
        ("processor\t: 0\nBogoMIPS\t: 108.00\nModel\t\t: Raspberry Pi 5\n", "Raspberry Pi 5"),
        ("processor\t: 0\nCPU implementer\t: 0x41\n", ""),
    ],
)
def test_linux_writes_the_name_down(text: str, expected: str) -> None:
    """Under one of several keys, or not at all."""
    assert cpuinfo_name(text).strip() == expected


def test_this_processor_has_a_name() -> None:
    """It is printed in a sentence."""
    assert processor_name()
    assert processor_name().isprintable()


def test_a_nameless_processor_has_its_architecture(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on most ARM systems."""
    monkeypatch.setattr(processor, "_raw_name", str)
    monkeypatch.setattr(processor.platform, "machine", lambda: "aarch64")
    assert processor_name() == "aarch64"


def test_two_threads_of_a_core_count_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four processors that a process may use are two cores; a fifth has no lists."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 4, 5, 9}, raising=False)
    for number, siblings in ((0, "0,4"), (4, "0,4"), (1, "1,5"), (5, "1,5")):
        topology = tmp_path / f"cpu{number}" / "topology"
        topology.mkdir(parents=True)
        name = "core_cpus_list" if number < 4 else "thread_siblings_list"  # older kernels
        (topology / name).write_text(f"{siblings}\n")
    assert processor._allowed_cores(tmp_path) == 3


@pytest.mark.parametrize(
    ("physical", "allowed", "share", "expected"),
    [
        (8, 8, None, 8),
        (8, 3, None, 3),
        (8, None, None, 8),
        (8, 8, 2.9, 2),
        (8, 8, 0.5, 1),
        (4, 16, 32.0, 4),
    ],
)
def test_the_least_of_all_limits_counts(
    physical: int,
    allowed: int | None,
    share: float | None,
    expected: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Cores, affinity, a container's share; a part of a core is none, but one there always is."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: physical)
    monkeypatch.setattr(processor, "_allowed_cores", lambda: allowed)
    monkeypatch.setattr(processor, "read_limits", lambda: Limits(processors=share))
    assert physical_cores() == expected


def test_a_system_that_does_not_know_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """Has as many as it has threads, and has one if it knows nothing."""
    monkeypatch.setattr(psutil, "cpu_count", lambda logical: None)
    monkeypatch.setattr(processor, "_allowed_cores", lambda: None)
    monkeypatch.setattr(processor, "read_limits", Limits)
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert physical_cores() == 6
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert physical_cores() == 1


def test_this_process_may_use_no_more_than_there_are() -> None:
    """The real figures."""
    assert 1 <= physical_cores() <= (os.cpu_count() or 1)
