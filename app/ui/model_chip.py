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
        self._is_short = False
        self.setAccessibleDescription("Opens the list of models")
        self._tell()

    def show_model(self, model: LoadedModel | None, detail: str, *, is_demo: bool) -> None:
        """The model that answers; the demo is always called so."""
        self._share = None
        if model is None:
            self._name, self._detail, self._dot = "No model", "", "control"
        else:
            self._name = DEMO_NAME if is_demo else model.name
            self._detail, self._dot = detail, "good"
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

    def set_short(self, is_short: bool) -> None:
        """In little room "Mixtral 8x7B Instruct" is "Mixtral"."""
        if is_short != self._is_short:
            self._is_short = is_short
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
        painter.drawText(QRectF(x, 0, self.width(), height), flags, self._detail)

    def _shown_name(self) -> str:
        if self._is_short and self._name.startswith("Mixtral"):
            return "Mixtral"
        font = self._name_font()
        most = self.theme.em * (11 if self._is_short else 22)
        return QFontMetrics(font).elidedText(self._name, Qt.TextElideMode.ElideRight, most)

    def _name_font(self) -> QFont:
        return without_ligatures(self.theme.font(TypeRole.BUTTON))

    def _detail_font(self) -> QFont:
        return tabular(self.theme.font(TypeRole.SMALL))

    def _name_width(self) -> int:
        return QFontMetrics(self._name_font()).horizontalAdvance(self._shown_name())

    def _detail_width(self) -> int:
        if not self._detail:
            return 0
        advance = QFontMetrics(self._detail_font()).horizontalAdvance(self._detail)
        return advance + self.theme.gap(8)

    def _tell(self) -> None:
        name = f"Model: {self._name}"
        self.setAccessibleName(f"{name}, {self._detail}" if self._detail else name)
        self.setToolTip("Models (Ctrl+Shift+M)")
        self.updateGeometry()
        self.update()
