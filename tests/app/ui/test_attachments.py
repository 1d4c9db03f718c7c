"""Files in the window: attached by key, drop and paste, looked at, cut, refused and sent."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QGuiApplication, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QFileDialog, QPlainTextEdit, QSpinBox, QWidget

from app.core.conversation import Attachment
from app.runtime.draft_files import DraftFile
from app.runtime.facts import ContextUse, Notice, NoticeAction
from app.ui.attachment_chip import AttachmentChip
from app.ui.attachment_row import figure_of
from app.ui.attachment_window import AttachmentWindow
from app.ui.cut_window import CutWindow
from app.ui.file_drop import local_files
from app.ui.main_window import MainWindow
from app.ui.segmented import Segmented
from tests.app.ui.chats import chat, reply, user
from tests.app.ui.test_accessibility import nameless
from tests.fakes import ScriptedSession

PDF = Attachment("report.pdf", "[Page 1]\nOne.\n\n[Page 2]\nTwo.\n\n[Page 3]\nThree.", 812_000)
CODE = Attachment("resample.py", "import pandas as pd\n" * 30, 600)
FILES = (
    DraftFile(1, "report.pdf", PDF, 2300, False),
    DraftFile(2, "resample.py", CODE, 120, False),
)


def press(key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """A key for whatever has the focus."""
    QTest.keyClick(QApplication.focusWidget(), key, modifiers)


def mime_of(*paths: str) -> QMimeData:
    """What a file manager puts on the clipboard, or drags."""
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(path) for path in paths])
    mime.setText("\n".join(paths))
    return mime


def chips(window: MainWindow) -> list[AttachmentChip]:
    return window.page.composer.files.chips()


def tell(window: MainWindow, session: ScriptedSession, *files: DraftFile) -> None:
    """These are the draft's files, and what they take is known."""
    session.attaching.tell(*files)
    tokens = sum(file.tokens for file in files)
    is_estimate = any(file.is_estimate for file in files)
    excess = max(0, tokens + 3 + 1 - 2048)
    session.context_changed.emit(
        ContextUse(0, 2048, tokens + 3, excess_tokens=excess, is_estimate=is_estimate)
    )


def drag(target: QWidget, mime: QMimeData) -> bool:
    """Files are dragged over a widget; whether somebody takes them."""
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDragEnterEvent(QPoint(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(target, event)
    return event.isAccepted()


def drop(target: QWidget, mime: QMimeData) -> None:
    """They are let go."""
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    event = QDropEvent(QPointF(5, 5), Qt.DropAction.CopyAction, mime, buttons, keys)
    QApplication.sendEvent(target, event)


def shown_notice(window: MainWindow) -> Notice | None:
    bar = window.page.notices
    return bar.notice if bar.isVisible() else None


def open_window(kind: type[QWidget]) -> QWidget:
    """The visible window of a kind."""
    found = [w for w in QApplication.topLevelWidgets() if isinstance(w, kind) and w.isVisible()]
    assert len(found) == 1
    return found[0]


# --- how files come here ---------------------------------------------------------------------


def test_a_key_asks_which_files(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl+O, or the button; the focus is in the text afterwards."""
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (["/a.txt", "/b.pdf"], ""))
    press(Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    wish = ("attaching.attach", [Path("/a.txt"), Path("/b.pdf")])
    assert session.wishes[-1] == wish
    window.page.composer.foot.attach_button.click()
    assert session.wishes[-2:] == [wish, wish]
    assert QApplication.focusWidget() is window.page.composer.draft


def test_a_dialog_left_attaches_nothing(
    window: MainWindow, session: ScriptedSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It gives an empty list."""
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: ([], ""))
    press(Qt.Key.Key_O, Qt.KeyboardModifier.ControlModifier)
    assert not [wish for wish in session.wishes if wish[0] == "attaching.attach"]


def test_pasted_files_are_attached(window: MainWindow, session: ScriptedSession) -> None:
    """By key; the draft stays as it was."""
    QGuiApplication.clipboard().setMimeData(mime_of("/tmp/a.txt"))
    press(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert session.wishes[-1] == ("attaching.attach", [Path("/tmp/a.txt")])
    assert window.page.composer.text() == ""


def test_pasted_text_stays_text(window: MainWindow, session: ScriptedSession) -> None:
    """However long, and also an address of a page."""
    mime = QMimeData()
    mime.setText("https://example.org/a.pdf")
    mime.setUrls([QUrl("https://example.org/a.pdf")])
    QGuiApplication.clipboard().setMimeData(mime)
    press(Qt.Key.Key_V, Qt.KeyboardModifier.ControlModifier)
    assert window.page.composer.text() == "https://example.org/a.pdf"
    assert local_files(mime) == []


def test_a_pasted_picture_is_refused(window: MainWindow) -> None:
    """Nobody wonders where it is."""
    mime = QMimeData()
    mime.setImageData(QImage(2, 2, QImage.Format.Format_RGB32))
    window.page.composer.draft.insertFromMimeData(mime)
    notice = shown_notice(window)
    assert notice is not None
    assert notice.text == "Octet can’t read pictures."


@pytest.mark.parametrize("place", ["transcript", "draft"])
def test_files_are_dropped_anywhere(
    window: MainWindow, session: ScriptedSession, place: str
) -> None:
    """A veil says what will happen; then it is gone."""
    session.open(chat(user(1), reply(2)))
    page = window.page
    target = page.transcript.viewport() if place == "transcript" else page.composer.draft.viewport()
    mime = mime_of("/tmp/a.txt", "/tmp/b.txt")
    assert drag(target, mime)
    assert window.attachments.drop.veil.isVisible()
    assert window.attachments.drop.veil.geometry() == page.rect()
    drop(page, mime)
    assert not window.attachments.drop.veil.isVisible()
    assert session.wishes[-1] == ("attaching.attach", [Path("/tmp/a.txt"), Path("/tmp/b.txt")])


def test_a_drag_that_leaves_is_nothing(window: MainWindow, session: ScriptedSession) -> None:
    """Neither is one without files."""
    assert drag(window.page, mime_of("/tmp/a.txt"))
    QApplication.sendEvent(window.page, QDragLeaveEvent())
    assert not window.attachments.drop.veil.isVisible()
    text = QMimeData()
    text.setText("words")
    assert not drag(window.page, text)
    assert not window.attachments.drop.veil.isVisible()


def test_what_cant_be_attached_is_told(window: MainWindow, session: ScriptedSession) -> None:
    """In the page's own words."""
    sentence = "station_9.pdf has no text, only pictures. Octet can’t read pictures."
    session.attaching.attachment_failed.emit("station_9.pdf", sentence)
    notice = shown_notice(window)
    assert notice is not None
    assert (notice.title, notice.text) == ("A file was not attached.", sentence)


# --- chips -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "figure"),
    [
        (DraftFile(1, "a"), "is being read"),
        (DraftFile(1, "a", CODE, 1, False), "1 token"),
        (DraftFile(1, "a", CODE, 2347, True), "about 2,300 tokens"),
        (DraftFile(1, "a", Attachment("a", "a", 1, True), 1204, False), "1,204 tokens, cut"),
        (DraftFile(1, "a", Attachment("a", "a", 1, True), 120, True), "about 120 tokens, cut"),
    ],
)
def test_a_chip_says_what_it_costs(file: DraftFile, figure: str) -> None:
    """An estimate says that it is one."""
    assert figure_of(file) == figure


def test_chips_are_reached_and_removed_by_keyboard(
    window: MainWindow, session: ScriptedSession
) -> None:
    """Shift+Tab from the text; arrows go along; Delete takes away, and the focus stays near."""
    tell(window, session, *FILES)
    first, second = chips(window)
    assert first.accessibleName() == "report.pdf, 2,300 tokens"
    first.setFocus(Qt.FocusReason.TabFocusReason)
    press(Qt.Key.Key_Right)
    assert QApplication.focusWidget() is second
    press(Qt.Key.Key_Right)
    assert QApplication.focusWidget() is second
    press(Qt.Key.Key_Delete)
    assert session.wishes[-1] == ("attaching.remove", 2)
    tell(window, session, FILES[0])
    assert QApplication.focusWidget() is first
    press(Qt.Key.Key_Backspace)
    assert session.wishes[-1] == ("attaching.remove", 1)
    tell(window, session)
    assert QApplication.focusWidget() is window.page.composer.draft


def test_tab_reaches_the_chips_before_the_text(
    window: MainWindow, session: ScriptedSession
) -> None:
    """As they are seen; the cross of each, too."""
    tell(window, session, *FILES)
    seen: list[str] = []
    for _ in range(5):
        press(Qt.Key.Key_Backtab, Qt.KeyboardModifier.ShiftModifier)
        seen.append(QApplication.focusWidget().accessibleName())
    names = {"report.pdf, 2,300 tokens", "Remove report.pdf", "resample.py, 120 tokens"}
    assert names <= set(seen)


def test_the_cross_takes_away(window: MainWindow, session: ScriptedSession) -> None:
    """By the mouse."""
    tell(window, session, *FILES)
    cross = chips(window)[0]._cross
    assert cross is not None
    cross.click()
    assert session.wishes[-1] == ("attaching.remove", 1)


def test_many_files_scroll(window: MainWindow, session: ScriptedSession) -> None:
    """Three rows are seen; the composer doesn't eat the page, and the focus is in sight."""
    tell(window, session, *(DraftFile(at, f"file_{at}.txt", CODE, 5, False) for at in range(40)))
    row = window.page.composer.files
    assert row.height() < 4 * chips(window)[0].height()
    last = chips(window)[-1]
    last.setFocus(Qt.FocusReason.TabFocusReason)
    place = last.mapTo(row, QPoint(0, 0))
    assert row.rect().contains(place)


def test_files_without_words_can_be_sent(window: MainWindow, session: ScriptedSession) -> None:
    """The button is enabled; what is sent carries them, and the draft's are cleared."""
    tell(window, session, FILES[1])
    assert window.page.composer.send_button.isEnabled()
    assert window.page.composer.figure.text() == "123 tokens"
    press(Qt.Key.Key_Return)
    assert ("send", "", (CODE,)) in session.wishes
    assert ("attaching.clear",) in session.wishes


def test_nothing_is_sent_while_a_file_is_read(window: MainWindow, session: ScriptedSession) -> None:
    """It would go without it."""
    tell(window, session, DraftFile(1, "report.pdf"))
    QTest.keyClicks(window.page.composer.draft, "What is this?")
    press(Qt.Key.Key_Return)
    assert not [wish for wish in session.wishes if wish[0] == "send"]
    assert window.page.composer.text() == "What is this?"
    assert window.page.composer.figure.text() == "A file is still being read"


# --- too long --------------------------------------------------------------------------------


def test_what_is_too_long_is_refused_with_the_numbers(
    window: MainWindow, session: ScriptedSession
) -> None:
    """Nothing is sent and nothing is lost; it is over when it fits."""
    tell(window, session, *FILES)
    QTest.keyClicks(window.page.composer.draft, "What is this?")
    press(Qt.Key.Key_Return)
    assert not [wish for wish in session.wishes if wish[0] == "send"]
    notice = shown_notice(window)
    assert notice is not None
    assert notice.title == "This message is 376 tokens longer than the model’s memory of 2,048."
    assert notice.action is NoticeAction.CUT_FILE
    assert window.page.composer.text() == "What is this?"
    assert "too long" in window.page.composer.figure.text()
    tell(window, session, FILES[1])
    assert shown_notice(window) is None
    press(Qt.Key.Key_Return)
    assert session.wishes[-2] == ("send", "What is this?", (CODE,))


def test_an_estimate_is_told_roughly(window: MainWindow, session: ScriptedSession) -> None:
    """No figure that nobody has counted."""
    tell(window, session, DraftFile(1, "big.log", CODE, 2_000_000), FILES[1])
    press(Qt.Key.Key_Return)
    notice = shown_notice(window)
    assert notice is not None
    about = "This message is about 2,000,000 tokens longer than the model’s memory of 2,048."
    assert notice.title == about
    figure = window.page.composer.figure.text()
    assert figure == "about 2,000,000 tokens: too long for the model’s memory"


def test_a_file_is_cut_to_fit(window: MainWindow, session: ScriptedSession) -> None:
    """The largest one, at first where it fits; by pages, lines or tokens."""
    tell(window, session, *FILES)
    press(Qt.Key.Key_Return)
    window.page.notices.action_requested.emit(shown_notice(window))
    dialog = open_window(CutWindow)
    assert isinstance(dialog, CutWindow)
    count = dialog.findChild(QSpinBox)
    # 2,048 less 256 for the reply, 120 for the other file, 3 for the words; and a little less
    assert count.value() == int((2048 - 256 - 123) * 0.97)
    assert nameless(dialog) == []
    unit = dialog.findChild(Segmented)
    unit.show_value("pages")
    unit.chosen.emit("pages")
    assert (count.value(), count.maximum()) == (2, 3)
    count.setValue(1)
    end = dialog.findChild(QPlainTextEdit)
    assert end.toPlainText() == "[Page 1]\nOne."
    dialog._cut.click()
    assert session.wishes[-1] == (
        "attaching.change",
        1,
        Attachment("report.pdf", "[Page 1]\nOne.", 812_000, is_cut=True),
    )


# --- looking at it ---------------------------------------------------------------------------


def test_enter_on_a_chip_shows_what_the_model_reads(
    window: MainWindow, session: ScriptedSession
) -> None:
    """To read, to copy and to cut; Escape leads back to the chip."""
    tell(window, session, *FILES)
    chips(window)[1].setFocus(Qt.FocusReason.TabFocusReason)
    press(Qt.Key.Key_Return)
    dialog = open_window(AttachmentWindow)
    assert isinstance(dialog, AttachmentWindow)
    assert dialog.findChild(QPlainTextEdit).toPlainText() == CODE.text
    assert nameless(dialog) == []
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert QApplication.focusWidget() is chips(window)[1]


def test_a_file_can_be_cut_from_its_text(window: MainWindow, session: ScriptedSession) -> None:
    """Also one that would fit."""
    tell(window, session, *FILES)
    chips(window)[1].click()
    dialog = open_window(AttachmentWindow)
    assert isinstance(dialog, AttachmentWindow)
    dialog.cut_requested.emit()
    open_window(CutWindow).close()


def test_a_very_long_text_is_shown_in_part(window: MainWindow) -> None:
    """Copying takes all of it."""
    whole = Attachment("long.txt", "x" * 400_000, 400_000)
    dialog = AttachmentWindow(window.theme, whole, window)
    assert len(dialog.findChild(QPlainTextEdit).toPlainText()) == 300_000
    dialog.close()


def test_a_sent_message_shows_its_files(window: MainWindow, session: ScriptedSession) -> None:
    """Right goes to them, Enter opens; also in a message of files alone."""
    session.open(chat(user(1, "", attachments=(PDF, CODE)), reply(2)))
    press(Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    press(Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    press(Qt.Key.Key_Right)
    chip = QApplication.focusWidget()
    assert isinstance(chip, AttachmentChip)
    assert chip.accessibleName() == "report.pdf, 812 kB"
    press(Qt.Key.Key_Return)
    dialog = open_window(AttachmentWindow)
    assert dialog.findChild(QPlainTextEdit).toPlainText() == PDF.text
    dialog.close()


def test_a_changed_message_has_its_files(window: MainWindow, session: ScriptedSession) -> None:
    """They stand in the composer, and go with the new version."""
    session.open(chat(user(1, "first", attachments=(CODE,)), reply(2)))
    press(Qt.Key.Key_Up)
    assert session.wishes[-1] == ("attaching.begin_edit", (CODE,))
    tell(window, session, FILES[1])
    QTest.keyClicks(QApplication.focusWidget(), "!")
    press(Qt.Key.Key_Return)
    assert session.wishes[-1] == ("edit_message", 1, "first!", (CODE,))
    assert ("attaching.end_edit",) in session.wishes


@pytest.mark.parametrize("width", [480, 1180])
def test_chips_stay_within_the_composer(
    window: MainWindow, session: ScriptedSession, width: int
) -> None:
    """A long name gives way in its middle."""
    long = DraftFile(1, "a" * 200 + ".txt", CODE, 123_456, False)
    window.resize(width, 600)
    window.theme.set_text_size(200)
    tell(window, session, long, *FILES[1:])
    row = window.page.composer.files
    for chip in chips(window):
        assert chip.x() >= 0
        assert chip.x() + chip.width() <= row.viewport().width()
    window.theme.set_text_size(100)
