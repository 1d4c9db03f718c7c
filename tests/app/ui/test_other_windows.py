"""Links ask, the page about Mixtral says true numbers, each key has one deed."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication
from PySide6.QtWidgets import QFileDialog

from app.runtime.facts import Notice, NoticeKind
from app.ui.details_window import DetailsWindow
from app.ui.get_mixtral import COMMAND, VERSIONS
from app.ui.keys import ALL_KEYS, Deed
from app.ui.link_dialog import LinkDialog
from app.ui.main_window import MainWindow
from tests.app.ui.chats import chat, reply, user
from tests.fakes import ScriptedSession


def test_a_link_opens_only_after_a_yes(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address is shown in full."""
    opened: list[QUrl] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", opened.append)
    session.open(chat(user(1), reply(2)))
    window.page.transcript.link_activated.emit("https://example.org/guide")
    (dialog,) = window.findChildren(LinkDialog)
    assert dialog.isModal()
    assert opened == []
    dialog._open.click()
    assert opened == [QUrl("https://example.org/guide")]


@pytest.mark.parametrize("address", ["file:///etc/passwd", "javascript:alert(1)", "C:\\x.exe"])
def test_other_addresses_are_not_opened(window: MainWindow, address: str) -> None:
    """They can only be copied."""
    dialog = LinkDialog(window.theme, address, window)
    assert not hasattr(dialog, "_open")
    dialog.close()


def test_the_page_about_mixtral_tells_true_numbers(window: MainWindow) -> None:
    """File sizes and memory of each version, and the command that converts."""
    assert [(kind, size, memory) for _, kind, size, memory in VERSIONS] == [
        ("Q4_K_M", "28.4 GB", "32 GB"),
        ("Q6_K", "38.4 GB", "48 GB"),
        ("Q8_0", "49.6 GB", "64 GB"),
    ]
    window.show_get_mixtral()
    window.get_mixtral._copy.click()
    assert QGuiApplication.clipboard().text() == COMMAND


def test_a_model_file_is_chosen_and_loaded(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then the chat is in sight again."""
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: ("/models/m.gguf", ""))
    window.show_get_mixtral()
    window.get_mixtral._open.click()
    assert session.wishes[-1] == ("load_model", "/models/m.gguf")
    assert window.pages.currentWidget() is window.page


def test_details_are_copied_with_the_sentence(window: MainWindow, session: ScriptedSession) -> None:
    """So that somebody else can help."""
    notice = Notice(NoticeKind.WARNING, "The engine stopped.", "Nothing is lost.", None, "line 1")
    window.windows.show_details(notice)
    (details,) = window.findChildren(DetailsWindow)
    details.findChildren(type(window.get_mixtral._copy))[0].click()
    text = QGuiApplication.clipboard().text()
    assert text == "The engine stopped. Nothing is lost.\n\nline 1"


def test_each_deed_has_one_row_of_keys() -> None:
    """Nothing is bound twice, nothing is left out."""
    assert sorted(key.deed.value for key in ALL_KEYS) == sorted(deed.value for deed in Deed)
    for is_mac in (False, True):
        sequences = [each for key in ALL_KEYS for each in key.defaults(is_mac=is_mac)]
        assert len(sequences) == len(set(sequences))
