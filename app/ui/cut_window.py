"""Where the text of an attached file ends, if all of it is too long. Knows no chat."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal, Slot
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QSpinBox, QVBoxLayout, QWidget

from app.core.conversation import Attachment
from app.core.cutting import CutPlaces, CutUnit, cut
from app.runtime.draft_files import DraftFile
from app.ui.amounts import count_text, tokens_text
from app.ui.buttons import Button, ButtonKind
from app.ui.child_window import ChildWindow
from app.ui.labels import Label, Paragraph
from app.ui.segmented import Segmented
from app.ui.theme import Theme, TypeRole

_SHOWN_LETTERS = 600


class CutWindow(ChildWindow):
    """Keeps the first tokens, lines or pages; at first as many as fit.

    Signals:
        cut_requested(object): the `Attachment` with what stays of its text.
    """

    cut_requested = Signal(object)

    def __init__(
        self, theme: Theme, file: DraftFile, attachment: Attachment, room: int, parent: QWidget
    ) -> None:
        """`room` is how many tokens of the file fit beside the rest of the message."""
        super().__init__(theme, "Cut a file", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._places = CutPlaces(attachment, file.tokens)
        self._room = max(1, min(room, self._places.all_tokens))
        choices = [(CutUnit.TOKENS.value, "Tokens"), (CutUnit.LINES.value, "Lines")]
        if self._places.has_pages:
            choices.append((CutUnit.PAGES.value, "Pages"))
        self._unit = Segmented(theme, "Count in", choices)
        self._count = self._make_count()
        self._kept = Paragraph(theme, "", TypeRole.SMALL, "text2")
        self._end = self._make_end()
        self._cut = Button(theme, "Cut", ButtonKind.PRIMARY)
        self._lay_out(attachment.name)
        self._unit.chosen.connect(self._take_unit)
        self._count.valueChanged.connect(self._show_end)
        self._cut.clicked.connect(self._ask_cut)
        self._unit.show_value(CutUnit.TOKENS.value)
        self._take_unit(CutUnit.TOKENS.value)
        self._count.setFocus(Qt.FocusReason.OtherFocusReason)
        self._count.selectAll()

    def sizeHint(self) -> QSize:
        """Room for a few lines of the end."""
        return QSize(self.theme.px(560), self.theme.px(420))

    def _make_count(self) -> QSpinBox:
        count, margin = QSpinBox(), self.theme.gap(10)
        count.setGroupSeparatorShown(True)
        count.setFont(self.theme.font(TypeRole.BODY))
        count.setMinimumWidth(self.theme.px(120))
        count.lineEdit().setTextMargins(margin, 0, margin, 0)  # a spin box has no padding
        count.setAccessibleName("How much of the file stays")
        return count

    def _make_end(self) -> QPlainTextEdit:
        end = QPlainTextEdit()
        end.setReadOnly(True)
        end.setMinimumHeight(self.theme.px(96))
        end.setTabChangesFocus(True)
        end.setFont(self.theme.font(TypeRole.CODE))
        end.setAccessibleName("The end of what stays")
        return end

    def _lay_out(self, name: str) -> None:
        theme = self.theme
        row = QHBoxLayout()
        row.setSpacing(theme.gap(10))
        row.addWidget(self._count)
        row.addWidget(self._unit)
        row.addStretch(1)
        cancel = Button(theme, "Cancel")
        cancel.clicked.connect(self.close)
        foot = QHBoxLayout()
        foot.setSpacing(theme.gap(8))
        foot.addStretch(1)
        foot.addWidget(cancel)
        foot.addWidget(self._cut)
        layout = QVBoxLayout(self)
        side = theme.gap(18)
        layout.setContentsMargins(side, side, side, side)
        layout.setSpacing(theme.gap(10))
        layout.addWidget(Label(theme, f"Keep the beginning of {name}", TypeRole.NAME, elided=True))
        layout.addWidget(self._kept)
        layout.addLayout(row)
        layout.addWidget(Label(theme, "It will end with", TypeRole.SMALL, "text2"))
        layout.addWidget(self._end, 1)
        layout.addLayout(foot)

    @Slot(str)
    def _take_unit(self, value: str) -> None:
        unit = CutUnit(value)
        self._count.setRange(1, self._places.count(unit))
        self._count.setValue(max(1, self._places.count_within(unit, self._room)))
        self._show_end()

    @Slot()
    def _show_end(self) -> None:
        end = self._end_letter()
        text, all_tokens = self._places.attachment.text, self._places.all_tokens
        tokens = max(1, round(all_tokens * end / max(1, len(text))))
        kept, whole = count_text(tokens), tokens_text(all_tokens)
        room = count_text(self._room)
        self._kept.set_text(f"About {kept} of {whole} stay; {room} fit into the model’s memory.")
        self._end.setPlainText(text[max(0, end - _SHOWN_LETTERS) : end].rstrip())
        bar = self._end.verticalScrollBar()
        bar.setValue(bar.maximum())

    def _end_letter(self) -> int:
        unit = CutUnit(self._unit.value() or CutUnit.TOKENS.value)
        return self._places.end_after(unit, self._count.value())

    @Slot()
    def _ask_cut(self) -> None:
        self.cut_requested.emit(cut(self._places.attachment, self._end_letter()))
        self.close()
