"""The window "Why this speed?": what each memory holds, the speeds, and what would help most.

Shows `SpeedFacts` and says by signals what is wished. Knows nothing of how they come about.
"""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, QTimer, Signal, Slot
from PySide6.QtGui import QCloseEvent, QPainter, QPaintEvent, QPen, QShowEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from app.engine.protocol import LoadedModel
from app.runtime.facts import Notice, NoticeAction, NoticeKind, SpeedFacts
from app.ui.amounts import count_text
from app.ui.buttons import Button, ButtonKind, IconButton
from app.ui.child_window import ChildWindow
from app.ui.fact_list import FactList
from app.ui.labels import Label, Paragraph
from app.ui.mark import Mark, MarkClock
from app.ui.memory_bar import MemoryBar
from app.ui.notice_card import NoticeCard
from app.ui.speed_words import facts_of, headline_of
from app.ui.theme import Theme, TypeRole

SECOND_MS = 1000
_ABOUT_MEASURING = "Measuring takes about ten seconds. The next message then reads its chat anew."
_BUSY = "It can be measured when the model is loaded and no reply is under way."
_UNITS = "Sizes in memory: 1 GB = 2³⁰ bytes."


class SpeedWindow(ChildWindow):
    """Bars, figures, advice, and a button that measures.

    Signals:
        look_requested: it came into sight; what may have changed is to be looked at.
        measure_requested, stop_requested, load_requested: the buttons.
    """

    screen_share = 0.9
    look_requested = Signal()
    measure_requested = Signal()
    stop_requested = Signal()
    load_requested = Signal()

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(theme, "Why this speed?", parent)
        self._clock = MarkClock(self)
        self._model: LoadedModel | None = None
        self._seconds = 0
        self._second = QTimer(self, interval=SECOND_MS)
        self._second.timeout.connect(self._count_second)
        self._headline = Paragraph(theme, "", TypeRole.H1, "text")
        self._source = Paragraph(theme, "", TypeRole.BODY, "text2")
        self._bars: list[MemoryBar] = []
        self._units = Label(theme, _UNITS, TypeRole.CAPTION, "text3")
        self._figures = FactList(theme)
        self._advice = NoticeCard(theme, can_close=False)
        policy = self._advice.sizePolicy()  # here its width changes, and its height with it
        policy.setVerticalPolicy(QSizePolicy.Policy.Preferred)
        self._advice.setSizePolicy(policy)
        self._mark = Mark(theme, 22, self._clock)
        self._status = Paragraph(theme, "", TypeRole.SMALL, "text2")
        self._measure = Button(theme, "Measure", ButtonKind.PRIMARY)
        self._stop = Button(theme, "Stop")
        self._content, self._foot = QVBoxLayout(), QHBoxLayout()
        self._bar_box, self._inner = QVBoxLayout(), QWidget()
        self._build()
        self._measure.clicked.connect(self.measure_requested)
        self._stop.clicked.connect(self.stop_requested)
        self._advice.action_requested.connect(self.load_requested)
        theme.changed.connect(self._take_theme)
        self._take_theme()
        self.show_facts(None)

    @Slot(object)
    def show_facts(self, facts: SpeedFacts | None) -> None:
        """Show what is known; None while no model is loaded."""
        model = facts.model if facts is not None else None
        if model is not self._model:
            self._model = model
            if self.isVisible():
                self.look_requested.emit()
        headline, source = headline_of(facts)
        self._headline.set_text(headline)
        self._source.set_text(source)
        self._show_bars(facts)
        self._figures.show_facts(facts_of(facts) if facts is not None else ())
        self._show_advice(facts)
        self._show_foot(facts)

    def showEvent(self, event: QShowEvent) -> None:
        """Free memory may be another by now."""
        super().showEvent(event)
        self.look_requested.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Nobody waits for the measurement any more."""
        self.stop_requested.emit()
        super().closeEvent(event)

    def sizeHint(self) -> QSize:
        """Room for two bars, the figures and the advice."""
        return QSize(self.theme.px(700) + 60, self.theme.px(740))

    def minimumSizeHint(self) -> QSize:
        """It scrolls."""
        return QSize(360, 300)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Paint the hairline above the foot."""
        painter = QPainter(self)
        painter.setPen(QPen(self.theme.colour("line"), 1))
        top = self._foot.geometry().top()
        painter.drawLine(0, top, self.width(), top)

    # --- parts -------------------------------------------------------------------------------

    def _build(self) -> None:
        theme, content = self.theme, self._content
        head = QHBoxLayout()
        titles = QVBoxLayout()
        titles.addWidget(self._headline)
        titles.addWidget(self._source)
        head.addLayout(titles, 1)
        close = IconButton(theme, "close", "Close the window", "Esc")
        close.clicked.connect(self.close)
        head.addWidget(close, 0, Qt.AlignmentFlag.AlignTop)
        content.addLayout(head)
        content.addLayout(self._bar_box)
        content.addWidget(self._units, 0, Qt.AlignmentFlag.AlignRight)
        content.addWidget(self._advice)
        content.addWidget(self._figures)
        content.addStretch(1)
        self._foot.addWidget(self._mark)
        middle = QVBoxLayout()
        middle.addStretch(1)
        middle.addWidget(self._status)
        middle.addStretch(1)
        self._foot.addLayout(middle, 1)
        self._foot.addWidget(self._stop)
        self._foot.addWidget(self._measure)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(0)
        outer.addWidget(self._scrolled(), 1)
        outer.addLayout(self._foot)

    def _scrolled(self) -> QScrollArea:
        self._inner.setLayout(self._content)
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        area.setWidget(self._inner)
        return area

    def _show_bars(self, facts: SpeedFacts | None) -> None:
        uses = facts.uses if facts is not None else ()
        while len(self._bars) < len(uses):
            self._bars.append(MemoryBar(self.theme))
            self._bar_box.addWidget(self._bars[-1])
        while len(self._bars) > len(uses):
            self._bars.pop().deleteLater()
        for bar, use in zip(self._bars, uses, strict=True):
            if bar.use != use:
                bar.show_use(use)
        self._units.setVisible(bool(uses))

    def _show_advice(self, facts: SpeedFacts | None) -> None:
        advice = facts.advice if facts is not None else None
        self._advice.setVisible(advice is not None)
        if advice is not None:
            title, _, text = advice.text.partition(". ")
            action = NoticeAction.LOAD_AGAIN if advice.offers_load else None
            lead = f"{title.rstrip('.')}."
            self._advice.show_notice(Notice(NoticeKind.INFO, lead, text, action))

    def _show_foot(self, facts: SpeedFacts | None) -> None:
        is_measuring = facts is not None and facts.is_measuring
        can_measure = facts is not None and facts.can_measure
        had_focus = self._measure.hasFocus() or self._stop.hasFocus()
        self._mark.setVisible(is_measuring)
        self._clock.set_running(is_measuring)
        self._stop.setVisible(is_measuring)
        self._measure.setVisible(not is_measuring)
        self._measure.setEnabled(can_measure)
        self._measure.setText("Measure again" if facts and facts.report else "Measure")
        if had_focus:
            (self._stop if is_measuring else self._measure).setFocus(
                Qt.FocusReason.ActiveWindowFocusReason
            )
        if is_measuring and not self._second.isActive():
            self._seconds = 0
            self._second.start()
        elif not is_measuring:
            self._second.stop()
        self._status.set_text(self._status_of(facts))

    def _status_of(self, facts: SpeedFacts | None) -> str:
        if facts is not None and facts.is_measuring:
            return f"Measuring, {count_text(self._seconds)} s"
        if facts is not None and facts.failure:
            return facts.failure
        return _ABOUT_MEASURING if facts is not None and facts.can_measure else _BUSY

    @Slot()
    def _count_second(self) -> None:
        self._seconds += 1
        self._status.set_text(f"Measuring, {count_text(self._seconds)} s")

    @Slot()
    def _take_theme(self) -> None:
        theme = self.theme
        side = theme.gap(36)
        self._content.setContentsMargins(side, theme.gap(24), side, theme.gap(18))
        self._content.setSpacing(theme.gap(12))
        self._bar_box.setSpacing(theme.gap(14))
        self._foot.setContentsMargins(side, theme.gap(12), side, theme.gap(12))
        self._foot.setSpacing(theme.gap(10))
        self.updateGeometry()
