"""What a computer has apart from GPUs: memory, processor. No driver is asked, so nothing hangs."""

from __future__ import annotations

from dataclasses import replace

from model_io.machine import Machine
from model_io.processor import physical_cores, processor_name
from model_io.system_memory import read_memory


def read_computer(bandwidth: float | None = None) -> Machine:
    """The machine without its GPUs.

    `bandwidth` of the RAM is what was measured earlier; None measures it, for a third of a second.
    """
    ram, cores = read_memory(), physical_cores()
    if bandwidth is None:
        from model_io.bandwidth import measure_bandwidth  # numpy comes with it

        bandwidth = measure_bandwidth(cores, ram.free_bytes)
    return Machine(
        ram=replace(ram, bandwidth=bandwidth),
        processor=processor_name(),
        physical_cores=cores,
    )
