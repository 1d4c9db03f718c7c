"""What Left and Right go through in a message: its links and its buttons, in reading order.

Knows nothing of what links lead to or buttons do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent, QPainter, QTextDocument
from PySide6.QtWidgets import QApplication, QWidget

from app.ui.block_views import BlockView
from app.ui.buttons import paint_focus_ring
from app.ui.folded_text import Span
from app.ui.message_body import MessageBody
from app.ui.rich_text import PlacedText
from app.ui.search_marks import span_rects
from app.ui.theme import Theme


@dataclass(frozen=True, slots=True, eq=False)
class LinkStop:
    """A link: the text in which it stands, where, and its address."""

    text: PlacedText
    span: Span
    href: str


class MessageStops:
    """The stops of the message that `widget` shows; `controls` gives its buttons."""

    def __init__(
        self, widget: QWidget, body: MessageBody, controls: Callable[[], list[QWidget]]
    ) -> None:
        self._widget = widget
        self._body = body
        self._controls = controls
        self._link: LinkStop | None = None

    @property
    def href(self) -> str:
        """The address of the link at which the keyboard is; "" for none."""
        return self._link.href if self._link is not None else ""

    def leave(self) -> None:
        """The keyboard is elsewhere."""
        if self._link is not None:
            self._mark(None)

    def step(self, step: int) -> None:
        """On to the next stop, or back with -1; before the first one is the message itself."""
        stops: list[LinkStop | QWidget] = [self._widget, *self._stops()]
        at = self._at(stops) + step
        if not 0 <= at < len(stops):
            return
        stop = stops[at]
        if isinstance(stop, QWidget):
            self._mark(None)
            stop.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._widget.setFocus(Qt.FocusReason.TabFocusReason)
            self._mark(stop)

    def paint(self, painter: QPainter, theme: Theme) -> None:
        """Paint the focus ring around the link."""
        if self._link is None:
            return
        text = self._link.text
        for rect in span_rects(text.document, self._link.span):
            around = rect.translated(text.x, text.y).adjusted(-3, -1, 3, 1)
            paint_focus_ring(painter, theme, around, theme.px(6))

    def place(self) -> tuple[int, int] | None:
        """The upper and the lower edge of the link, in the message; None for no link."""
        if self._link is None:
            return None
        rects = span_rects(self._link.text.document, self._link.span)
        top = self._link.text.y
        return (round(top + rects[0].top()), round(top + rects[-1].bottom())) if rects else None

    def _at(self, stops: Sequence[LinkStop | QWidget]) -> int:
        if self._link is not None:
            for index, stop in enumerate(stops):
                if isinstance(stop, LinkStop) and _is_same(stop, self._link):
                    return index
        focused = QApplication.focusWidget()
        return stops.index(focused) if focused in stops else 0

    def _mark(self, link: LinkStop | None) -> None:
        for each in (self._link, link):
            if each is not None:
                each.text.mark_link(each.href if each is link else "")
        self._link = link
        self._widget.update()
        if link is not None:
            begin, end = link.span
            words = f"Link: {link.text.text_between(begin, end)}, {link.href}"
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._widget, words))

    def _stops(self) -> Iterator[LinkStop | QWidget]:
        controls = [each for each in self._controls() if _takes_focus(each)]
        for view in self._body.views:
            yield from _links_of(view)
            for control in view.widgets:
                if control in controls:
                    controls.remove(control)
                    yield control
        yield from controls


def _takes_focus(control: QWidget) -> bool:
    has_policy = control.focusPolicy() != Qt.FocusPolicy.NoFocus
    return has_policy and control.isEnabled() and not control.isHidden()


def _is_same(one: LinkStop, other: LinkStop) -> bool:
    return (one.text, one.span, one.href) == (other.text, other.span, other.href)


def _links_of(view: BlockView) -> Iterator[LinkStop]:
    for text in view.texts:
        for span, href in links_in(text.document):
            yield LinkStop(text, span, href)


def links_in(document: QTextDocument) -> list[tuple[Span, str]]:
    """Where the links of a document stand, and their addresses."""
    found: list[tuple[Span, str]] = []
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            fragment = pieces.fragment()
            href = fragment.charFormat().anchorHref()
            begin, end = fragment.position(), fragment.position() + fragment.length()
            if href and found and found[-1][1] == href and found[-1][0][1] == begin:
                found[-1] = ((found[-1][0][0], end), href)
            elif href:
                found.append(((begin, end), href))
            pieces += 1
        block = block.next()
    return found
