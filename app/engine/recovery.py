"""What is asked of the next engine when one has died: a smaller plan, or one without its devices.

A driver that aborts, or the system that lacks memory, ends the engine's process. Dead while it
loaded: the same load again, below the plan that killed it, a few times, and then without GPUs.
Dead while it worked, for the second time on the same devices: they are left out until the user
wants them back. Knows nothing of processes, threads or windows, which do what is decided here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.engine.protocol import EngineParameters, Event, Loaded, LoadedModel, PlanChosen
from model_io.device_words import short_name
from model_io.plan import Plan
from model_io.plan_words import speed_words

MOST_RETRIES = 3
"""How often a load is repeated below the plan that killed its engine."""

DRIVER_SECONDS = 60.0
"""A load that has said nothing for so long waits for a driver that hangs: end its engine."""

MOST_DEATHS = 2
"""So many engines may die while they compute on devices, before those are left out."""


@dataclass(frozen=True, slots=True)
class Setback:
    """What a person is told after a load that went otherwise than planned.

    `details` are all steps on the way if there were several. `offers_again` tells whether loading
    again, with all devices, is worth an offer.
    """

    what_happened: str
    what_it_means: str
    details: str = ""
    offers_again: bool = False

    def __str__(self) -> str:
        """Both sentences on a line."""
        return f"{self.what_happened} {self.what_it_means}"


class Recovery:
    """Remembers, for as long as the program runs, what engines died of.

    parameters = recovery.begin(wanted)         # load with these
    recovery.hear(event)                        # every event of a load
    parameters = recovery.next_attempt()        # the engine died over it: once more, or None
    setback = recovery.setback(model)           # it is loaded: what is to be told, if anything
    recovery.lose_at_work()                     # an engine died while it answered
    """

    def __init__(self) -> None:
        self._wanted: EngineParameters | None = None
        self._failed: tuple[Plan, ...] = ()
        self._tried: Plan | None = None
        self._in_use: Plan | None = None
        self._deaths = 0
        self._avoided: dict[str, str] = {}
        self._gpus_failed = False
        self._untold = False  # whether `_avoided` or `_gpus_failed` is news

    def begin(self, wanted: EngineParameters) -> EngineParameters:
        """How the first engine is to load what the user wants."""
        if wanted != self._wanted:
            self._gpus_failed = False  # another model may well fit
        self._wanted = wanted
        self._failed, self._tried, self._in_use = (), None, None
        return self._parameters(wanted)

    def hear(self, event: Event) -> None:
        """Take note of what the engine says of its load."""
        if isinstance(event, PlanChosen):
            self._tried = event.plan
        elif isinstance(event, Loaded):
            self._in_use, self._tried = event.model.plan, None

    def next_attempt(self) -> EngineParameters | None:
        """How another engine is to load it, since one has died over it; None if it is hopeless."""
        wanted, tried = self._wanted, self._tried
        self._tried = None
        if wanted is None or wanted.vocabulary_only:
            return None
        if tried is not None and not self._gpus_failed and len(self._failed) < MOST_RETRIES:
            self._failed = (*self._failed, tried)
        elif self._suspects_gpus(wanted, tried):
            self._failed, self._gpus_failed, self._untold = (), True, True
        else:
            self._failed, self._gpus_failed, self._untold = (), False, False
            return None
        return self._parameters(wanted)

    def lose_at_work(self) -> None:
        """The engine has died while it answered or measured."""
        plan, self._in_use = self._in_use, None
        if plan is None or not plan.devices:
            return
        self._deaths += 1
        if self._deaths >= MOST_DEATHS:
            self._avoided |= {device.name: device.description for device in plan.devices}
            self._deaths, self._untold = 0, True

    def trust_devices(self) -> None:
        """The user wants to load again: every device gets another chance."""
        self._avoided.clear()
        self._deaths, self._gpus_failed, self._untold = 0, False, False

    def setback(self, model: LoadedModel) -> Setback | None:
        """What is to be told of the load that has just ended well; None if it went as planned."""
        is_untold, self._untold = self._untold, False
        if is_untold and self._avoided:
            are = "are" if len(self._avoided) > 1 else "is"
            meaning = f"{_join(self._avoided.values())} {are} left out. {_who_goes_on(model)}"
            return Setback("The graphics card failed twice.", meaning, offers_again=True)
        if is_untold:
            title = "The graphics card could not load the model."
            return Setback(title, _who_goes_on(model), offers_again=True)
        if not model.steps:
            return None
        title, _, meaning = model.steps[-1].partition(". ")
        details = "\n".join(model.steps) if len(model.steps) > 1 else ""
        return Setback(f"{title.rstrip('.')}.", meaning or _who_goes_on(model), details)

    def _parameters(self, wanted: EngineParameters) -> EngineParameters:
        return replace(
            wanted,
            failed_plans=self._failed,
            avoided_devices=tuple(self._avoided),
            uses_gpus=wanted.uses_gpus and not self._gpus_failed,
        )

    def _suspects_gpus(self, wanted: EngineParameters, tried: Plan | None) -> bool:
        """Whether a load without GPUs may fare better than the ones that failed."""
        if not wanted.uses_gpus or self._gpus_failed:
            return False
        # Without a plan it died before anything was tried: while it asked the drivers.
        return tried is None or any(plan.devices for plan in (*self._failed, tried))


def _join(descriptions: Iterable[str]) -> str:
    return " and ".join(dict.fromkeys(short_name(description) for description in descriptions))


def _who_goes_on(model: LoadedModel) -> str:
    plan = model.plan
    who = _join(device.description for device in plan.devices) if plan is not None else ""
    who = f"{who} goes on" if who else "The processor goes on alone"
    return f"{who}; expect about {speed_words(plan.tokens_per_second)}." if plan else f"{who}."
