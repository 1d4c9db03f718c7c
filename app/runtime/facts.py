"""What the session tells the window, as values that can't change.

Knows nothing of threads, of the engine's process or of widgets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.core.memory_parts import MemoryUse
from app.engine.protocol import LoadedModel
from app.engine.speed_advice import Advice
from app.engine.speed_report import SpeedReport


class SessionState(Enum):
    """What the session is doing. The window shows it and keeps no flags of its own."""

    NO_MODEL = "no model"
    LOADING = "loading"
    READY = "ready"
    READING = "reading"  # the prompt is being read, there is no text yet
    REPLYING = "replying"
    STOPPING = "stopping"

    @property
    def is_working(self) -> bool:
        """Whether a reply is under way."""
        return self in (SessionState.READING, SessionState.REPLYING, SessionState.STOPPING)


class NoticeKind(Enum):
    """How a notice looks."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class NoticeAction(Enum):
    """What the button of a notice does."""

    TRY_AGAIN = "try again"  # ChatSession.try_again
    LOAD_AGAIN = "load again"  # ChatSession.load_again
    DETAILS = "details"  # shows Notice.details
    SHOW_FOLDER = "show folder"  # opens the folder in Notice.details
    CUT_FILE = "cut file"  # app.ui.attachment_wishes
    UNDO_DELETE = "undo delete"  # ChatSession.undo_delete
    DROP_OLDEST = "drop oldest"  # ChatSession.memory.drop_oldest
    SUMMARISE_OLDEST = "summarise oldest"  # ChatSession.memory.summarise_oldest
    LARGER_CONTEXT = "larger context"  # shows the setting; afterwards ChatSession.try_again


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news: what happened, what it means, and what can be done.

    A notice replaces the one with the same `key`; `notice_cleared(key)` takes it away.
    `more_actions` are other ways on than `action`, the likeliest first.
    """

    kind: NoticeKind
    title: str
    text: str
    action: NoticeAction | None = None
    details: str = ""
    key: str = ""
    more_actions: tuple[NoticeAction, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadingProgress:
    """How far the model `name` is loaded; `seconds_left` None while nothing can be said."""

    name: str
    done_bytes: int
    total_bytes: int
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class SpeedFacts:
    """How quickly the loaded model works, and what decides it; as much of it as is known.

    `uses` are empty while the model's file is being read. `report` is the last measurement of this
    model since the program's start, `advice` belongs to it. Speeds are tokens a second.
    """

    model: LoadedModel
    layers: int = 0
    uses: tuple[MemoryUse, ...] = ()
    swap_used_bytes: int = 0
    last_reply_speed: float | None = None
    report: SpeedReport | None = None
    advice: Advice | None = None
    failure: str = ""
    is_measuring: bool = False
    can_measure: bool = False


@dataclass(frozen=True, slots=True)
class ReadingProgress:
    """How much of the prompt is read; `reused_tokens` of it didn't have to be read again."""

    done_tokens: int
    total_tokens: int
    reused_tokens: int
    seconds_left: float | None = None


@dataclass(frozen=True, slots=True)
class ContextUse:
    """What fills the model's memory, in tokens: the prompt as it would be sent now.

    `used_tokens` and `draft_tokens` add up to it; the first are instructions, summary, messages and
    files, and more while a reply grows; the draft's files are among the second. `room_tokens` are
    left for the reply. The draft pushes `pushed_out_messages` out of the memory, `outside_messages`
    are out with it. If the draft can't be sent at all, it is `excess_tokens` too long.
    `is_estimate`: no model has counted all of the draft's files.
    """

    used_tokens: int
    context_tokens: int
    draft_tokens: int
    instruction_tokens: int = 0
    summary_tokens: int = 0
    message_tokens: int = 0
    file_tokens: int = 0
    outside_messages: int = 0
    pushed_out_messages: int = 0
    excess_tokens: int = 0
    is_estimate: bool = False

    @property
    def room_tokens(self) -> int:
        """What is left for the reply; 0 at the least."""
        return max(0, self.context_tokens - self.used_tokens - self.draft_tokens)


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """A line of the model list. `detail` is kind and size, `problem` why it can't be loaded."""

    path: str
    name: str
    detail: str
    is_demo: bool
    problem: str = ""
