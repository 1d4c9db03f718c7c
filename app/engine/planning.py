"""Chooses the plan that a model is loaded by, and smaller ones when a driver refuses.

One object for each load: it begins with the best plan for the machine as it is, or with one that
is known to work, and goes down from there. Knows how plans are chosen, not how they are loaded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from app.core.errors import EngineError
from app.engine.protocol import EngineParameters
from model_io.device_words import short_name
from model_io.errors import MissingDeviceError, SimulationError
from model_io.ladder import step_down
from model_io.machine import Machine
from model_io.memory import measure
from model_io.model_shape import ModelShape
from model_io.plan import Plan, Wish
from model_io.planner import make_plan, place
from model_io.proof import make_proven_plan
from model_io.records import Records

NO_MEMORY = (
    "There is not enough memory for this model. "
    "Choose a smaller context or a smaller file, or close other programs."
)
_KNOWN_TO_WORK = "This plan worked here before, where a larger one didn't."


class LoadRefusedError(EngineError):
    """llama.cpp, or a driver below it, refused a plan.

    Attributes:
        is_memory: whether memory was what it lacked, so that a smaller plan may do.
    """

    def __init__(self, sentence: str, details: str = "", *, is_memory: bool) -> None:
        super().__init__(sentence, details)
        self.is_memory = is_memory


class Planning:
    """The plans of one load.

    Attributes:
        machine: what the plans are made for, without the devices that are to be avoided.
        plan: what is to be tried now.
        sentences: what to say of it.
        steps: a sentence for each step down so far.
    """

    def __init__(
        self,
        parameters: EngineParameters,
        shape: ModelShape,
        machine: Machine,
        records: Records | None = None,
    ) -> None:
        """Raises EngineError with what is missing if nothing fits."""
        check_cache(parameters)
        self._parameters = parameters
        self._shape = shape
        self._records = records
        self._wish = _wish_of(parameters)
        self.machine = _leave_out(machine, parameters.avoided_devices)
        self.steps: list[str] = []
        self.plan = self._obey(self._begin())
        self.sentences: tuple[str, ...] = tuple(self.steps[-1:]) or self.plan.reasons
        if not self.plan.fits:
            raise EngineError(self.plan.reason, "\n".join(self.plan.reasons[1:]))
        self._check_copies()

    def step_down(self, refusal: LoadRefusedError) -> None:
        """Go on to a smaller plan; raises `refusal` if there is none, or none would help."""
        self._forget()
        if not refusal.is_memory:
            self._do_without_devices(refusal)
        else:
            self._take_step(refusal)
        self.sentences = (self.steps[-1],)

    def keep(self) -> None:
        """The plan was loaded: remember it if it isn't what would be chosen anyway."""
        if self._records is None or self._parameters.plan is not None:
            return
        if self.steps:
            self._records.remember_plan(self._shape, self.machine, self.plan, self._wish)
        elif self.plan.reasons[:1] != (_KNOWN_TO_WORK,):
            self._forget()

    def _begin(self) -> Plan:
        for index, failed in enumerate(self._parameters.failed_plans):
            stepped = step_down(self._shape, self.machine, failed, index + 1, self._wish)
            if stepped is None:
                raise EngineError(NO_MEMORY)
            plan, sentence = stepped
            self.steps.append(sentence)
        if self.steps and not self._missing(plan):
            return plan
        if self._parameters.plan is not None:
            if not (missing := self._missing(self._parameters.plan)):
                return self._parameters.plan
            self.steps.append(f"{' and '.join(missing)} can't be used any more.")
        return self._recall() or self._make()

    def _make(self) -> Plan:
        """The best plan, as llama.cpp's simulation confirms it, if it can be asked."""
        wanted = ((self._shape,), self.machine, self._wish, self._records)
        try:
            return make_proven_plan(*wanted)
        except (SimulationError, MissingDeviceError):
            return make_plan(*wanted)

    def _missing(self, plan: Plan) -> list[str]:
        """Devices of the plan that aren't there any more, or are to be avoided."""
        present = {device.name for device in self.machine.devices}
        return [short_name(d.description) for d in plan.devices if d.name not in present]

    def _recall(self) -> Plan | None:
        """The plan that an earlier step down led to, if it fits what is free now."""
        if self._records is None:
            return None
        recalled = self._records.recall_plan(self._shape, self.machine, self._wish)
        if recalled is None:
            return None
        placement, working = recalled
        devices = range(len(self.machine.devices))
        plan = place(self._shape, self.machine, placement, working, devices, self._records)
        return replace(plan, reasons=(_KNOWN_TO_WORK,)) if plan.fits else None

    def _forget(self) -> None:
        if self._records is not None and self._parameters.plan is None:
            self._records.forget_plan(self._shape, self.machine, self._wish)

    def _obey(self, plan: Plan) -> Plan:
        """`plan` with what the parameters force on it."""
        wanted = self._parameters
        mapped = plan.uses_mmap if wanted.uses_mmap is None else wanted.uses_mmap
        repacks = plan.repacks if wanted.repacks is None else wanted.repacks
        plan = replace(plan, uses_mmap=mapped, repacks=repacks)
        if wanted.flash_attention or not plan.working.flash_attention:
            return plan
        return _without_flash_attention(plan, self._shape)

    def _check_copies(self) -> None:
        """Refuse a forced second copy of the weights that only makes the system end the process.

        One that the plan itself has chosen is in its figures.
        """
        if not self._parameters.repacks:
            return
        plan, free_bytes = self.plan, self.machine.ram.free_bytes
        needed_bytes = plan.ram.total_bytes + plan.ram.weights_bytes
        if plan.repacks and plan.uses_mmap and needed_bytes > free_bytes:
            raise EngineError(
                f"With repacked weights this needs {needed_bytes / 2**30:,.1f} GB of memory and "
                f"{free_bytes / 2**30:,.1f} GB are free. Switch repacking off."
            )

    def _take_step(self, refusal: LoadRefusedError) -> None:
        step = len(self.steps) + 1
        stepped = step_down(self._shape, self.machine, self.plan, step, self._wish)
        if stepped is None:
            raise refusal
        plan, sentence = stepped
        self.plan = self._obey(plan)
        self.steps.append(sentence)

    def _do_without_devices(self, refusal: LoadRefusedError) -> None:
        """A driver that is lost, most likely; a file that is bad is refused once more."""
        if not self.plan.devices:
            raise refusal
        names = " and ".join(dict.fromkeys(short_name(d.description) for d in self.plan.devices))
        self.machine = self.machine.without_gpus()
        plan = self._make()
        if not plan.fits:
            raise refusal
        self.plan = self._obey(plan)
        self.steps.append(f"{names} could not be used. The processor computes alone.")


def _without_flash_attention(plan: Plan, shape: ModelShape) -> Plan:
    """The same layers at the same places, with the room that attention takes then."""
    working = replace(plan.working, flash_attention=False)
    footprint = measure(shape, plan.placement, working)
    devices = tuple(
        replace(device, share=share)
        for device, share in zip(plan.devices, footprint.devices, strict=True)
    )
    missing = sum(max(0, each.total_bytes - each.free_bytes) for each in devices)
    missing += max(0, footprint.ram.total_bytes - plan.ram_free_bytes)
    reasons = plan.reasons
    if missing and plan.fits:
        needs = f"Without flash attention {missing / 2**30:,.1f} GB of memory are missing."
        reasons = (needs, *reasons)
    return replace(
        plan,
        working=working,
        devices=devices,
        ram=footprint.ram,
        fits=plan.fits and not missing,
        missing_bytes=plan.missing_bytes + missing,
        reasons=reasons,
    )


def check_cache(parameters: EngineParameters) -> None:
    """Refuse what llama.cpp would refuse without saying so. Raises EngineError."""
    if parameters.kv_type not in ("", "f16") and not parameters.flash_attention:
        raise EngineError(
            f"A cache of the type {parameters.kv_type} needs flash attention. "
            "Switch it on, or choose f16."
        )


def _wish_of(parameters: EngineParameters) -> Wish:
    kv_type = parameters.kv_type or ("" if parameters.flash_attention else "f16")
    return Wish(
        preference=parameters.preference,
        context_tokens=parameters.context_tokens or None,
        kv_type=kv_type or None,
        microbatch_tokens=parameters.microbatch_tokens or None,
        uses_gpus=parameters.uses_gpus,
    )


def _leave_out(machine: Machine, names: Sequence[str]) -> Machine:
    """The machine without the devices that ended an engine, and with a sentence for each."""
    avoided = [device for device in machine.devices if device.name in names]
    problems = tuple(
        f"{short_name(device.description)} failed while it worked. Octet does without it for now."
        for device in avoided
    )
    kept = tuple(device for device in machine.devices if device not in avoided)
    return replace(machine, devices=kept, problems=(*machine.problems, *problems))
