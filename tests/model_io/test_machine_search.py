"""The search for devices: a driver may hang or die, and costs a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from model_io import machine_search, preparation
from model_io.machine import DeviceKind
from model_io.machine_search import find_machine
from model_io.preparation import Job
from model_io.progress import Progress, StopCallback
from model_io.system_memory import read_memory
from tests.model_io.failing_drivers import FailingDriverJob
from tests.vulkan import requires_vulkan, use_software_driver

ALONE = "Octet uses the processor alone. Update the graphics driver, or restart the computer."


def let_the_driver(how: str, patch: pytest.MonkeyPatch) -> None:
    """Have the child do this instead of asking."""
    patch.setattr(machine_search, "DevicesJob", lambda *_: FailingDriverJob(how))


def test_this_computer_is_found() -> None:
    """All of it, in a process of its own, with the RAM's speed measured."""
    machine = find_machine()
    assert machine.ram.total_bytes == read_memory().total_bytes
    assert machine.ram.bandwidth
    assert machine.processor
    assert machine.physical_cores >= 1


def test_what_was_measured_earlier_is_not_measured_again() -> None:
    """It is handed through."""
    assert find_machine(ram_bandwidth=1e9).ram.bandwidth == 1e9


def end_the_time_when_asked(patch: pytest.MonkeyPatch) -> None:
    """A clock that stands still until the job has begun, and is far ahead then."""
    reports: list[Progress] = []
    prepare = preparation.prepare

    def note(job: Job, should_stop: StopCallback) -> Iterator[Progress]:
        for report in prepare(job, should_stop):
            reports.append(report)
            yield report

    patch.setattr(preparation, "prepare", note)
    patch.setattr(preparation, "time", SimpleNamespace(monotonic=lambda: 1000 * len(reports)))


@pytest.mark.parametrize("how", ["hang", "hang_with_the_lock"])
def test_a_driver_that_hangs_is_not_waited_for(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rest of the computer is there, and no process stays: conftest looks."""
    let_the_driver(how, monkeypatch)
    end_the_time_when_asked(monkeypatch)
    monkeypatch.setattr(preparation, "_EXIT_SECONDS", 0.5)  # until it is killed
    machine = find_machine(ram_bandwidth=1e9)
    assert machine.problems == (f"The graphics driver did not answer within 20 seconds. {ALONE}",)
    assert machine.devices == ()
    assert machine.ram.total_bytes == read_memory().total_bytes
    assert machine.processor


def test_the_limit_of_time_is_the_callers() -> None:
    """None at all is too little for any driver."""
    (problem,) = find_machine(timeout_seconds=0, ram_bandwidth=1e9).problems
    assert problem.startswith("The graphics driver did not answer within 0 seconds.")


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("abort", "was ended by SIGABRT (ggml-cuda.cu:109: CUDA error)"),
        ("crash", "was ended by SIGSEGV"),
    ],
)
def test_a_driver_that_takes_the_process_along(
    how: str, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One sentence says how; the RAM is known, and its speed is measured here."""
    let_the_driver(how, monkeypatch)
    machine = find_machine({"RAM": 2**60})
    sentence = f"The graphics driver failed: the process that asked it {words}. {ALONE}"
    assert machine.problems == (sentence,)
    assert machine.devices == ()
    assert machine.ram.free_bytes == machine.ram.total_bytes
    assert machine.ram.bandwidth


def test_a_library_that_lacks_something_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is not to blame."""
    let_the_driver("lack", monkeypatch)
    sentence = "llama_cpp lacks ggml_backend_dev_count; install it again."
    assert find_machine(ram_bandwidth=1e9).problems == (sentence,)


def test_a_system_that_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason comes with it."""

    def refuse(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(preparation, "start_child", refuse)
    (problem,) = find_machine(ram_bandwidth=1e9).problems
    assert "Resource temporarily unavailable" in problem


@requires_vulkan
@pytest.mark.parametrize("count", [1, 2])
def test_the_software_driver_is_a_gpu_where_it_is_asked_for(
    count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once or twice, with memory that makes sense; what the engine holds there comes back."""
    use_software_driver(monkeypatch, count)
    machine = find_machine({"Vulkan0": 2**60}, ram_bandwidth=1e9)
    assert machine.problems == ()
    assert [device.name for device in machine.devices] == [f"Vulkan{n}" for n in range(count)]
    for device in machine.devices:
        assert device.kind is DeviceKind.VULKAN
        assert device.description.startswith("llvmpipe")
        assert 2**28 < device.free_bytes <= device.total_bytes
    assert machine.devices[0].free_bytes == machine.devices[0].total_bytes
