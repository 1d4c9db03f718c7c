"""The gauge of the model's memory: a bar, and "3,412 of 16,384". Knows nothing of the session."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.runtime.facts import ContextUse
from app.ui.amounts import count_text, tokens_text
from app.ui.theme import Theme, TypeRole, tabular

WARN_FROM = 0.9


class Gauge(QWidget):
    """56 × 5 px; the draft is a lighter end; from 90 % in the colour of notices."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._use: ContextUse | None = None
        self._is_short = False
        self._is_folded = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)
        self.show_use(None)

    def show_use(self, use: ContextUse | None) -> None:
        """What fills the memory; None while no model is loaded."""
        self._use = use
        self._show_or_hide()
        if use is not None:
            name = f"Memory: {count_text(use.used_tokens)} of {tokens_text(use.context_tokens)}"
            self.setAccessibleName(name)
            draft = f"\nYour draft: {tokens_text(use.draft_tokens)}" if use.draft_tokens else ""
            explained = "A token is a piece of a word. When the memory is full, the oldest"
            self.setToolTip(f"{name}{draft}\n{explained} messages leave it; they stay in the chat.")
        self.updateGeometry()
        self.update()

    def set_short(self, is_short: bool) -> None:
        """In little room there is the bar alone."""
        if is_short != self._is_short:
            self._is_short = is_short
            self.updateGeometry()
            self.update()

    def set_folded(self, is_folded: bool) -> None:
        """In hardly any room it is away; the composer still warns."""
        if is_folded != self._is_folded:
            self._is_folded = is_folded
            self._show_or_hide()

    def _show_or_hide(self) -> None:
        has_use = self._use is not None and self._use.context_tokens > 0
        self.setVisible(has_use and not self._is_folded)

    def text(self) -> str:
        """What stands beside the bar."""
        if self._use is None:
            return ""
        return f"{count_text(self._use.used_tokens)} of {count_text(self._use.context_tokens)}"

    def sizeHint(self) -> QSize:
        """The bar, and the text beside it."""
        theme = self._theme
        width = theme.px(44 if self._is_short else 56)
        if not self._is_short:
            font = tabular(theme.font(TypeRole.SMALL))
            width += theme.gap(8) + QFontMetrics(font).horizontalAdvance(self.text())
        return QSize(width, theme.px(24))

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint trough, what is used, the draft, and the text."""
        if self._use is None:
            return
        theme = self._theme
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, height = theme.px(44 if self._is_short else 56), theme.px(5)
        bar = QRectF(0, (self.height() - height) / 2, width, height)
        path = QPainterPath()
        path.addRoundedRect(bar, height / 2, height / 2)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(bar, theme.colour("trough"))
        self._paint_share(painter, bar)
        painter.restore()
        if not self._is_short:
            painter.setFont(tabular(theme.font(TypeRole.SMALL)))
            painter.setPen(theme.colour("text3"))
            rest = self.rect().adjusted(width + theme.gap(8), 0, 0, 0)
            painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter, self.text())

    def _paint_share(self, painter: QPainter, bar: QRectF) -> None:
        use = self._use
        if use is None or not use.context_tokens:
            return
        used = min(1.0, use.used_tokens / use.context_tokens)
        draft = min(1.0 - used, use.draft_tokens / use.context_tokens)
        token = "warn" if used + draft >= WARN_FROM else "accent"
        colour = self._theme.colour(token)
        painter.fillRect(QRectF(bar.x(), bar.y(), bar.width() * used, bar.height()), colour)
        colour.setAlphaF(0.45)
        start = bar.x() + bar.width() * used
        painter.fillRect(QRectF(start, bar.y(), bar.width() * draft, bar.height()), colour)
