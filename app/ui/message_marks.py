"""The hits of a search in a message that is in sight: marking them, and where each stands.

Knows nothing of the chat or of what else is searched.
"""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRectF

from app.ui.block_views import BlockView
from app.ui.message_body import MessageBody
from app.ui.rich_text import PlacedText
from app.ui.search_marks import NO_MARKS, Marks, span_rects, spans_in


def mark_hits(body: MessageBody, words: Sequence[str], current: int = -1) -> None:
    """Mark the folded `words`, and the hit of that number, from 0, as the current one."""
    before = 0
    for text in body.texts:
        spans = spans_in(text.document, words)
        in_this = current - before if 0 <= current - before < len(spans) else -1
        text.set_marks(Marks(spans, in_this) if spans else NO_MARKS)
        before += len(spans)


def hit_place(body: MessageBody, hit: int) -> QRectF | None:
    """Where a marked hit stands in the message's widget; None if there are fewer."""
    found = _text_with(body, hit)
    if found is None:
        return None
    text, span = found
    whole = QRectF()
    for rect in span_rects(text.document, span):
        whole = whole.united(rect.translated(text.x, text.y))
    return whole


def show_sideways(body: MessageBody, hit: int) -> None:
    """Move a block that is wider than the message, so that the hit shows."""
    found, place = _text_with(body, hit), hit_place(body, hit)
    if found is None or place is None:
        return
    view = next((each for each in body.views if found[0] in each.texts), None)
    if view is not None and found[0].clip is not None:
        view.scroll_sideways(round(_missing(view, place)))


def _missing(view: BlockView, place: QRectF) -> float:
    """So many px a hit lies too far to the right; negative if it is at the left."""
    room = view.theme.px(32)
    right = place.right() - (view.x + view.width - room)
    left = place.left() - (view.x + room)
    return right if right > 0 else min(left, 0.0)


def _text_with(body: MessageBody, hit: int) -> tuple[PlacedText, tuple[int, int]] | None:
    before = 0
    for text in body.texts:
        spans = text.marks.spans
        if 0 <= hit - before < len(spans):
            return text, spans[hit - before]
        before += len(spans)
    return None
