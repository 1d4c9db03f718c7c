"""The notices of the session, in the words of the style guide: short main clauses, no apology.

First what happened, then what is kept, then what to do. Knows when to say something of nobody:
each function turns one event into one `Notice`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.core.chats_file import Refusal
from app.core.conversation_keeper import ChatsRestored, SavingFailed
from app.engine.recovery import Setback
from app.runtime.facts import Notice, NoticeAction, NoticeKind

SAVING, REPLY, ENGINE, MODEL, PLAN, HARDWARE, BIN, SETTINGS, UNEXPECTED = (
    "saving",
    "reply",
    "engine",
    "model",
    "plan",
    "hardware",
    "bin",
    "settings",
    "unexpected",
)
"""The keys of the notices."""

_NO_FOLDER = (Refusal.DAMAGED, Refusal.NEWER)


def saving_failed(news: SavingFailed, folder: Path) -> Notice:
    """The chats go on in memory; the notice stays until they are saved."""
    error = news.error
    action = NoticeAction.DETAILS if error.refusal in _NO_FOLDER else NoticeAction.SHOW_FOLDER
    details = error.details if action is NoticeAction.DETAILS else str(folder)
    return Notice(NoticeKind.ERROR, error.what_happened, error.what_to_do, action, details, SAVING)


def chats_restored(news: ChatsRestored) -> Notice:
    """The file of the chats was damaged and has been replaced."""
    count = news.restored_count
    restored = "No chat" if count == 0 else "1 chat" if count == 1 else f"{count:,} chats"
    copied = ""
    if news.copied_count:
        chats = "1 of them is" if news.copied_count == 1 else f"{news.copied_count:,} of them are"
        copied = f" {chats} as the last daily copy had it."
    kept = f"The damaged file is kept as {news.kept_as.name}."
    return Notice(
        NoticeKind.ERROR,
        "The saved chats were damaged.",
        f"{restored} could be restored.{copied} {kept}",
        NoticeAction.SHOW_FOLDER,
        str(news.kept_as.parent),
        SAVING,
    )


def reply_failed(sentence: str, details: str) -> Notice:
    """The engine could not do one reply, but lives."""
    return Notice(
        NoticeKind.ERROR,
        "This reply could not be finished.",
        f"{sentence} What had arrived is kept.",
        NoticeAction.TRY_AGAIN,
        details,
        REPLY,
    )


def memory_full(messages: int, can_summarise: bool) -> Notice:
    """The user wants to be asked before anything leaves the model's memory."""
    if messages == 1:
        text = "Your message is kept. The oldest message would have to leave the model's memory."
    else:
        text = (
            f"Your message is kept. The {messages:,} oldest messages would have to leave the "
            "model's memory."
        )
    summarise = (NoticeAction.SUMMARISE_OLDEST,) if can_summarise else ()
    return Notice(
        NoticeKind.INFO,
        "The model's memory is full.",
        text,
        NoticeAction.DROP_OLDEST,
        key=REPLY,
        more_actions=(*summarise, NoticeAction.LARGER_CONTEXT),
    )


def engine_died(sentence: str, details: str, seconds_to_read: float | None) -> Notice:
    """The engine's process is gone; `seconds_to_read` is what the next message waits for."""
    title, _, text = sentence.partition(". ")
    if seconds_to_read is not None:
        wait = f"The next message waits about {seconds_text(seconds_to_read)} for it."
        text = f"{text} {wait}".strip()
    return Notice(
        NoticeKind.WARNING, f"{title.rstrip('.')}.", text, NoticeAction.DETAILS, details, ENGINE
    )


def load_failed(name: str, sentence: str, details: str) -> Notice:
    """A model could not be loaded."""
    return Notice(
        NoticeKind.ERROR,
        f"{name} could not be loaded.",
        sentence,
        NoticeAction.LOAD_AGAIN,
        details,
        MODEL,
    )


def last_model_lost(name: str, answers: bool) -> Notice:
    """The file of the last time is gone; `answers` tells whether the demo is there instead."""
    return Notice(
        NoticeKind.WARNING,
        f"The model {name} is no longer there.",
        "The demo answers instead." if answers else "Choose another model.",
        key=MODEL,
    )


def model_noted(sentence: str) -> Notice:
    """Something that one has to know about the loaded model."""
    return Notice(NoticeKind.INFO, "This model is a special case.", sentence, key=MODEL)


def load_changed(setback: Setback) -> Notice:
    """A model is loaded, and otherwise than was planned."""
    action = NoticeAction.DETAILS if setback.details else None
    if setback.offers_again:
        action = NoticeAction.LOAD_AGAIN
    return Notice(
        NoticeKind.WARNING,
        setback.what_happened,
        setback.what_it_means,
        action,
        setback.details,
        PLAN,
    )


def hardware_unused(problems: Sequence[str]) -> Notice:
    """Devices or backends of this computer that can't be used, each with its sentence."""
    first, *others = problems
    action = NoticeAction.DETAILS if others else None
    details = "\n".join(problems) if others else ""
    title = "Not all of this computer can be used."
    return Notice(NoticeKind.INFO, title, first, action, details, HARDWARE)


def no_model() -> Notice:
    """There is nothing that could answer."""
    return Notice(
        NoticeKind.WARNING,
        "There is no model yet.",
        "The message is kept and sent as soon as a model is loaded.",
        key=MODEL,
    )


def moved_to_bin(until: float) -> Notice:
    """`until` in seconds since the epoch."""
    day = datetime.fromtimestamp(until)
    return Notice(
        NoticeKind.INFO,
        "Chat moved to the bin.",
        f"It stays there until {day.day} {day:%B}.",
        NoticeAction.UNDO_DELETE,
        key=BIN,
    )


def work_failed(sentence: str) -> Notice:
    """Something beside the chats could not be saved."""
    return Notice(NoticeKind.WARNING, "A change could not be saved.", sentence, key=SETTINGS)


def settings_damaged(sentence: str) -> Notice:
    """The file of the settings could not be understood."""
    return Notice(
        NoticeKind.WARNING, "The settings are back to their defaults.", sentence, key=SETTINGS
    )


def unexpected_error(details: str) -> Notice:
    """Something that nobody has foreseen; `details` is what a report of it needs."""
    return Notice(
        NoticeKind.ERROR,
        "Something went wrong inside Octet.",
        "The chats are kept. Start Octet again if something no longer answers.",
        NoticeAction.DETAILS,
        details,
        UNEXPECTED,
    )


def seconds_text(seconds: float) -> str:
    """A time as people say it: "20 s", "3 minutes"."""
    if seconds < 90:
        step = 1 if seconds < 10 else 5
        return f"{max(1, round(seconds / step) * step)} s"
    return f"{round(seconds / 60)} minutes"
