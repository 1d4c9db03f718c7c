"""The icons: SVG files with one colour, tinted when they are painted.

Pixmaps are kept by name, colour, size and device pixel ratio. Knows nothing of what icons mean.
"""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QByteArray, QRectF, Qt
from PySide6.QtGui import QIcon, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer


class IconShelf:
    """Reads each SVG of `folder` once, and draws each tint and size of it once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._sources: dict[str, bytes] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}

    def pixmap(self, name: str, colour: str, size: int, ratio: float) -> QPixmap:
        """The icon as a square of `size` logical px for a screen with that device pixel ratio.

        Raises FileNotFoundError if there is no such icon.
        """
        key = (name, colour, size, ratio)
        if key not in self._pixmaps:
            self._pixmaps[key] = self._draw(name, colour, size, ratio)
        return self._pixmaps[key]

    def paint(
        self, painter: QPainter, name: str, colour: str, x: float, y: float, size: int
    ) -> None:
        """Paint the icon with its left upper corner at (x, y)."""
        ratio = painter.device().devicePixelRatioF()
        painter.drawPixmap(round(x), round(y), self.pixmap(name, colour, size, ratio))

    def icon(self, name: str, colour: str, size: int, ratio: float = 2.0) -> QIcon:
        """The same for controls of Qt's own (menus, the window)."""
        return QIcon(self.pixmap(name, colour, size, ratio))

    def _source(self, name: str) -> bytes:
        if name not in self._sources:
            self._sources[name] = (self._folder / f"{name}.svg").read_bytes()
        return self._sources[name]

    def _draw(self, name: str, colour: str, size: int, ratio: float) -> QPixmap:
        pixmap = QPixmap(round(size * ratio), round(size * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        renderer = QSvgRenderer(
            QByteArray(self._source(name).replace(b"currentColor", colour.encode()))
        )
        renderer.render(painter, QRectF(0, 0, size, size))
        painter.end()
        return pixmap
