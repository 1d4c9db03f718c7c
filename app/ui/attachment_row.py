"""The files of the draft, as chips in the composer. Knows nothing of how they are read."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QEvent, Qt, Signal, Slot
from PySide6.QtGui import QFocusEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QFrame, QScrollArea, QWidget

from app.core.conversation import Attachment
from app.runtime.draft_files import DraftFile
from app.ui.amounts import count_text, rough_count_text, tokens_text
from app.ui.attachment_chip import AttachmentChip, chip_places, height_of, place_chips
from app.ui.theme import Theme

MOST_ROWS = 3


class AttachmentRow(QScrollArea):
    """Chips in up to three rows; more of them scroll. Left and Right go from one to the next.

    Signals:
        open_requested(int), remove_requested(int): the file's id.
        emptied: the last chip has gone, and had the focus.
    """

    open_requested = Signal(int)
    remove_requested = Signal(int)
    emptied = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.files: tuple[DraftFile, ...] = ()
        self._chips: dict[int, AttachmentChip] = {}
        self._inside = QWidget()
        self.setWidget(self._inside)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self._inside.setAutoFillBackground(False)
        self.setAccessibleName("Attached files")
        theme.changed.connect(self._lay_out)

    def attachments(self) -> tuple[Attachment, ...]:
        """What the model will read."""
        return tuple(file.attachment for file in self.files if file.attachment is not None)

    @property
    def is_reading(self) -> bool:
        """Whether some file isn't read yet."""
        return any(file.is_reading for file in self.files)

    def show_files(self, files: tuple[DraftFile, ...]) -> None:
        """These, and no others; a chip that stays keeps the focus."""
        at = self._focused_place()
        ids = {file.file_id for file in files}
        for file_id in [file_id for file_id in self._chips if file_id not in ids]:
            chip = self._chips.pop(file_id)
            chip.hide()
            chip.deleteLater()
        self.files = files
        for file in files:
            self._show_file(file)
        self._lay_out()
        if at >= 0 and self._focused_place() < 0:
            self._focus_near(at)

    def chips(self) -> list[AttachmentChip]:
        """From left to right."""
        return [self._chips[file.file_id] for file in self.files]

    def height_wanted(self, width: int) -> int:
        """The rows that fit at once; 0 for no file."""
        if not self.files:
            return 0
        height = height_of(chip_places(self.chips(), width, self._gap))
        row = self.chips()[0].sizeHint().height()
        return min(height, MOST_ROWS * row + (MOST_ROWS - 1) * self._gap)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Place the chips."""
        super().resizeEvent(event)
        self._lay_out()

    def eventFilter(self, watched: QWidget, event: QEvent) -> bool:  # type: ignore[override]
        """Arrows go to the neighbour; the chip with the focus is in sight."""
        if event.type() is QEvent.Type.KeyPress:
            steps = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1}
            step = steps.get(event.key())  # type: ignore[attr-defined]
            if step is not None:
                self._step(step)
                return True
        elif isinstance(event, QFocusEvent) and event.gotFocus():
            self.ensureWidgetVisible(watched, 0, 0)
        return False

    @property
    def _gap(self) -> int:
        return self._theme.gap(6)

    def _show_file(self, file: DraftFile) -> None:
        chip = self._chips.get(file.file_id)
        if chip is None:
            chip = AttachmentChip(self._theme, file.name, "", can_remove=True)
            chip.setParent(self._inside)
            chip.open_requested.connect(partial(self.open_requested.emit, file.file_id))
            chip.remove_requested.connect(partial(self.remove_requested.emit, file.file_id))
            chip.installEventFilter(self)
            chip.show()
            self._chips[file.file_id] = chip
        chip.show_figure(figure_of(file))
        if file.note:
            chip.setToolTip(f"{chip.accessibleName()}\n{file.note}")

    @Slot()
    def _lay_out(self) -> None:
        width = self.viewport().width()
        height = place_chips(self.chips(), 0, 0, width, self._gap)
        self._inside.resize(width, height)

    def _focused_place(self) -> int:
        focused = QApplication.focusWidget()
        for place, chip in enumerate(chip for chip in self._chips.values()):
            if focused is not None and (chip is focused or chip.isAncestorOf(focused)):
                return place
        return -1

    def _focus_near(self, place: int) -> None:
        chips = self.chips()
        if chips:
            chips[min(place, len(chips) - 1)].setFocus(Qt.FocusReason.ShortcutFocusReason)
        else:
            self.emptied.emit()

    @Slot(int)
    def _step(self, step: int) -> None:
        chips, at = self.chips(), self._focused_place()
        if 0 <= at + step < len(chips):
            chips[at + step].setFocus(Qt.FocusReason.TabFocusReason)


def figure_of(file: DraftFile) -> str:
    """What a file costs: "about 2,300 tokens", "1,204 tokens, cut"."""
    if file.attachment is None:
        return "is being read"
    if file.is_estimate and file.attachment.is_cut:
        return f"about {rough_count_text(file.tokens)} tokens, cut"
    if file.is_estimate:
        return f"about {rough_count_text(file.tokens)} tokens"
    if file.attachment.is_cut:
        return f"{count_text(file.tokens)} tokens, cut"
    return tokens_text(file.tokens)
