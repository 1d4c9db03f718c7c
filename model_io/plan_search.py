"""Looks through everything that a model could be loaded as on a machine, for the best.

What is compared are candidates: a quantization, a context, a type of cache, a microbatch, and
one of the placements that fit. A candidate's rank doesn't depend on how much memory is free, and
more memory only adds candidates; so more memory never makes a plan worse. Knows no words.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from model_io.budget import Budget, budget_of
from model_io.machine import Device, DeviceKind, Machine
from model_io.memory import Footprint, Placement, Working, measure
from model_io.model_shape import ModelShape
from model_io.placements import find_placements
from model_io.plan import Preference, Wish
from model_io.speed import Pace, pace_of, seconds_per_token

CLASS_LIMITS = (2.0, 5.0, 15.0)
"""Tokens a second at which a speed class ends; from the second limit on it is bearable."""

BEARABLE = 2
GOOD_CONTEXT, USABLE_CONTEXT = 8192, 4096
MICROBATCH = 512
MOST_DEVICES = 4
_LARGE_MICROBATCHES = (1024, 2048)
_LEAST_ROOM_BYTES = 2**27  # less than a layer and its room for computing
_CONTEXTS = (2048, 4096, 6144, 8192, 12288, 16384, 20480, 24576, 28672, 32768)
_MICROBATCHES = (MICROBATCH, 256, 128)
_KV_TYPES = ("f16", "q8_0")

Rank = tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way of loading a model that fits.

    `devices` are the places of the placement's devices in the machine's list.
    """

    shape: ModelShape
    working: Working
    placement: Placement
    devices: tuple[int, ...]
    seconds: float
    footprint: Footprint

    @property
    def speed_class(self) -> int:
        """0 for the slowest."""
        return sum(1 / self.seconds >= limit for limit in CLASS_LIMITS)

    @property
    def reads_on_devices(self) -> bool:
        """Whether no part of a prompt is read by the processor."""
        placement = self.placement
        is_whole = placement.gpu_layers == self.shape.layers
        return is_whole and (placement.offloads_prompts or not placement.ram_experts)

    def rank(self, preference: Preference) -> Rank:
        """The higher, the better; compares candidates of one model in several quantizations."""
        working = self.working
        context = float(working.context_tokens)
        good = min(context, GOOD_CONTEXT)
        quality = float(self.shape.weights_bytes)
        bearable = float(min(self.speed_class, BEARABLE))
        speed = -self.seconds
        # Given up before the context gets smaller than it should be: cache, then microbatch.
        microbatch = min(working.microbatch_tokens, MICROBATCH)
        comfort = (float(working.kv_type == "f16"), microbatch, float(self.reads_on_devices))
        last = (speed, context, float(working.microbatch_tokens))
        match preference:
            case Preference.QUALITY:
                return (quality, bearable, good, *comfort, *last)
            case Preference.SPEED:
                usable = min(context, USABLE_CONTEXT)
                return (usable, speed, quality, *comfort, context)
            case Preference.CONTEXT:
                return (context, bearable, quality, *comfort, *last)
            case _:
                return (bearable, quality, good, *comfort, *last)


@dataclass(frozen=True, slots=True)
class _DeviceSet:
    """Devices that are tried together, by their places in the machine's list, or none."""

    places: tuple[int, ...]
    devices: tuple[Device, ...]
    budget: Budget
    pace: Pace

    @property
    def is_metal(self) -> bool:
        """Whether no layer can be divided: Metal maps the file's range as one buffer."""
        return any(device.kind is DeviceKind.METAL for device in self.devices)

    def takes(self, shape: ModelShape) -> bool:
        """Whether the devices compute with experts as large as those of `shape`."""
        largest = max(shape.wide_expert_bytes + shape.down_expert_bytes)
        limits = (device.largest_tensor_bytes for device in self.devices)
        return all(limit is None or largest <= limit for limit in limits)


class Search:
    """All candidates of a model on one machine."""

    def __init__(self, machine: Machine, wish: Wish, budget: Budget | None = None) -> None:
        """`budget` stands for what the machine has free, where something else is to be asked."""
        self._machine = machine
        self._wish = wish
        self._budget = budget or budget_of(machine)
        self._pace = pace_of(machine)
        self._processor = self._device_set(())
        chosen = self._choose_devices() if wish.uses_gpus else ()
        self._device_sets = tuple(self._device_set(places) for places in chosen)

    def best(self, shapes: Iterable[ModelShape]) -> Candidate | None:
        """The best candidate of all `shapes`; None if nothing fits."""
        preference = self._wish.preference
        # The smallest is the quickest, whatever else there is.
        is_quick = preference is Preference.SPEED
        best: Candidate | None = None
        for shape in sorted(shapes, key=lambda shape: shape.weights_bytes, reverse=not is_quick):
            best = self._better(self._best_of(shape), best)
            if best and (is_quick or preference is Preference.QUALITY):
                break
            if best and preference is Preference.BALANCED and self._is_ideal(best):
                break  # what comes now is of lower quality
        return best

    def glance(self, shape: ModelShape) -> Candidate | None:
        """About the best of one shape: no longer context than a good one is looked for."""
        contexts = [tokens for tokens in self.contexts(shape) if tokens <= GOOD_CONTEXT]
        return self._most_comfortable(shape, contexts or self.contexts(shape)[:1])

    def _best_of(self, shape: ModelShape) -> Candidate | None:
        contexts = self.contexts(shape)
        match self._wish.preference:
            case Preference.CONTEXT:
                best, larger_contexts = self._longest(shape, contexts), []
            case Preference.SPEED:
                small = [tokens for tokens in contexts if tokens <= USABLE_CONTEXT] or contexts[:1]
                best, larger_contexts = self._quickest(shape, small), contexts[len(small) :]
            case _:
                small = [tokens for tokens in contexts if tokens <= GOOD_CONTEXT] or contexts[:1]
                best, larger_contexts = self._most_comfortable(shape, small), contexts[len(small) :]
        if best is None:
            return None
        more = [replace(best.working, context_tokens=tokens) for tokens in larger_contexts]
        best = self._while_better(shape, more, best)
        tokens = self._large_microbatches(best)
        larger = [replace(best.working, microbatch_tokens=each) for each in tokens]
        return self._while_better(shape, larger, best)

    def _better(self, candidate: Candidate | None, best: Candidate | None) -> Candidate | None:
        if candidate is None or best is None:
            return candidate or best
        preference = self._wish.preference
        return candidate if candidate.rank(preference) > best.rank(preference) else best

    def _best_way(self, shape: ModelShape, working: Working) -> Candidate | None:
        best: Candidate | None = None
        for candidate in self.candidates(shape, working):
            best = self._better(candidate, best)
        return best

    def _most_comfortable(self, shape: ModelShape, contexts: Sequence[int]) -> Candidate | None:
        """The most comfortable way of those in the best speed class.

        The way that takes the least is the quickest, so no other is in a better class.
        """
        *others, least = self._ways(contexts)
        quickest = self._best_way(shape, least)
        if quickest is None:
            return None
        reached = min(quickest.speed_class, BEARABLE)
        for working in others:
            found = self._best_way(shape, working)
            if found and found.speed_class >= reached:
                return found
        return quickest

    def _quickest(self, shape: ModelShape, contexts: Sequence[int]) -> Candidate | None:
        """The quickest way with the longest of `contexts` that fits; of equals the best."""
        for tokens in sorted(contexts, reverse=True):
            *others, least = self._ways((tokens,))
            best = self._best_way(shape, least)
            if best is not None:
                return self._while_better(shape, reversed(others), best)
        return None

    def _longest(self, shape: ModelShape, contexts: Sequence[int]) -> Candidate | None:
        """The most comfortable way with the longest context that fits."""
        for tokens in sorted(contexts, reverse=True):
            best = self._most_comfortable(shape, (tokens,))
            if best is not None:
                return best
        return None

    def _while_better(
        self, shape: ModelShape, ways: Iterable[Working], best: Candidate
    ) -> Candidate:
        """`best`, or what follows in `ways`, each of which takes more than the one before."""
        for working in ways:
            better = self._better(self._best_way(shape, working), best)
            if better is None or better is best:
                break
            best = better
        return best

    def contexts(self, shape: ModelShape) -> list[int]:
        """The contexts to compare, the smallest first; only the one that is wished for, if any."""
        trained = shape.trained_tokens
        if self._wish.context_tokens is not None:
            return [min(self._wish.context_tokens, trained)]
        return [tokens for tokens in _CONTEXTS if tokens < trained] + [min(trained, _CONTEXTS[-1])]

    def candidates(self, shape: ModelShape, working: Working) -> Iterator[Candidate]:
        """What fits with this way of working: on each choice of devices, and on none."""
        cache = shape.kv_row_bytes(working.kv_type) * working.cells * shape.layers
        needed_bytes = shape.weights_bytes + cache
        if needed_bytes > self._budget.capacity:
            return
        for chosen in self._device_sets:
            if needed_bytes > chosen.budget.capacity:
                continue
            for placement in find_placements(
                shape,
                working,
                chosen.budget.devices,
                whole_layers=chosen.is_metal,
                takes_experts=chosen.takes(shape),
            ):
                yield from self._candidate(shape, working, placement, chosen)
        yield from self._candidate(shape, working, Placement(), self._processor)

    def _candidate(
        self, shape: ModelShape, working: Working, placement: Placement, chosen: _DeviceSet
    ) -> Iterator[Candidate]:
        """One candidate, if there is RAM enough for it."""
        footprint = measure(shape, placement, working)
        if chosen.budget.ram_missing_bytes(footprint) <= 0:
            seconds = seconds_per_token(shape, placement, working, chosen.pace)
            yield Candidate(shape, working, placement, chosen.places, seconds, footprint)

    def _ways(self, contexts: Sequence[int]) -> Iterator[Working]:
        """Ways of working, from the most comfortable to the one that takes the least."""
        wish = self._wish
        kv_types = _KV_TYPES if wish.kv_type is None else (wish.kv_type,)
        microbatches = wish.microbatch_tokens and (wish.microbatch_tokens,)
        longest_first = sorted(contexts, reverse=True)
        for way in product(longest_first, kv_types, microbatches or _MICROBATCHES):
            context, kv_type, tokens = way
            yield Working(context, min(tokens, context), kv_type)

    def _large_microbatches(self, candidate: Candidate) -> tuple[int, ...]:
        """Larger ones than usual, where each means copying the experts once more."""
        copies = candidate.placement.ram_experts and candidate.placement.offloads_prompts
        context = candidate.working.context_tokens
        if not copies or self._wish.microbatch_tokens is not None:
            return ()
        return tuple(tokens for tokens in _LARGE_MICROBATCHES if tokens <= context)

    def _is_ideal(self, candidate: Candidate) -> bool:
        """Whether nothing smaller, and no other cache, could be better for this model."""
        working, wish = candidate.working, self._wish
        most_tokens = self.contexts(candidate.shape)[-1]
        microbatch_tokens = min(wish.microbatch_tokens or MICROBATCH, MICROBATCH, most_tokens)
        return (
            candidate.speed_class >= BEARABLE
            and working.context_tokens >= min(GOOD_CONTEXT, most_tokens)
            and working.kv_type == (wish.kv_type or _KV_TYPES[0])
            and working.microbatch_tokens >= microbatch_tokens
        )

    def _device_set(self, places: tuple[int, ...]) -> _DeviceSet:
        devices = tuple(self._machine.devices[place] for place in places)
        pace = Pace(tuple(self._pace.devices[place] for place in places), self._pace.ram)
        return _DeviceSet(places, devices, self._budget.of(places), pace)

    def _choose_devices(self) -> Iterator[tuple[int, ...]]:
        """Which devices to try together, the quickest first, and which alone.

        What isn't quicker than the processor is of no use, as integrated GPUs mostly aren't; and
        an integrated one beside others would slow every token down.
        """
        devices, pace, rooms = self._machine.devices, self._pace, self._budget.devices
        useful = [
            index
            for index in range(len(devices))
            if pace.devices[index] > pace.ram and rooms[index] >= _LEAST_ROOM_BYTES
        ]
        useful.sort(key=lambda index: -pace.devices[index])
        own = [index for index in useful if not devices[index].is_unified][:MOST_DEVICES]
        # A quick device with little room may be worth less than nothing as the first one, and a
        # slow one as the last.
        for count in range(len(own), 0, -1):
            yield from (tuple(own[start : start + count]) for start in range(len(own) - count + 1))
        yield from ((index,) for index in useful if devices[index].is_unified)
