"""What screen readers hear: sentences, not letters, and nothing while nobody listens."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent

from app.ui.announcer import Announcer

Said = list[tuple[str, QAccessible.AnnouncementPoliteness]]


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> Said:
    """What is announced, while an assistive technology seems to listen."""
    heard: Said = []

    def hear(event: QAccessibleAnnouncementEvent) -> None:
        heard.append((event.message(), event.politeness()))

    monkeypatch.setattr(QAccessible, "isActive", lambda: True)
    monkeypatch.setattr(QAccessible, "updateAccessibility", hear)
    return heard


def test_a_reply_is_said_sentence_by_sentence(said: Said) -> None:
    """The rest comes at its end."""
    announcer = Announcer(QObject())
    for piece in ("Average by h", "our. Then by", " day! And so", " on"):
        announcer.add_text(piece)
    assert [text for text, _ in said] == ["Average by hour.", "Then by day!"]
    announcer.end_text()
    assert said[-1] == ("And so on", QAccessible.AnnouncementPoliteness.Polite)


def test_errors_interrupt(said: Said) -> None:
    """Assertively."""
    Announcer(QObject()).say("It failed.", is_urgent=True)
    assert said == [("It failed.", QAccessible.AnnouncementPoliteness.Assertive)]


def test_nothing_is_gathered_while_nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    """It costs nothing then."""
    monkeypatch.setattr(QAccessible, "isActive", lambda: False)
    announcer = Announcer(QObject())
    announcer.add_text("One. Two.")
    assert announcer._rest == ""
