"""The frame of the main window: the sidebar beside the pages, or folded and sliding over them.

Knows nothing of what stands in the panels.
"""

from __future__ import annotations

from PySide6.QtCore import QEasingCurve, QPoint, QPropertyAnimation, QRect, Signal, Slot
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QStackedWidget, QWidget

from app.ui.column import FOLDED_EM
from app.ui.theme import Theme

SLIDE_MS = 120
SMALLEST = (480, 400)


class WindowFrame(QWidget):
    """Lays the sidebar and the pages out.

    Signals:
        sidebar_toggled(bool): the user wants it beside the pages, or not.
        was_resized: everything has its place now.
    """

    sidebar_toggled = Signal(bool)
    was_resized = Signal()

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self.theme = theme
        self.pages = QStackedWidget(self)
        self._sidebar: QWidget | None = None
        self._wanted = True  # beside the pages, where there is room
        self._is_over = False  # slid over the pages
        self._slide = QPropertyAnimation(self)
        self._slide.setDuration(SLIDE_MS)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.setPropertyName(b"pos")
        self._slide.finished.connect(self._end_slide)
        self._veil = _Veil(self)
        self._veil.pressed.connect(self.put_sidebar_away)
        self._set_least_size()
        theme.changed.connect(self._take_theme)

    def set_sidebar(self, sidebar: QWidget, *, shown: bool) -> None:
        """The panel at the left, and whether it is wanted there."""
        self._sidebar = sidebar
        self._wanted = shown
        sidebar.setParent(self)
        self._slide.setTargetObject(sidebar)
        self._lay_out()

    @property
    def is_folded(self) -> bool:
        """Whether the sidebar takes no room beside the pages."""
        return self._is_small or not self._wanted

    @property
    def sidebar_in_sight(self) -> bool:
        """Beside the pages or over them."""
        return not self.is_folded or self._is_over

    @Slot()
    def toggle_sidebar(self) -> None:
        """Show or hide it; in a small window it slides over the pages."""
        if self._is_small:
            self._slide_over(not self._is_over)
            return
        self._wanted = not self._wanted
        self.sidebar_toggled.emit(self._wanted)
        self._lay_out()

    def show_sidebar(self) -> None:
        """Bring it into sight."""
        if not self.sidebar_in_sight:
            self.toggle_sidebar()

    @Slot()
    def put_sidebar_away(self) -> None:
        """Slide it back, if it is over the pages."""
        if self._is_over:
            self._slide_over(False)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the canvas."""
        QPainter(self).fillRect(self.rect(), self.theme.colour("canvas"))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Fold and unfold."""
        super().resizeEvent(event)
        self._lay_out()

    def showEvent(self, event: QShowEvent) -> None:
        """Widths are known now."""
        super().showEvent(event)
        self._lay_out()

    @property
    def _is_small(self) -> bool:
        return self.width() < FOLDED_EM * self.theme.em

    def _lay_out(self) -> None:
        sidebar = self._sidebar
        if sidebar is None:
            return
        if not self._is_small:
            self._is_over = False
        width = min(sidebar.sizeHint().width(), self.width() - 40)
        beside = 0 if self.is_folded else width
        self.pages.setGeometry(QRect(beside, 0, self.width() - beside, self.height()))
        self._slide.stop()
        sidebar.setGeometry(0, 0, width, self.height())
        sidebar.setVisible(self.sidebar_in_sight)
        self._veil.setGeometry(self.rect())
        self._veil.setVisible(self._is_over)
        if self._is_over:
            self._veil.raise_()
        sidebar.raise_()
        self.was_resized.emit()

    def _set_least_size(self) -> None:
        self.setMinimumSize(*(self.theme.gap(length) for length in SMALLEST))

    def _slide_over(self, shown: bool) -> None:
        sidebar = self._sidebar
        if sidebar is None:
            return
        self._is_over = shown
        self._lay_out()
        sidebar.setVisible(True)
        away = QPoint(-sidebar.width(), 0)
        self._slide.setStartValue(away if shown else QPoint(0, 0))
        self._slide.setEndValue(QPoint(0, 0) if shown else away)
        self._slide.setDuration(self.theme.motion_ms(SLIDE_MS))
        self._slide.start()

    @Slot()
    def _end_slide(self) -> None:
        if self._sidebar is not None:
            self._sidebar.setVisible(self.sidebar_in_sight)

    @Slot()
    def _take_theme(self) -> None:
        self._set_least_size()
        self._lay_out()
        self.update()


class _Veil(QWidget):
    """Catches the click beside a sidebar that lies over the pages."""

    pressed = Signal()

    def mousePressEvent(self, _event: QMouseEvent) -> None:
        self.pressed.emit()
