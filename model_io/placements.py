"""Which placements of a model's layers are worth comparing on given devices.

For each choice of devices there are three: attention, router and cache of all layers on the
devices, with as few layers' experts in RAM as fit; the last layers' attention there, all experts in
RAM; and the last layers whole. Each is the best of its family where devices are quicker than the
RAM and given the quickest first: then whatever is left over is slower.

The experts that stay in RAM are those of the first layers: the first device reads prompts for all
of them, so they had better be its own. A layer's experts save the same time for each byte,
whichever layer it is. Knows neither speed nor the RAM's limit.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate

from model_io.memory import Placement, Working, device_compute
from model_io.model_shape import ModelShape


def find_placements(
    shape: ModelShape,
    working: Working,
    rooms: Sequence[int],
    *,
    whole_layers: bool = False,
    takes_experts: bool = True,
) -> Iterator[Placement]:
    """The best placement of each family on devices with `rooms` bytes each, in this order.

    With `whole_layers` no layer is divided between a device and the RAM; unless `takes_experts`
    all experts stay there. Every device's share is within its room.
    """
    search = _Search(shape, working, rooms)
    divided = list(search.divided()) if takes_experts and not whole_layers else []
    yield from divided
    if any(not placement.ram_experts for placement in divided):
        return  # all of it is on the devices
    # On several devices attention alone may be shared out better, without room for copies.
    if shape.experts and not whole_layers and (len(rooms) > 1 or not divided):
        yield from search.attention_only()
    if takes_experts:
        yield from search.whole()


class _Search:
    """What the families have in common: one model, one way of working, some rooms."""

    def __init__(self, shape: ModelShape, working: Working, rooms: Sequence[int]) -> None:
        self._shape = shape
        self._working = working
        self._rooms = rooms
        row = shape.kv_row_bytes(working.kv_type) * working.cells
        self._dense = [0, *accumulate(size + row for size in shape.dense_bytes)]
        self._experts = [0, *accumulate(shape.expert_bytes)]
        self._output = shape.output_bytes + (shape.embedding_bytes if shape.is_tied else 0)

    def divided(self) -> Iterator[Placement]:
        """All layers on the devices, the experts of the fewest first ones in RAM, or of all."""
        layers = self._shape.layers
        most = layers if self._shape.experts else 0
        yield from self._extremes(range(most + 1), lambda kept: self._fill(layers, kept))

    def attention_only(self) -> Iterator[Placement]:
        """The last layers on the devices, as many as fit or one, all experts in RAM."""
        numbers = range(self._shape.layers, 0, -1)
        return self._extremes(numbers, lambda layers: self._fill(layers, layers, offloads=False))

    def whole(self) -> Iterator[Placement]:
        """The last layers on the devices, as many as fit or one, with all that is theirs."""
        numbers = range(self._shape.layers, 0, -1)
        return self._extremes(numbers, lambda layers: self._fill(layers, 0, offloads=False))

    def _extremes(
        self, numbers: range, fill: Callable[[int], Placement | None]
    ) -> Iterator[Placement]:
        """The first of `numbers` that fits, where each takes less than the one before; the last.

        Between the two each saves or costs the same time; what is gained at once (the output's
        matrix on a device) or lost at once (room for computing) makes one or the other best.
        """
        filled: dict[int, Placement | None] = {}

        def fits(number: int) -> bool:
            filled[number] = fill(number)
            return filled[number] is not None

        place = bisect_left(numbers, True, key=fits)
        if place < len(numbers):
            for number in {numbers[place], numbers[-1]}:
                placement = filled.get(number) or fill(number)
                if placement is not None:
                    yield placement

    def _fill(self, layers: int, ram_layers: int, *, offloads: bool = True) -> Placement | None:
        """The last `layers` layers on the devices, one device after the other filled.

        The experts of the first `ram_layers` of them stay in RAM. None if there is no room.
        """
        count = self._shape.layers
        layer = count - layers
        ram_end = layer + ram_layers
        kept = frozenset(range(layer, ram_end))
        trial = Placement((layers,), kept, offloads)
        placed: list[int] = []
        for room in self._rooms:
            room -= device_compute(self._shape, trial, self._working)
            end = self._reach(layer, ram_end, room)
            if end > layer:
                # Only the first device computes with experts that stay in RAM.
                trial = replace(trial, offloads_prompts=False)
            placed.append(end - layer)
            layer = end
        if layer < count:
            return None
        placement = Placement(tuple(placed), kept, offloads)
        return placement if self._is_within_rooms(placement, ram_end) else None

    def _reach(self, start: int, ram_end: int, room: int) -> int:
        """Up to which layer `room` bytes are enough, from `start` on."""
        ends = range(start + 1, self._shape.layers + 1)
        return start + bisect_left(
            ends, True, key=lambda end: self._needed(start, end, ram_end) > room
        )

    def _needed(self, start: int, end: int, ram_end: int) -> int:
        """Weights and cache of the layers from `start` to before `end`, with the output's."""
        needed = self._dense[end] - self._dense[start]
        needed += self._experts[max(end, ram_end)] - self._experts[max(start, ram_end)]
        return needed + self._output if end == self._shape.layers else needed

    def _is_within_rooms(self, placement: Placement, ram_end: int) -> bool:
        """What was reserved for computing is exact on one device, and an estimate on several."""
        if len(self._rooms) == 1:
            return True
        layer = self._shape.layers - placement.gpu_layers
        for index, layers in enumerate(placement.device_layers):
            needed = self._needed(layer, layer + layers, ram_end) if layers else 0
            computing = device_compute(self._shape, placement, self._working, index)
            if needed + computing > self._rooms[index]:
                return False
            layer += layers
        return True
