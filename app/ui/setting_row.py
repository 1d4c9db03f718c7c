"""A row of the settings: what it is, one sentence, and the control. Knows no setting."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from app.ui.buttons import Button, ButtonKind
from app.ui.labels import Label, Paragraph
from app.ui.theme import Theme, TypeRole

_TEXT_WIDTH = 240
"""What a sentence needs to be read well, in px at 100 %."""


class _Tag(Label):
    """A word on a soft surface: the value isn't the usual one."""

    def __init__(self, theme: Theme, text: str) -> None:
        super().__init__(theme, text, TypeRole.CAPTION_HEAD, "accent")
        self._look = theme
        self._surface = "accent_soft"
        self.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def show_tag(self, text: str, *, is_quiet: bool) -> None:
        """Another word; a quiet one says that all is as usual."""
        self.setText(text)
        self.set_colour("text2" if is_quiet else "accent")
        self._surface = "sunken" if is_quiet else "accent_soft"
        self.setVisible(bool(text))
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """The word with room around it."""
        return QSize(super().sizeHint().width() + 2 * self._look.gap(8), self._look.px(20))

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the surface beneath the word."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self._look.colour(self._surface))
        radius = self._look.px(6)
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        painter.end()
        super().paintEvent(event)


class SettingRow(QWidget):
    """Name and sentence at the left, the control at the right or beneath.

    Signals:
        reset_requested: the value is to be the usual one again.
    """

    reset_requested = Signal()

    def __init__(
        self,
        theme: Theme,
        title: str,
        sentence: str,
        control: QWidget,
        *,
        is_wide: bool = False,
        tag: str = "changed",
        usual_tag: str = "",
    ) -> None:
        """`is_wide`: always beneath. `tag` shows while the value isn't usual, else `usual_tag`."""
        super().__init__()
        self._theme = theme
        self._control = control
        self._is_wide = is_wide
        self._words = (usual_tag, tag)
        self._tag = _Tag(theme, tag)
        self.reset = Button(theme, "Reset", ButtonKind.LINK, icon="undo", small=True)
        self.reset.setAccessibleName(f"Reset: {title}")
        self.reset.clicked.connect(self.reset_requested)
        self._note = Paragraph(theme, "", TypeRole.SMALL, "text3")
        self._head = QHBoxLayout()
        self._title = Label(theme, title, TypeRole.NAME)
        self._head.addWidget(self._title)
        self._head.addWidget(self._tag, 0, Qt.AlignmentFlag.AlignVCenter)
        self._head.addWidget(self.reset)
        self._head.addStretch(1)
        texts = QVBoxLayout()
        texts.setSpacing(0)
        texts.addLayout(self._head)
        texts.addWidget(Paragraph(theme, sentence, TypeRole.SMALL, "text2"))
        texts.addWidget(self._note)
        self._layout = QBoxLayout(QBoxLayout.Direction.LeftToRight, self)
        self._layout.addLayout(texts, 1)
        self._layout.addWidget(control, 0, Qt.AlignmentFlag.AlignVCenter)
        self.show_changed(False)
        self.show_note("")
        theme.changed.connect(self._take_theme)
        self.set_stacked(False)
        self._take_theme()

    def set_stacked(self, stacked: bool) -> None:
        """The control beneath the text, or at its right."""
        stacked = stacked or self._is_wide
        direction = QBoxLayout.Direction
        self._layout.setDirection(direction.TopToBottom if stacked else direction.LeftToRight)
        self._layout.setSpacing(self._theme.gap(8 if stacked else 18))
        if self._is_wide:
            self._layout.setAlignment(self._control, Qt.AlignmentFlag(0))
        else:
            side = Qt.AlignmentFlag.AlignLeft if stacked else Qt.AlignmentFlag.AlignRight
            self._layout.setAlignment(self._control, side | Qt.AlignmentFlag.AlignVCenter)

    def width_beside(self) -> int:
        """How wide it is at least with the control at the right."""
        head = self._head.sizeHint().width()
        text = max(head, self._theme.px(_TEXT_WIDTH))
        return text + self._theme.gap(18) + self._control.sizeHint().width()

    def show_changed(self, changed: bool) -> None:
        """Whether the value isn't the usual one."""
        self._tag.show_tag(self._words[changed], is_quiet=not changed)
        self.reset.setVisible(changed)

    def show_note(self, text: str) -> None:
        """A sentence about the value in force; "" for none."""
        if text != self._note.text():
            self._note.set_text(text)
        self._note.setVisible(bool(text))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the hairline beneath."""
        painter = QPainter(self)
        painter.setPen(QPen(self._theme.colour("line"), 1))
        painter.drawLine(0, self.height() - 1, self.width(), self.height() - 1)

    @Slot()
    def _take_theme(self) -> None:
        gap = self._theme.gap(13)
        self._layout.setContentsMargins(0, gap, 0, gap)
        self._head.setSpacing(self._theme.gap(8))
        self.reset.setFixedHeight(max(24, self._theme.px(24)))
        self._head.setContentsMargins(0, 0, 0, 0)
        self._title.setFixedHeight(max(24, self._theme.px(24)))
