"""Pictures of blocks that are finished, so that scrolling past them costs next to nothing.

A reply that grows scrolls the transcript with every line; painting all letters in sight anew
takes longer than everything else in a frame. Knows nothing of what blocks contain.
"""

from __future__ import annotations

import math
from collections import OrderedDict

from PySide6.QtCore import QPointF, QRectF
from PySide6.QtGui import QPainter, QPixmap

from app.ui.block_views import BlockView
from app.ui.theme import Theme

MOST_PIXELS = 12_000_000  # of four bytes each; about three large screens
HIGHEST = 3000  # px; a higher block is painted itself, only where it is in sight


class BlockPictures:
    """The pictures that were used last."""

    def __init__(self, theme: Theme, most_pixels: int = MOST_PIXELS) -> None:
        self._theme = theme
        self._most_pixels = most_pixels
        self._pixels = 0
        self._pictures: OrderedDict[BlockView, tuple[int, QPixmap]] = OrderedDict()

    def paint(self, painter: QPainter, view: BlockView, visible: QRectF) -> None:
        """Paint a finished block on the canvas; nothing in it is selected."""
        if view.height > HIGHEST:
            view.paint(painter, visible, {})
            return
        ratio = painter.device().devicePixelRatioF()
        revision, picture = self._pictures.get(view, (-1, None))
        if picture is None or revision != view.revision or picture.devicePixelRatio() != ratio:
            self.forget(view)
            picture = self._draw(view, ratio)
            self._keep(view, picture)
        self._pictures.move_to_end(view)
        painter.drawPixmap(_corner(view), picture)

    def forget(self, view: BlockView) -> None:
        """The block looks different now, or is gone."""
        _, picture = self._pictures.pop(view, (0, None))
        if picture is not None:
            self._pixels -= picture.width() * picture.height()

    def clear(self) -> None:
        """All look different now."""
        self._pictures.clear()
        self._pixels = 0

    def _keep(self, view: BlockView, picture: QPixmap) -> None:
        self._pictures[view] = (view.revision, picture)
        self._pixels += picture.width() * picture.height()
        while self._pixels > self._most_pixels and len(self._pictures) > 1:
            _, (_, oldest) = self._pictures.popitem(last=False)
            self._pixels -= oldest.width() * oldest.height()

    def _draw(self, view: BlockView, ratio: float) -> QPixmap:
        corner = _corner(view)
        width = math.ceil(view.x + view.width - corner.x()) + 1
        height = math.ceil(view.y + view.height - corner.y()) + 1
        picture = QPixmap(math.ceil(width * ratio), math.ceil(height * ratio))
        picture.setDevicePixelRatio(ratio)
        picture.fill(self._theme.colour("canvas"))  # opaque, as letters are smoothed on it
        painter = QPainter(picture)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.translate(-corner)
        view.paint(painter, QRectF(corner.x(), corner.y(), width, height), {})
        painter.end()
        return picture


def _corner(view: BlockView) -> QPointF:
    """Whole pixels, so that letters stand where they would without the picture."""
    return QPointF(math.floor(view.x), math.floor(view.y))
