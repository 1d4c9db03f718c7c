"""Notices, progress and waiting messages: what needs no thread."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from app.core.chats_file import ChatsFileError, Refusal
from app.core.conversation_keeper import ChatsRestored, SavingFailed
from app.engine.recovery import Setback
from app.runtime import notices
from app.runtime.facts import Notice, NoticeAction
from app.runtime.progress_clock import ProgressClock
from app.runtime.waiting_messages import WaitingMessages, WrittenMessage

FOLDER = Path("/data")

EVERY_NOTICE = [
    *(
        notices.saving_failed(SavingFailed(ChatsFileError(refusal, FOLDER / "chats")), FOLDER)
        for refusal in Refusal
    ),
    notices.chats_restored(ChatsRestored(0, FOLDER / "chats.damaged")),
    notices.reply_failed("The graphics card reported an error.", ""),
    notices.engine_died("The engine stopped. What had arrived is kept.", "", 20.0),
    notices.load_failed("Mixtral", "There is too little memory.", ""),
    notices.last_model_lost("mixtral.gguf", answers=True),
    notices.model_noted("It knows no roles."),
    notices.load_changed(Setback("The model did not fit as planned.", "It is smaller now.")),
    notices.hardware_unused(("libggml-vulkan.so is too old; build it again.",)),
    notices.no_model(),
    notices.moved_to_bin(0.0),
    notices.work_failed("settings.json can't be written."),
    notices.settings_damaged("The old file is kept."),
]


@pytest.mark.parametrize("notice", EVERY_NOTICE, ids=lambda notice: notice.title)
def test_notice_speaks_as_the_style_guide_says(notice: Notice) -> None:
    """Full sentences, no apology, no exclamation, never "we"; each has a key."""
    words = f"{notice.title} {notice.text}".lower().replace(".", " ").split()

    assert notice.title.endswith(".")
    assert notice.text.endswith(".")
    assert notice.title[0].isupper()
    assert not {"please", "sorry", "oops", "successfully", "we"} & set(words)
    assert "!" not in notice.title + notice.text
    assert notice.key


def test_full_disk_says_what_to_do() -> None:
    """And opens the folder."""
    error = ChatsFileError(Refusal.DISK_FULL, FOLDER / "chats.sqlite3")
    notice = notices.saving_failed(SavingFailed(error), FOLDER)

    assert notice.title == "This chat can't be saved: the disk is full."
    assert notice.text == "It goes on in memory; free 40 MB and it is saved by itself."
    assert (notice.action, notice.details) == (NoticeAction.SHOW_FOLDER, "/data")


def test_restored_chats_are_counted() -> None:
    """With the name under which the damaged file is kept."""
    texts = [
        notices.chats_restored(ChatsRestored(count, FOLDER / "kept")).text for count in (0, 1, 1200)
    ]

    assert texts == [
        "No chat could be restored. The damaged file is kept as kept.",
        "1 chat could be restored. The damaged file is kept as kept.",
        "1,200 chats could be restored. The damaged file is kept as kept.",
    ]


def test_dead_engine_says_how_long_the_next_message_waits() -> None:
    """If that is known."""
    sentence = "The engine stopped. What had arrived is kept."
    known = notices.engine_died(sentence, "log", 21.0)
    unknown = notices.engine_died(sentence, "log", None)

    assert known.text == "What had arrived is kept. The next message waits about 20 s for it."
    assert (unknown.title, unknown.text) == ("The engine stopped.", "What had arrived is kept.")


def test_bin_names_the_day() -> None:
    """As people say it."""
    notice = notices.moved_to_bin(datetime(2026, 12, 20, 12).timestamp())

    assert notice.text == "It stays there until 20 December."


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (4.4, "4 s"), (22.0, "20 s"), (89.0, "90 s"), (170.0, "3 minutes")],
)
def test_times_are_rounded(seconds: float, text: str) -> None:
    """Nobody needs the exact second."""
    assert notices.seconds_text(seconds) == text


def test_time_left_follows_the_pace() -> None:
    """Unknown at first; what was done before the first step doesn't count."""
    now = 0.0
    clock = ProgressClock(lambda: now)
    clock.start()
    answers = [clock.seconds_left(400, 1000)]
    now = 0.1
    answers.append(clock.seconds_left(450, 1000))
    now = 2.0
    answers.append(clock.seconds_left(600, 1000))
    now = 4.0
    answers.append(clock.seconds_left(1000, 1000))

    assert answers == [None, None, 4.0, 0.0]


def test_messages_wait_in_the_order_of_their_chats() -> None:
    """Two in one chat are one."""
    waiting = WaitingMessages()
    waiting.add(5, "one")
    waiting.add(3, "other")
    waiting.add(5, "two")

    assert waiting.title(5) == "one\n\ntwo"
    assert [waiting.take_first(), waiting.take_first()] == [
        (5, WrittenMessage("one\n\ntwo")),
        (3, WrittenMessage("other")),
    ]
    assert (bool(waiting), waiting.title(5)) == (False, "")
    with pytest.raises(KeyError):
        waiting.take_first()
