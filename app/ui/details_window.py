"""Technical lines behind a notice, to read and to copy. Knows nothing of what they mean."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtWidgets import QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from app.runtime.facts import Notice
from app.ui.buttons import Button
from app.ui.child_window import ChildWindow
from app.ui.copy_button import CopyButton
from app.ui.labels import Paragraph
from app.ui.theme import Theme, TypeRole


class DetailsWindow(ChildWindow):
    """What the notice says, and beneath it the lines."""

    def __init__(self, theme: Theme, notice: Notice, parent: QWidget) -> None:
        super().__init__(theme, "Details", parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        text = f"{notice.title} {notice.text}\n\n{notice.details}"
        lines = QPlainTextEdit(notice.details)
        lines.setReadOnly(True)
        lines.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        lines.setFont(theme.font(TypeRole.CODE))
        lines.setAccessibleName("Details")
        close = Button(theme, "Close")
        close.clicked.connect(self.close)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(CopyButton(theme, "Copy the details", lambda: text))
        row.addWidget(close)
        layout = QVBoxLayout(self)
        side = theme.gap(18)
        layout.setContentsMargins(side, side, side, side)
        layout.setSpacing(theme.gap(12))
        layout.addWidget(Paragraph(theme, notice.text, TypeRole.BODY, "text2", lead=notice.title))
        layout.addWidget(lines, 1)
        layout.addLayout(row)
        close.setFocus(Qt.FocusReason.OtherFocusReason)

    def sizeHint(self) -> QSize:
        """Room for log lines."""
        return QSize(self.theme.px(680), self.theme.px(420))
