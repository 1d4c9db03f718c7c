"""Files that are dragged over the chat or pasted into it. Knows nothing of what is in them."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QEvent, QMimeData, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QWidget

from app.ui.theme import Theme, TypeRole


def local_files(mime: QMimeData) -> list[Path]:
    """The files that are meant; none if it is a text that only names some."""
    if mime.hasHtml():
        return []  # from a page or a document, whose pictures may be files
    return [Path(url.toLocalFile()) for url in mime.urls() if url.isLocalFile()]


class DropVeil(QWidget):
    """Lies over the chat while files hover over it, and says what letting go does."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setAccessibleName("Drop the files to attach them")
        self.hide()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """A veil of the canvas, a dashed line, one sentence."""
        theme, painter = self._theme, QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        veil = theme.colour("canvas")
        veil.setAlphaF(0.9)
        painter.fillRect(self.rect(), veil)
        side, radius = theme.gap(14), theme.px(16)
        pen = QPen(theme.colour("accent"), 2, Qt.PenStyle.CustomDashLine)
        pen.setDashPattern([4, 3])
        painter.setPen(pen)
        painter.drawRoundedRect(
            QRectF(self.rect()).adjusted(side, side, -side, -side), radius, radius
        )
        self._paint_words(painter)

    def _paint_words(self, painter: QPainter) -> None:
        theme, middle = self._theme, self.rect().center()
        icon = theme.px(28)
        colour = theme.colours.accent
        top = middle.y() - icon - theme.gap(4)
        theme.icons.paint(painter, "attach", colour, middle.x() - icon / 2, top, icon)
        painter.setFont(theme.font(TypeRole.H2))
        painter.setPen(theme.colour("text"))
        room = self.rect().adjusted(0, middle.y() + theme.gap(8), 0, 0)
        align = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop
        painter.drawText(room, align, "Drop the files to attach them")


class FileDrop(QObject):
    """Watches a page for files that are dragged over it.

    Signals:
        files_dropped(object): list of paths.
    """

    files_dropped = Signal(object)

    def __init__(self, theme: Theme, page: QWidget) -> None:
        super().__init__(page)
        self._page = page
        self.veil = DropVeil(theme, page)
        page.setAcceptDrops(True)
        page.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take files, and nothing else."""
        kind = event.type()
        if kind is QEvent.Type.Resize:
            self.veil.setGeometry(self._page.rect())
        elif kind is QEvent.Type.DragLeave:
            self.veil.hide()
        elif isinstance(event, QDropEvent) and (files := local_files(event.mimeData())):
            event.setDropAction(Qt.DropAction.CopyAction)
            event.accept()
            self._show_veil(kind is not QEvent.Type.Drop)
            if kind is QEvent.Type.Drop:
                self.files_dropped.emit(files)
            return True
        return super().eventFilter(watched, event)

    def _show_veil(self, shown: bool) -> None:
        self.veil.setGeometry(self._page.rect())
        self.veil.setVisible(shown)
        self.veil.raise_()
