"""The chip that says which model answers and how far it is loaded. Opens the list of models.

Knows nothing of the session.
"""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPainterPath, QPaintEvent, QPen

from app.engine.protocol import LoadedModel
from app.runtime.facts import LoadingProgress
from app.ui.amounts import seconds_text
from app.ui.buttons import PaintedButton, paint_focus_ring
from app.ui.theme import Theme, TypeRole, tabular, without_ligatures

DEMO_NAME = "Octet demo"


class ModelChip(PaintedButton):
    """Dot, name, kind, chevron; while loading a progress edge of 3 px."""

    def __init__(self, theme: Theme) -> None:
        super().__init__(theme)
        self._name = "No model"
        self._detail = ""
        self._dot = "control"
        self._share: float | None = None
        self._length = 0
        self.setAccessibleDescription("Opens the list of models")
        self._tell()

    def show_model(
        self, model: LoadedModel | None, detail: str, *, is_demo: bool, is_loaded: bool = True
    ) -> None:
        """The model that answers, in memory or not; the demo is always called so."""
        self._share = None
        if model is None:
            self._name, self._detail, self._dot = "No model", "", "control"
        else:
            self._name = DEMO_NAME if is_demo else model.name
            self._detail = detail if is_loaded else "not loaded"
            self._dot = "good" if is_loaded else "control"
        self._tell()

    def show_loading(self, progress: LoadingProgress, *, is_demo: bool) -> None:
        """How far the model is loaded."""
        self._name = DEMO_NAME if is_demo else progress.name
        total = progress.total_bytes
        self._share = progress.done_bytes / total if total else 0.0
        left = progress.seconds_left
        until = "" if left is None else f", {seconds_text(left)} left"
        self._detail = f"{round(100 * self._share)} %{until}" if until else "loading"
        self._dot = "m_work"
        self._tell()

    def set_length(self, level: int) -> None:
        """0: all of it. 1: "Mixtral" and its kind. 2, 3: "Mixtral". 4: how far it is loaded."""
        if level != self._length:
            self._length = level
            self.updateGeometry()
            self.update()

    def sizeHint(self) -> QSize:
        """As wide as what it says."""
        theme = self.theme
        width = theme.gap(12) + theme.px(8) + theme.gap(8) + self._name_width()
        width += self._detail_width() + theme.gap(7) + theme.px(16) + theme.gap(10)
        return QSize(width, theme.px(34))

    def minimumSizeHint(self) -> QSize:
        """It doesn't shrink."""
        return self.sizeHint()

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint surface, dot, texts, chevron and the progress edge."""
        theme = self.theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        rect = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        radius = theme.px(8)
        painter.setPen(QPen(theme.colour("line_strong"), 1))
        painter.setBrush(theme.colour("hover" if self.hovered else "raised"))
        painter.drawRoundedRect(rect, radius, radius)
        if self._share is not None:
            self._paint_edge(painter, rect, radius)
        x = float(theme.gap(12))
        dot = theme.px(8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(self._dot))
        painter.drawEllipse(QRectF(x, (self.height() - dot) / 2, dot, dot))
        x += dot + theme.gap(8)
        self._paint_texts(painter, x)
        size = theme.px(16)
        right = self.width() - theme.gap(10) - size
        top = (self.height() - size) / 2
        theme.icons.paint(painter, "down", theme.colours.text2, right, top, size)
        if self.shows_focus:
            paint_focus_ring(painter, theme, QRectF(self.rect()), radius)

    def _paint_edge(self, painter: QPainter, rect: QRectF, radius: float) -> None:
        painter.save()
        path = QPainterPath()
        path.addRoundedRect(rect.adjusted(0.5, 0.5, -0.5, -0.5), radius, radius)
        painter.setClipPath(path)
        height = self.theme.px(3)
        edge = QRectF(0, self.height() - height, self.width() * (self._share or 0.0), height)
        painter.fillRect(edge, self.theme.colour("accent"))
        painter.restore()

    def _paint_texts(self, painter: QPainter, x: float) -> None:
        theme = self.theme
        painter.setFont(self._name_font())
        painter.setPen(theme.colour("text"))
        height = self.height()
        flags = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(QRectF(x, 0, self._name_width() + 1, height), flags, self._shown_name())
        x += self._name_width() + theme.gap(8)
        painter.setFont(self._detail_font())
        painter.setPen(theme.colour("text3"))
        painter.drawText(QRectF(x, 0, self.width(), height), flags, self._shown_detail())

    def _shown_name(self) -> str:
        if self._length > 3 and self._share is not None:
            return ""
        if self._length and self._name.startswith("Mixtral"):
            return "Mixtral"
        font = self._name_font()
        most = self.theme.em * (22, 11, 9, 6, 6)[self._length]
        return QFontMetrics(font).elidedText(self._name, Qt.TextElideMode.ElideRight, most)

    def _shown_detail(self) -> str:
        """While it loads, how far it is stays in sight."""
        if self._share is not None:
            return self._detail if self._length < 3 else f"{round(100 * self._share)} %"
        return self._detail if self._length < 2 else ""

    def _name_font(self) -> QFont:
        return without_ligatures(self.theme.font(TypeRole.BUTTON))

    def _detail_font(self) -> QFont:
        return tabular(self.theme.font(TypeRole.SMALL))

    def _name_width(self) -> int:
        return QFontMetrics(self._name_font()).horizontalAdvance(self._shown_name())

    def _detail_width(self) -> int:
        detail = self._shown_detail()
        if not detail:
            return 0
        advance = QFontMetrics(self._detail_font()).horizontalAdvance(detail)
        return advance + self.theme.gap(8)

    def _tell(self) -> None:
        name = f"Model: {self._name}"
        self.setAccessibleName(f"{name}, {self._detail}" if self._detail else name)
        self.setToolTip("Models (Ctrl+Shift+M)")
        self.updateGeometry()
        self.update()
