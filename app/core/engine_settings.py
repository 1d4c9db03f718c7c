"""The rows of the settings' table about the context and how the model is run.

0, "" and "auto" leave a choice to the plan for this computer.
"""

from __future__ import annotations

from typing import Any

from app.core.setting import Choice, Setting
from app.core.setting_groups import ENGINE, MEMORY

CONTEXT_TOKENS = Setting(
    "context_tokens",
    0,
    "Context",
    "How many tokens of a chat the model remembers. More take memory, also while they are empty.",
    MEMORY,
    lowest=0,
    highest=131_072,
    step=1024,
    unit="tokens",
    lowest_label="Automatic",
    synonyms=("memory", "window", "length", "n_ctx"),
    needs_load=True,
)
KV_TYPE = Setting(
    "kv_type",
    "",
    "Precision of the context",
    "Less takes less memory, and reads long chats a little more slowly.",
    MEMORY,
    choices=(
        Choice("", "Automatic"),
        Choice("f16", "f16", "The exact one."),
        Choice("q8_0", "q8_0", "Half the memory of f16."),
        Choice("q4_0", "q4_0", "A quarter of the memory of f16; replies to long chats suffer."),
    ),
    synonyms=("KV cache", "cache type", "quantization"),
    needs_load=True,
)
WHEN_FULL = Setting(
    "when_full",
    "drop",
    "When the context is full",
    "Nothing leaves the chat; this is about what the model still reads.",
    MEMORY,
    choices=(
        Choice("drop", "Leave out the oldest", "The oldest messages make room for new ones."),
        Choice("ask", "Stop and ask", "Nothing is sent until you have decided."),
        Choice("summarise", "Summarise", "The model sums up what is left out; you can edit that."),
    ),
    synonyms=("overflow", "truncate", "summary", "memory"),
    per_chat=True,
)

_AUTO_ON_OFF = (Choice("auto", "Automatic"), Choice("on", "On"), Choice("off", "Off"))

PREFERENCE = Setting(
    "preference",
    "balanced",
    "Prefer",
    "What there is to be most of, where memory doesn't suffice for everything.",
    ENGINE,
    choices=(
        Choice("balanced", "Balanced"),
        Choice("quality", "Quality"),
        Choice("speed", "Speed"),
        Choice("context", "Context"),
    ),
    synonyms=("plan", "priority", "fast"),
    needs_load=True,
)
USES_GPUS = Setting(
    "uses_gpus",
    True,
    "Graphics card",
    "Without it the processor does all the work, more slowly.",
    ENGINE,
    synonyms=("GPU", "Vulkan", "CUDA", "Metal", "offload", "layers"),
    needs_load=True,
)
UNLOAD_AFTER_MINUTES = Setting(
    "unload_after_minutes",
    0,
    "Unload the model when idle",
    "Its memory goes back to the system. The next message loads it again.",
    ENGINE,
    choices=(Choice(0, "Never"), Choice(10, "10 minutes"), Choice(30, "30 minutes")),
    synonyms=("RAM", "free memory", "timeout", "keep alive"),
)
THREADS = Setting(
    "threads",
    0,
    "Threads",
    "How many processor cores compute. More than there are real cores is slower.",
    ENGINE,
    lowest=0,
    highest=512,
    lowest_label="Automatic",
    synonyms=("CPU", "cores", "processor"),
    needs_load=True,
)
MICROBATCH_TOKENS = Setting(
    "microbatch_tokens",
    0,
    "Read at a time",
    "How many tokens of a prompt are read together. More are quicker and take memory.",
    ENGINE,
    lowest=0,
    highest=8192,
    step=64,
    unit="tokens",
    lowest_label="Automatic",
    synonyms=("batch", "ubatch", "microbatch", "prompt"),
    needs_load=True,
)
FLASH_ATTENTION = Setting(
    "flash_attention",
    True,
    "Flash attention",
    "Takes less memory for long chats. A context of q8_0 or q4_0 needs it.",
    ENGINE,
    synonyms=("fa",),
    needs_load=True,
)
USES_MMAP = Setting(
    "uses_mmap",
    "auto",
    "Map the file",
    "The system brings the weights into memory as they are needed, and can let go of them.",
    ENGINE,
    choices=_AUTO_ON_OFF,
    synonyms=("mmap", "memory map", "disk"),
    needs_load=True,
)
REPACKS = Setting(
    "repacks",
    "auto",
    "Repack weights",
    "Puts weights in an order that some processors read faster, with a second copy in RAM.",
    ENGINE,
    choices=_AUTO_ON_OFF,
    synonyms=("repack", "AVX", "ARM", "speed"),
    needs_load=True,
)

MEMORY_ROWS: tuple[Setting[Any], ...] = (CONTEXT_TOKENS, KV_TYPE, WHEN_FULL)
"""In the order of the page."""

ENGINE_ROWS: tuple[Setting[Any], ...] = (
    PREFERENCE,
    USES_GPUS,
    UNLOAD_AFTER_MINUTES,
    THREADS,
    MICROBATCH_TOKENS,
    FLASH_ATTENTION,
    USES_MMAP,
    REPACKS,
)
"""In the order of the page."""
