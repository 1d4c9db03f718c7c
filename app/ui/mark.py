"""The mark: eight dots, two lit, as a model that chooses two experts of eight.

It is the model's sign in the transcript and the only thing that moves while the model works:
the lit pair steps on about three times a second. Knows nothing of why it turns.
"""

from __future__ import annotations

import math

from PySide6.QtCore import QObject, QPointF, QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.ui.theme import Theme

AT_REST = (0, 3)
"""The lit dots of the mark at rest, counted from the top."""

RING, DOT, LIT_FACTOR = 0.375, 0.095, 1.28
TICK_MS = 33
TICKS_PER_STEP = 10
_PAIRS = ((0, 3), (5, 1), (2, 6), (7, 4), (1, 5), (6, 3), (4, 0), (2, 7))


def paint_mark(
    painter: QPainter, theme: Theme, x: float, y: float, size: float, lit: tuple[int, ...] = AT_REST
) -> None:
    """Paint the mark into the square of `size` px at (x, y). `lit` () is an unlit mark."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    for index in range(8):
        angle = math.tau * index / 8
        radius = DOT * size * (LIT_FACTOR if index in lit else 1.0)
        painter.setBrush(theme.colour("accent" if index in lit else "dot_dim"))
        centre = QPointF(
            x + size * (0.5 + RING * math.sin(angle)), y + size * (0.5 - RING * math.cos(angle))
        )
        painter.drawEllipse(centre, radius, radius)
    painter.restore()


class MarkClock(QObject):
    """The one clock of everything that turns; it runs only while something does.

    Signals:
        ticked: 33 ms have passed. Growing text is painted in the same tick.
        stepped: another pair is lit now.
    """

    ticked = Signal()
    stepped = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._ticks = 0
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._tick)
        self.still = False
        """With "reduce motion" the mark stays as it is; text goes on."""

    @property
    def lit(self) -> tuple[int, ...]:
        """The pair that is lit now."""
        return _PAIRS[self._ticks // TICKS_PER_STEP % len(_PAIRS)]

    @property
    def is_running(self) -> bool:
        """Whether something turns."""
        return self._timer.isActive()

    @Slot(bool)
    def set_running(self, running: bool) -> None:
        """Start or stop; a stop shows the mark at rest."""
        if running == self._timer.isActive():
            return
        if running:
            self._timer.start()
        else:
            self._timer.stop()
            self._ticks = 0
            self.stepped.emit()

    @Slot()
    def _tick(self) -> None:
        if not self.still:
            self._ticks += 1
            if self._ticks % TICKS_PER_STEP == 0:
                self.stepped.emit()
        self.ticked.emit()


class Mark(QWidget):
    """The mark as a widget of `size` px at 100 % text."""

    def __init__(self, theme: Theme, size: int, clock: MarkClock | None = None) -> None:
        super().__init__()
        self._theme = theme
        self._size = size
        self._clock = clock
        theme.changed.connect(self._take_theme)
        if clock is not None:
            clock.stepped.connect(self.update)
        self._take_theme()

    def sizeHint(self) -> QSize:
        """A square."""
        return QSize(self._theme.px(self._size), self._theme.px(self._size))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the lit pair that the clock shows."""
        lit = AT_REST if self._clock is None else self._clock.lit
        paint_mark(QPainter(self), self._theme, 0, 0, self.width(), lit)

    @Slot()
    def _take_theme(self) -> None:
        self.setFixedSize(self.sizeHint())
        self.update()
