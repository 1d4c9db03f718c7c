"""The text that is being written: plain, as high as its lines, with the keys that send it.

Knows nothing of what is around it.
"""

from __future__ import annotations

from PySide6.QtCore import QEvent, QMimeData, Qt, Signal, Slot
from PySide6.QtGui import (
    QContextMenuEvent,
    QDragEnterEvent,
    QFocusEvent,
    QKeyEvent,
    QKeySequence,
    QPalette,
    QTextBlockFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QFrame, QTextEdit

from app.ui.file_drop import local_files
from app.ui.popup_menu import let_corners_through
from app.ui.theme import Theme, TypeRole

MOST_LINES = 10


class DraftEdit(QTextEdit):
    """Plain text in the reading font that grows with its lines.

    Signals:
        send_requested: the send key.
        left: Escape.
        last_message_requested: Up, while there is no text.
        height_changed: another number of lines.
        files_pasted(object): list of paths.
        picture_pasted: a picture, which is no text.
        focus_changed: it has the focus, or has it no more.
    """

    send_requested = Signal()
    left = Signal()
    last_message_requested = Signal()
    height_changed = Signal()
    files_pasted = Signal(object)
    picture_pasted = Signal()
    focus_changed = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.sends_with_enter = True
        self.most_lines = MOST_LINES
        self.setAcceptRichText(False)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setTabChangesFocus(True)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAsNeeded)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.viewport().setAutoFillBackground(False)
        self.document().setDocumentMargin(0)
        self.setAccessibleName("Message")
        self.document().documentLayout().documentSizeChanged.connect(self.height_changed)
        theme.changed.connect(self.take_theme)
        self.take_theme()

    def set_text(self, text: str) -> None:
        """Another text, the cursor at its end."""
        self.setPlainText(text)
        self.take_theme()  # setPlainText forgets the line height
        self.moveCursor(QTextCursor.MoveOperation.End)

    def height_wanted(self) -> int:
        """One line to ten, or to fewer in a low window."""
        line = self._theme.line_height(TypeRole.READING)
        text = round(self.document().size().height())
        return max(line, min(text, self.most_lines * line))

    @Slot()
    def take_theme(self) -> None:
        """The reading font and its line height."""
        theme = self._theme
        self.setFont(theme.font(TypeRole.READING))
        self.document().setDefaultFont(self.font())
        palette = self.palette()
        palette.setColor(QPalette.ColorRole.Base, Qt.GlobalColor.transparent)
        palette.setColor(QPalette.ColorRole.Text, theme.colour("text"))
        palette.setColor(QPalette.ColorRole.PlaceholderText, theme.colour("text3"))
        self.setPalette(palette)
        cursor = QTextCursor(self.document())
        cursor.select(QTextCursor.SelectionType.Document)
        block = QTextBlockFormat()
        block.setLineHeight(
            theme.line_height_percent(TypeRole.READING),
            QTextBlockFormat.LineHeightTypes.ProportionalHeight.value,
        )
        self.document().setUndoRedoEnabled(False)  # a line height is nothing to undo
        cursor.mergeBlockFormat(block)
        self.document().setUndoRedoEnabled(True)
        self.height_changed.emit()

    def event(self, event: QEvent) -> bool:
        """Undo belongs to the text only while there is something to undo in it."""
        if event.type() is QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            is_undo = event.matches(QKeySequence.StandardKey.Undo)
            if is_undo and not self.document().isUndoAvailable():
                event.ignore()
                return False
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Enter sends and Shift+Enter breaks the line, or Ctrl+Enter and Enter."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._take_enter(event)
        elif event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() == Qt.Key.Key_Up and self.document().isEmpty():
            self.last_message_requested.emit()
        else:
            super().keyPressEvent(event)

    def focusInEvent(self, event: QFocusEvent) -> None:
        """The box around it is painted anew."""
        super().focusInEvent(event)
        self.focus_changed.emit()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        """The box around it is painted anew."""
        super().focusOutEvent(event)
        self.focus_changed.emit()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        """Qt's own menu for texts, with round corners."""
        menu = self.createStandardContextMenu(event.pos())
        let_corners_through(menu)
        menu.popup(event.globalPos())

    def canInsertFromMimeData(self, source: QMimeData) -> bool:
        """Files can be pasted, too."""
        return source.hasText() or bool(local_files(source))

    def insertFromMimeData(self, source: QMimeData) -> None:
        """Text only; files are attached."""
        if files := local_files(source):
            self.files_pasted.emit(files)
        elif source.hasImage() and not source.hasText():
            self.picture_pasted.emit()
        else:
            self.insertPlainText(source.text())

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Files are for the whole page."""
        if local_files(event.mimeData()):
            event.ignore()
        else:
            super().dragEnterEvent(event)

    def _take_enter(self, event: QKeyEvent) -> None:
        modifiers = event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        has_control = bool(modifiers & Qt.KeyboardModifier.ControlModifier)
        plain = modifiers == Qt.KeyboardModifier.NoModifier
        if has_control or (plain and self.sends_with_enter):
            self.send_requested.emit()
        else:
            self.textCursor().insertBlock()
            self.ensureCursorVisible()
