"""What the model reads of an attached file, to look at and to copy. Knows no chat."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.core.attachments import megabytes_text
from app.core.conversation import Attachment
from app.ui.buttons import Button
from app.ui.child_window import ChildWindow
from app.ui.copy_button import CopyButton
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

MOST_SHOWN = 300_000
"""More letters than this would keep the window while they are laid out."""


class AttachmentWindow(ChildWindow):
    """The text; Copy takes all of it.

    Signals:
        cut_requested: another end of the text is wanted; only if it can still be cut.
    """

    cut_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        attachment: Attachment,
        parent: QWidget,
        *,
        figure: str = "",
        note: str = "",
        can_cut: bool = False,
    ) -> None:
        super().__init__(theme, "What the model reads", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = QPlainTextEdit(attachment.text[:MOST_SHOWN])
        text.setReadOnly(True)
        text.setMinimumHeight(theme.px(120))
        text.setFont(theme.font(TypeRole.CODE))
        text.setAccessibleName(f"What the model reads of {attachment.name}")
        text.setTabChangesFocus(True)
        close = Button(theme, "Close")
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.setSpacing(theme.gap(8))
        row.addStretch(1)
        if can_cut:
            cut = Button(theme, "Cut")
            cut.setAccessibleName("Choose where the text ends")
            cut.clicked.connect(self.cut_requested)
            row.addWidget(cut)
        row.addWidget(CopyButton(theme, "Copy the text", lambda: attachment.text))
        row.addWidget(close)
        layout = QVBoxLayout(self)
        side = theme.gap(18)
        layout.setContentsMargins(side, side, side, side)
        layout.setSpacing(theme.gap(10))
        layout.addWidget(Label(theme, attachment.name, TypeRole.NAME, elided=True))
        for sentence in _sentences(attachment, figure, note):
            layout.addWidget(Paragraph(theme, sentence, TypeRole.SMALL, "text2"))
        layout.addWidget(text, 1)
        layout.addLayout(row)
        text.setFocus(Qt.FocusReason.OtherFocusReason)

    def sizeHint(self) -> QSize:
        """Room for a page."""
        return QSize(self.theme.px(680), self.theme.px(520))


def _sentences(attachment: Attachment, figure: str, note: str) -> list[str]:
    facts = [fact for fact in (figure, _size_of(attachment)) if fact]
    sentences = [", ".join(facts)] if facts else []
    if attachment.is_cut:
        sentences.append("The rest of the file was left out.")
    if note:
        sentences.append(note)
    if len(attachment.text) > MOST_SHOWN:
        sentences.append("Only the beginning is shown here. Copy takes all of it.")
    return sentences


def _size_of(attachment: Attachment) -> str:
    if not attachment.file_bytes:
        return ""
    return f"the file has {megabytes_text(attachment.file_bytes)}"
