"""What crosses the pipe between the window's process and the engine's: frozen dataclasses.

The parent sends requests, the child answers with events. Every job that the parent starts
(`Load`, `Generate`, `Summarise`, `CountTokens`, `CountPrompt`, `TokenizePrompt`, `Measure`) ends
with exactly one closing event of the same `job_id`: `Loaded`, `Finished`, `MemoryFull`,
`TokensCounted`, `PromptCounted`, `PromptTokenized`, `Measured` or `Failed`. A child that dies
closes the pipe, which the client turns into a `Failed` for every open job, or, when none is open,
into one with the `job_id` 0. Ids of jobs begin with 1.

Knows nothing of llama.cpp, of pipes or of Qt.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from app.core.context_fit import NO_CUT as NO_CUT
from app.core.context_fit import EarlierCut as EarlierCut
from app.core.prompt_format import PromptFormat as PromptFormat
from app.core.prompt_parts import PromptParts as PromptParts
from app.engine.reply_wishes import PromptMessage as PromptMessage
from app.engine.reply_wishes import Sampling as Sampling
from app.engine.reply_wishes import StoppedBy as StoppedBy
from app.engine.reply_wishes import WhenFull as WhenFull
from model_io.machine import Machine
from model_io.plan import Plan, Preference

DISTURBED_SHARE = 0.2
"""When other programs use more of the processors, what is measured says little, and isn't kept."""


@dataclass(frozen=True, slots=True)
class EngineParameters:
    """How a model is loaded. What is 0, empty or None is the plan's choice.

    `plan` is one to load exactly. `failed_plans` killed an earlier engine's process while it
    loaded them, in this order: the engine starts below the last. `avoided_devices` are the names
    of those that killed one while it worked; nothing is put on them. `records_path` is the file of
    what this machine has shown; without one, nothing is remembered.
    """

    model_path: str
    preference: Preference = Preference.BALANCED
    context_tokens: int = 0
    microbatch_tokens: int = 0
    kv_type: str = ""  # f16, q8_0, q4_0
    threads: int = 0  # 0: physical cores
    uses_gpus: bool = True
    uses_mmap: bool | None = None
    repacks: bool | None = None  # copies most weights into RAM a second time
    flash_attention: bool = True
    vocabulary_only: bool = False  # enough for `CountTokens` and `TokenizePrompt`, and quick
    plan: Plan | None = None
    failed_plans: tuple[Plan, ...] = ()
    avoided_devices: tuple[str, ...] = ()
    records_path: str = ""


# --- requests: parent to child ---------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Load:
    """Load a model, in place of the one that is loaded. If it fails, none is loaded."""

    job_id: int
    parameters: EngineParameters


@dataclass(frozen=True, slots=True)
class Generate:
    """Produce one reply.

    With `continue_last`, the last message is a stopped reply and new text is appended to it.
    With `raw`, the messages' texts are joined and continued without any template.
    A reply without text is left out, since it was stopped before its first word.
    If more than `earlier_cut` has to be left out, `when_full` decides.
    """

    job_id: int
    messages: tuple[PromptMessage, ...]
    sampling: Sampling = field(default_factory=Sampling)
    raw: bool = False
    continue_last: bool = False
    when_full: WhenFull = WhenFull.DROP
    earlier_cut: EarlierCut = NO_CUT


@dataclass(frozen=True, slots=True)
class Summarise:
    """Have the model summarise the first `message_count` of `messages`, system messages apart.

    Told like a reply, by `PromptProgressed`, `TextGenerated` (without ids) and `Finished`. Of a
    text that is too long for the context, one part after the other is summarised; only the last
    summary, which holds the others, is told. `earlier_cut` is where the last one reaches to.
    """

    job_id: int
    messages: tuple[PromptMessage, ...]
    message_count: int
    earlier_cut: EarlierCut = NO_CUT


@dataclass(frozen=True, slots=True)
class CountTokens:
    """Count what `messages` take as a prompt; answered also while a reply is under way.

    Nothing is dropped. Messages that end with a reply count as they will when it is followed.
    """

    job_id: int
    messages: tuple[PromptMessage, ...]


@dataclass(frozen=True, slots=True)
class CountPrompt:
    """Count the prompt that sending `draft` would make now, part by part, with what drops.

    An empty draft counts the chat as it stands. `messages` None are those of the last such
    request, so that typing doesn't send a chat again and again. Answered also during a reply.
    """

    job_id: int
    messages: tuple[PromptMessage, ...] | None
    draft: str = ""
    earlier_cut: EarlierCut = NO_CUT
    raw: bool = False


@dataclass(frozen=True, slots=True)
class TokenizePrompt:
    """Tell the ids of `messages` as a prompt, strictly: what the format refuses fails."""

    job_id: int
    messages: tuple[PromptMessage, ...]
    continue_last: bool = False
    raw: bool = False


@dataclass(frozen=True, slots=True)
class Measure:
    """Time how fast the loaded model reads and writes; the cache is forgotten before and after.

    Smaller counts are taken where the context has no room for these.
    """

    job_id: int
    prompt_tokens: int = 512
    decode_tokens: int = 64


@dataclass(frozen=True, slots=True)
class Stop:
    """End the job early; it still ends with its own closing event."""

    job_id: int


@dataclass(frozen=True, slots=True)
class Ping:
    """Answered by `Pong` from the listening thread, also while the engine works."""

    number: int


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Free everything and end the process."""


JobRequest = Load | Generate | Summarise | CountTokens | CountPrompt | TokenizePrompt | Measure
Request = JobRequest | Stop | Ping | Shutdown


# --- events: child to parent -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class LoadProgressed:
    """The file is being read ahead, or the context prepared."""

    job_id: int
    done_bytes: int
    total_bytes: int


@dataclass(frozen=True, slots=True)
class PlanChosen:
    """Sent before each attempt to load: what is going to be tried, and the sentences that tell it.

    The first attempt's sentences are the plan's reasons; a later one's only says what is smaller.
    """

    job_id: int
    plan: Plan
    sentences: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Taken:
    """What llama.cpp took of one memory, by its own name for it: "CPU_Mapped", "Vulkan0"."""

    name: str
    weights_bytes: int
    kv_bytes: int
    compute_bytes: int


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """What the engine holds now.

    `microbatch_tokens`, `threads` and `context_tokens` are the values in force; the first two are
    0, and `plan` is None, when only the vocabulary is loaded. `device` says where the layers are:
    "CPU", or "RTX 4090 with 11 layers' experts in RAM". `notice` is a sentence for the user, empty
    mostly: the file asks for a chat format that the engine doesn't speak. `taken` is what
    llama.cpp says that it took. `steps` has a sentence for each step down that was needed, none if
    the plan held; `problems` has one for each device or backend that could not be used. `machine`
    is the computer as it was before.
    """

    path: str
    name: str
    quant: str
    file_bytes: int
    context_tokens: int
    vocabulary_hash: str
    prompt_format: PromptFormat
    threads: int
    microbatch_tokens: int
    device: str
    notice: str = ""
    plan: Plan | None = None
    taken: tuple[Taken, ...] = ()
    steps: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    machine: Machine | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """Closing event of `Load`."""

    job_id: int
    model: LoadedModel
    seconds: float


@dataclass(frozen=True, slots=True)
class PromptProgressed:
    """The prompt is being read: `done_tokens` of `total_tokens`; `reused_tokens` were cached.

    The model's memory begins after the first `dropped_messages` messages; of those,
    `outside_messages` (indices, system messages apart) are not in the prompt; pinned ones are.
    """

    job_id: int
    done_tokens: int
    total_tokens: int
    reused_tokens: int
    dropped_messages: int
    outside_messages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class TextGenerated:
    """More of the reply. `text` is whole characters; `token_ids` are all ids since the last event.

    `context_used_tokens` counts everything that the context holds after these ids.
    """

    job_id: int
    text: str
    token_ids: tuple[int, ...]
    context_used_tokens: int


@dataclass(frozen=True, slots=True)
class Finished:
    """Closing event of `Generate` and `Summarise`. Times in seconds."""

    job_id: int
    stopped_by: StoppedBy
    prompt_tokens: int
    reused_tokens: int
    completion_tokens: int
    prefill_seconds: float
    decode_seconds: float
    seed: int
    dropped_messages: int
    context_used_tokens: int
    outside_messages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class MemoryFull:
    """Closing event of a `Generate` that may not drop anything by itself; nothing was read.

    The first `would_drop_messages` messages would have to be left out, but for pinned turns:
    `outside_messages` in all. The prompt is `excess_tokens` longer than leaves room for a reply.
    """

    job_id: int
    would_drop_messages: int
    excess_tokens: int
    outside_messages: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class PromptCounted:
    """Closing event of `CountPrompt`."""

    job_id: int
    parts: PromptParts


@dataclass(frozen=True, slots=True)
class TokensCounted:
    """Closing event of `CountTokens`."""

    job_id: int
    tokens: int


@dataclass(frozen=True, slots=True)
class PromptTokenized:
    """Closing event of `TokenizePrompt`."""

    job_id: int
    ids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Measured:
    """Closing event of `Measure`: the speeds, and what there is to compare them with.

    `ram_bandwidth` is measured, in bytes per second, None where it couldn't be. `machine` is as it
    was right after; `swapped_bytes` is what the engine's process has in swap,
    `active_bytes_per_token` what one token reads of the weights, and `best_tokens_per_second` the
    quickest writing that this machine has ever shown with this plan. `others_share` is what other
    programs used of all processors meanwhile, from 0 to 1.
    """

    job_id: int
    prefill_tokens_per_second: float
    decode_tokens_per_second: float
    prompt_tokens: int
    decode_tokens: int
    ram_bandwidth: float | None
    machine: Machine
    swapped_bytes: int
    active_bytes_per_token: int
    best_tokens_per_second: float
    others_share: float = 0.0

    @property
    def is_disturbed(self) -> bool:
        """Whether the speeds say more about other programs than about this computer."""
        return self.others_share > DISTURBED_SHARE


@dataclass(frozen=True, slots=True)
class Failed:
    """Closing event of a job that could not be done: a sentence for the user.

    `fatal` means that the engine's process is gone and a new one must be started.
    """

    job_id: int
    sentence: str
    details: str = ""
    fatal: bool = False


@dataclass(frozen=True, slots=True)
class Pong:
    """Answer to `Ping`."""

    number: int


ClosingEvent = (
    Loaded
    | Finished
    | MemoryFull
    | TokensCounted
    | PromptCounted
    | PromptTokenized
    | Measured
    | Failed
)
Event = LoadProgressed | PlanChosen | PromptProgressed | TextGenerated | ClosingEvent | Pong
