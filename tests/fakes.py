"""Stand-ins for what is slow, large or hard to break; each has an end-to-end test beside it.

`ScriptedEngine` stands for `app.engine.client.EngineClient`, `ScriptedSession` for
`app.runtime.chat_session.ChatSession`; tests/end_to_end has the real ones.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Qt, Signal

from app.core.chat_options import ChatOptions
from app.core.conversation import Conversation, ConversationSummary, Message, MessageState, Role
from app.core.settings import Settings
from app.engine.protocol import (
    ClosingEvent,
    CountPrompt,
    CountTokens,
    EngineParameters,
    Event,
    Failed,
    Finished,
    Generate,
    Load,
    Loaded,
    LoadedModel,
    LoadProgressed,
    Measure,
    MemoryFull,
    PlanChosen,
    PromptCounted,
    PromptFormat,
    PromptMessage,
    PromptParts,
    PromptProgressed,
    Request,
    Stop,
    StoppedBy,
    Summarise,
    TextGenerated,
    TokensCounted,
    WhenFull,
)
from app.runtime.draft_files import DraftFile
from app.runtime.facts import SessionState, SpeedFacts
from app.runtime.session_facts import SessionFacts
from model_io.plan import Plan
from tests import plans

CONTEXT_TOKENS = 4096
STEP = "The model did not fit as planned. Less of it is on the graphics card now"

PlanMaker = Callable[[EngineParameters], Plan | None]


def _make_no_plan(_: EngineParameters) -> None:
    return None


def loaded_model(path: str) -> LoadedModel:
    """What a scripted engine says of the model at `path`."""
    return LoadedModel(
        path=path,
        name=Path(path).stem,
        quant="Q8_0",
        file_bytes=1000,
        context_tokens=CONTEXT_TOKENS,
        vocabulary_hash="vocabulary",
        prompt_format=PromptFormat.MISTRAL_V1,
        threads=1,
        microbatch_tokens=512,
        device="CPU",
    )


def count_words(messages: Iterable[PromptMessage]) -> int:
    """A scripted engine's tokens are words."""
    return sum(len(message.text.split()) for message in messages)


class ScriptedEngine:
    """Answers every `Generate` with the same pieces, a token each, as far as it is allowed to.

    `pieces_allowed` None lets it say everything at once; a number is raised by `allow`. A load
    ends at once, or with `holds_loads` when `finish_load` is called. A measurement ends when
    `finish_measuring` is called, or when it is stopped.

    Attributes:
        holds_loads: see above.
        dies_loading: whether its process ends as soon as it has chosen a plan.
        hangs_loading: whether it never says anything of its load.
        make_plan: the plan that it chooses, and loads by; None for an engine that tells of none.
        problems: what it says of devices that can't be used.
        dropped_messages: what it says of every prompt.
        pinned_messages: those of the dropped ones that are in the prompt all the same.
        full_after_messages: from so many messages on its memory is full; the first two of those
            that are still in it would have to leave. None for a memory without end.
        hear: called with every request, on the thread that sends it.
    """

    def __init__(
        self,
        pieces: Iterable[str],
        pieces_allowed: int | None = None,
        holds_loads: bool = False,
    ) -> None:
        self.requests: list[Request] = []
        self.was_killed = False
        self.dies_loading = False
        self.hangs_loading = False
        self.make_plan: PlanMaker = _make_no_plan
        self.problems: tuple[str, ...] = ()
        self.dropped_messages = 0
        self.pinned_messages: tuple[int, ...] = ()
        self.full_after_messages: int | None = None
        self.hear: Callable[[Request], None] = lambda request: None
        self._pieces = tuple(pieces)
        self._counted: tuple[PromptMessage, ...] = ()
        self._allowed = pieces_allowed
        self.holds_loads = holds_loads
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._stopped: set[int] = set()
        self._open: dict[int, Request] = {}
        self._is_over = False
        self._is_waiting = False

    # --- as EngineClient ---------------------------------------------------------------------

    def send(self, request: Request) -> None:
        """Take a request; its events come through `poll`."""
        self.hear(request)
        with self._changed:
            self.requests.append(request)
            if self._is_over:
                return
            if isinstance(request, Stop):
                self._stopped.add(request.job_id)
                self._changed.notify_all()
            elif isinstance(
                request, Load | Generate | Summarise | CountTokens | CountPrompt | Measure
            ):
                self._open[request.job_id] = request
        if isinstance(request, Stop) and self.open_requests(Measure):
            self.fail(Measure, "The measurement was stopped.")
        if isinstance(request, Load):
            self._begin_load(request)
        elif isinstance(request, CountTokens):
            self._close(TokensCounted(request.job_id, count_words(request.messages)))
        elif isinstance(request, CountPrompt):
            self._count_prompt(request)
        elif isinstance(request, Generate) and self._is_full(request):
            would_drop = request.earlier_cut.message_count + 2
            outside = tuple(range(would_drop))
            self._close(MemoryFull(request.job_id, would_drop, 100, outside))
        elif isinstance(request, Generate | Summarise):
            threading.Thread(target=self._talk, args=(request,), daemon=True).start()

    def poll(self, timeout_seconds: float | None) -> Event | None:
        """The next event; None when the engine is over."""
        assert timeout_seconds is None
        return self._events.get()

    def kill(self) -> None:
        """End at once."""
        self.was_killed = True
        self.die("The engine was stopped.")

    def close(self) -> None:
        """Nothing is left to let go of."""

    # --- what the test makes it do -----------------------------------------------------------

    def allow(self, pieces: int) -> None:
        """Let it say so many pieces more."""
        with self._changed:
            self._allowed = (self._allowed or 0) + pieces
            self._changed.notify_all()

    def until_waiting(self) -> None:
        """Wait until it has said all that it was allowed to."""
        with self._changed:
            self._changed.wait_for(lambda: self._allowed == 0 and self._is_waiting)

    def until_finished(self, job_id: int) -> None:
        """Wait until that job has its closing event."""
        with self._changed:
            self._changed.wait_for(lambda: job_id not in self._open)

    def finish_load(self) -> None:
        """The model that is being loaded is there."""
        for request in self.open_requests(Load):
            assert isinstance(request, Load)
            wanted = request.parameters
            model = replace(
                loaded_model(wanted.model_path),
                plan=self.make_plan(wanted),
                steps=tuple(f"{STEP}, step {n + 1}." for n in range(len(wanted.failed_plans))),
                problems=self.problems,
            )
            self._close(Loaded(request.job_id, model, 2.0))

    def finish_measuring(self, decode: float = 22.4, **more: object) -> None:
        """The measurement under way has this result."""
        for request in self.open_requests(Measure):
            self._close(plans.measured(plans.cpu_plan(), decode, request.job_id, **more))

    def fail(self, kind: type[Load | Generate | Measure], sentence: str) -> None:
        """The open jobs of that kind can't be done, and the engine lives."""
        for request in self.open_requests(kind):
            self._close(Failed(request.job_id, sentence, "details"))

    def die(self, sentence: str = "The engine stopped. What had arrived is kept.") -> None:
        """The process is gone; every open job fails."""
        with self._changed:
            if self._is_over:
                return
            self._is_over = True
            jobs = list(self._open) or [0]
            self._open.clear()
            self._changed.notify_all()
        for job_id in jobs:
            self._events.put(Failed(job_id, sentence, "last log lines", fatal=True))
        self._events.put(None)

    def open_requests(
        self, kind: type[Load | Generate | Measure]
    ) -> list[Load | Generate | Measure]:
        """The jobs of that kind without a closing event."""
        with self._changed:
            return [request for request in self._open.values() if isinstance(request, kind)]

    def asked(self, kind: type[Request]) -> list[Request]:
        """Everything of that kind that was ever sent."""
        return [request for request in self.requests if isinstance(request, kind)]

    # --- pieces ------------------------------------------------------------------------------

    def _begin_load(self, request: Load) -> None:
        if self.hangs_loading:
            return
        self._say(LoadProgressed(request.job_id, 500, 1000))
        plan = self.make_plan(request.parameters)
        if plan is not None:
            self._say(PlanChosen(request.job_id, plan, plan.reasons))
        if self.dies_loading:
            self.die("The engine stopped while it loaded the model. Try again.")
        elif not self.holds_loads:
            self.finish_load()

    def _say(self, event: Event) -> None:
        with self._changed:
            if not self._is_over:
                self._events.put(event)

    def _close(self, event: ClosingEvent) -> None:
        with self._changed:
            if self._open.pop(event.job_id, None) is not None:
                self._events.put(event)
                self._changed.notify_all()

    @property
    def _outside_messages(self) -> tuple[int, ...]:
        return tuple(i for i in range(self.dropped_messages) if i not in self.pinned_messages)

    def _is_full(self, request: Generate) -> bool:
        """Whether it has to say so in place of an answer."""
        count = len(request.messages) - request.earlier_cut.message_count
        is_full = self.full_after_messages is not None and count > self.full_after_messages
        return is_full and request.when_full is not WhenFull.DROP

    def _count_prompt(self, request: CountPrompt) -> None:
        if request.messages is not None:
            self._counted = request.messages
        chat, draft = count_words(self._counted), len(request.draft.split())
        parts = PromptParts(
            chat + draft,
            message_tokens=chat,
            draft_tokens=draft,
            outside_messages=self._outside_messages,
        )
        self._close(PromptCounted(request.job_id, parts))

    def _talk(self, request: Generate | Summarise) -> None:
        prompt_tokens = count_words(request.messages)
        dropped = self.dropped_messages
        outside = self._outside_messages
        self._say(
            PromptProgressed(request.job_id, prompt_tokens, prompt_tokens, 0, dropped, outside)
        )
        said, stopped_by = 0, StoppedBy.END
        for piece in self._pieces:
            if not self._may_go_on(request.job_id):
                stopped_by = StoppedBy.STOP
                break
            said += 1
            text = TextGenerated(request.job_id, piece, (1000 + said,), prompt_tokens + said)
            self._say(text)
        self._close(
            Finished(
                job_id=request.job_id,
                stopped_by=stopped_by,
                prompt_tokens=prompt_tokens,
                reused_tokens=0,
                completion_tokens=said,
                prefill_seconds=0.5,
                decode_seconds=0.25,
                seed=7,
                dropped_messages=dropped,
                context_used_tokens=prompt_tokens + said,
                outside_messages=outside,
            )
        )

    def _may_go_on(self, job_id: int) -> bool:
        """Wait for permission to say one more piece; False if the job was stopped or has ended."""
        with self._changed:
            self._is_waiting = True
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._allowed is None or self._allowed > 0 or self._is_left(job_id)
            )
            self._is_waiting = False
            if self._is_left(job_id):
                return False
            if self._allowed is not None:
                self._allowed -= 1
            return True

    def _is_left(self, job_id: int) -> bool:
        return job_id in self._stopped or job_id not in self._open


class ScriptedEngines:
    """Starts scripted engines; stands for `EngineClient.start`.

    Its attributes are those of the next engine to be started; of all engines the first
    `deaths_while_loading` die of their load, the first `hangs_while_loading` are silent about it.
    """

    def __init__(
        self,
        pieces: Iterable[str] = ("Hello", " there", "."),
        pieces_allowed: int | None = None,
        holds_loads: bool = False,
    ) -> None:
        self.started: list[ScriptedEngine] = []
        self.pieces = tuple(pieces)
        self.pieces_allowed = pieces_allowed
        self.holds_loads = holds_loads
        self.deaths_while_loading = 0
        self.hangs_while_loading = 0
        self.make_plan: PlanMaker = _make_no_plan
        self.problems: tuple[str, ...] = ()
        self.refusal: OSError | None = None

    def start(self, log_path: Path) -> ScriptedEngine:
        """A new engine; raises `refusal` if there is one."""
        if self.refusal is not None:
            raise self.refusal
        engine = ScriptedEngine(self.pieces, self.pieces_allowed, self.holds_loads)
        engine.make_plan, engine.problems = self.make_plan, self.problems
        engine.dies_loading = len(self.started) < self.deaths_while_loading
        engine.hangs_loading = len(self.started) < self.hangs_while_loading
        self.started.append(engine)
        return engine

    @property
    def last(self) -> ScriptedEngine:
        """The engine that was started last."""
        return self.started[-1]


_WISHES = (
    "start",
    "close",
    "send",
    "stop",
    "answer_again",
    "edit_message",
    "continue_reply",
    "try_again",
    "load_again",
    "show_version",
    "load_model",
    "cancel_load",
    "measure_draft",
    "new_conversation",
    "open_conversation",
    "open_neighbour",
    "rename_conversation",
    "delete_conversation",
    "undo_delete",
)


class ScriptedSession(SessionFacts):
    """Tells the window what the test says, and writes its wishes down in `wishes`."""

    def __init__(self, *, is_demo: bool = True) -> None:
        super().__init__()
        self.wishes: list[tuple[object, ...]] = []
        self.offline = False
        self.is_demo = is_demo
        self.is_outdated = False
        self.draft = ""
        self.state = SessionState.NO_MODEL
        self.speed = ScriptedMeter(self._note)
        self.chat_settings = ScriptedChatSettings()
        self.unloader = ScriptedUnloader(self._note)
        self.is_loaded = True
        self.replies = ScriptedPart(self._note, "replies", ("edit",))
        self.forks = ScriptedPart(self._note, "forks", ("fork",))
        self.memory = ScriptedPart(self._note, "memory", ("drop_oldest", "summarise_oldest", "pin"))
        self.attaching = ScriptedAttaching(self._note)
        self.model: LoadedModel | None = None
        self.conversation = Conversation(ConversationSummary(0, "New chat", 0.0))
        for wish in _WISHES:
            setattr(self, wish, partial(self._note, wish))

    @property
    def replying_conversation_id(self) -> int:
        """The shown chat, while a reply is under way."""
        return self.conversation.summary.conversation_id if self.state.is_working else 0

    def become(self, state: SessionState) -> None:
        """Another state."""
        self.state = state
        self.state_changed.emit(state)

    def load(self, model: LoadedModel) -> None:
        """That model answers now."""
        self.model = model
        self.become(SessionState.READY)
        self.model_changed.emit(model)

    def open(self, conversation: Conversation) -> None:
        """Show another chat."""
        self.conversation = conversation
        self.conversation_opened.emit(conversation)

    def add(self, role: Role, text: str, state: MessageState = MessageState.COMPLETE) -> Message:
        """A message at the end of the shown chat, which is the first one from then on."""
        branch = self.conversation.branch
        number = len(branch) + 1
        parent = branch[-1].message_id if branch else None
        message = Message(number, 1, parent, role, text, state)
        summary = replace(self.conversation.summary, conversation_id=1)
        self.conversation = Conversation(summary, (*branch, message))
        self.message_added.emit(message)
        return message

    def finish(self, message: Message) -> None:
        """The reply at the end stays like this."""
        self.conversation = replace(
            self.conversation, branch=(*self.conversation.branch[:-1], message)
        )
        self.reply_finished.emit(message)
        self.become(SessionState.READY)

    def _note(self, wish: str, *arguments: object) -> None:
        if wish in ("send", "edit_message") and arguments[-1] == ():
            arguments = arguments[:-1]  # a message without files, as most are
        self.wishes.append((wish, *arguments))


class ScriptedChatSettings(QObject):
    """Stands for `app.runtime.chat_settings.ChatSettings`, and keeps what is wished.

    Attributes:
        general: the settings beneath.
        options: the shown chat's own.
    """

    options_changed = Signal()
    options_kept = Signal(int, object)

    def __init__(self) -> None:
        super().__init__()
        self.general = Settings(Path("/nowhere/settings.json"))
        self.options: Mapping[str, object] = {}

    @property
    def shown(self) -> ChatOptions:
        """Those of the shown chat."""
        return ChatOptions(self.general, self.options)

    def set_options(self, options: Mapping[str, object]) -> None:
        """They are these now."""
        self.options = dict(options)
        self.options_changed.emit()

    def note_settings(self) -> None:
        """The general ones are others."""
        self.options_changed.emit()


class ScriptedUnloader(QObject):
    """Stands for `app.runtime.idle_unloader.IdleUnloader`; its wish is "unloader.unload"."""

    def __init__(self, note: Callable[..., None]) -> None:
        super().__init__()
        self.can_unload = False
        self.activities = 0
        self.unload = partial(note, "unloader.unload")

    def note_activity(self) -> None:
        """The time begins anew."""
        self.activities += 1


class ScriptedPart:
    """Stands for a part of the session; its wishes begin with the part's name."""

    def __init__(self, note: Callable[..., None], name: str, wishes: Iterable[str]) -> None:
        for wish in wishes:
            setattr(self, wish, partial(note, f"{name}.{wish}"))


class ScriptedAttaching(QObject):
    """Stands for `app.runtime.attaching.Attaching`; its wishes begin with "attaching."."""

    files_changed = Signal(object)
    attachment_read = Signal(object)
    attachment_failed = Signal(str, str)

    def __init__(self, note: Callable[..., None]) -> None:
        super().__init__()
        self.files: tuple[DraftFile, ...] = ()
        for wish in ("attach", "remove", "change", "begin_edit", "end_edit", "clear"):
            setattr(self, wish, partial(note, f"attaching.{wish}"))

    def tell(self, *files: DraftFile) -> None:
        """These are the draft's files now."""
        self.files = files
        self.files_changed.emit(files)


class ScriptedMeter(QObject):
    """Stands for `app.runtime.speed_meter.SpeedMeter`; its wishes begin with "speed."."""

    facts_changed = Signal(object)

    def __init__(self, note: Callable[..., None]) -> None:
        super().__init__()
        self.facts: SpeedFacts | None = None
        for wish in ("look", "measure", "stop"):
            setattr(self, wish, partial(note, f"speed.{wish}"))

    def tell(self, facts: SpeedFacts | None) -> None:
        """Something else is known now."""
        self.facts = facts
        self.facts_changed.emit(facts)


class SystemHints(QObject):
    """The system's choice of colours, where the offscreen platform has none to make."""

    colorSchemeChanged = Signal(Qt.ColorScheme)  # noqa: N815  Qt's name

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Qt.ColorScheme | None] = []
        self.contrast = Qt.ContrastPreference.NoPreference
        self._scheme = Qt.ColorScheme.Light

    def become(self, scheme: Qt.ColorScheme) -> None:
        """The system changes."""
        self._scheme = scheme
        self.colorSchemeChanged.emit(scheme)

    def colorScheme(self) -> Qt.ColorScheme:  # noqa: N802
        """What the system wants."""
        return self._scheme

    def setColorScheme(self, scheme: Qt.ColorScheme) -> None:  # noqa: N802
        """The application wants another one."""
        self.asked.append(scheme)

    def unsetColorScheme(self) -> None:  # noqa: N802
        """The application follows the system."""
        self.asked.append(None)

    def accessibility(self) -> SystemHints:
        """The part that knows of contrast."""
        return self

    def contrastPreference(self) -> Qt.ContrastPreference:  # noqa: N802
        """Whether the system asks for more contrast."""
        return self.contrast
