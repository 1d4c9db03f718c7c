"""Asks before a link is opened, and shows where it leads. Knows no messages."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QUrl, Slot
from PySide6.QtGui import QDesktopServices, QGuiApplication, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from app.ui.buttons import Button, ButtonKind
from app.ui.child_window import ChildWindow
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

OPENED_SCHEMES = ("http", "https", "mailto")


class LinkDialog(ChildWindow):
    """Open, copy, or leave it. Addresses of files and other programs can only be copied."""

    def __init__(self, theme: Theme, address: str, parent: QWidget) -> None:
        super().__init__(theme, "Open a link", parent)
        self.setModal(True)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._address = address
        can_open = QUrl(address).scheme().lower() in OPENED_SCHEMES
        head = "Open this page in your browser?" if can_open else "This address is not opened."
        field = QLineEdit(address)
        field.setReadOnly(True)
        field.setAccessibleName("Address")
        field.setFont(theme.font(TypeRole.CODE))
        field.setCursorPosition(0)
        source = "The model wrote this address. Octet opens nothing by itself."
        copy = Button(theme, "Copy", small=True)
        copy.clicked.connect(self._copy)
        row = QHBoxLayout()
        middle = Qt.AlignmentFlag.AlignVCenter
        row.addWidget(Paragraph(theme, source, TypeRole.SMALL, "text2"), 1, middle)
        row.addWidget(copy)
        if can_open:
            self._open = Button(theme, "Open", ButtonKind.PRIMARY, small=True)
            self._open.clicked.connect(self._open_address)
            row.addWidget(self._open)
        self._layout = layout = QVBoxLayout(self)
        side = theme.gap(16)
        layout.setContentsMargins(side, side, side, side)
        layout.setSpacing(theme.gap(12))
        layout.addWidget(Label(theme, head, TypeRole.NAME))
        layout.addWidget(field)
        layout.addLayout(row)
        copy.setFocus(Qt.FocusReason.OtherFocusReason)

    def sizeHint(self) -> QSize:
        """Wide enough for most addresses."""
        width = self.theme.px(584)
        return QSize(width, self._layout.totalHeightForWidth(width))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """The sentence may need another line."""
        super().resizeEvent(event)
        self.setMinimumHeight(self._layout.totalHeightForWidth(self.width()))

    @Slot()
    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self._address)
        self.close()

    @Slot()
    def _open_address(self) -> None:
        QDesktopServices.openUrl(QUrl(self._address))
        self.close()
