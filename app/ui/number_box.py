"""A number within bounds, with its unit; one in percent has a slider, too.

Knows nothing of what it counts.
"""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal, Slot
from PySide6.QtGui import QFontMetrics, QWheelEvent
from PySide6.QtWidgets import QDoubleSpinBox, QHBoxLayout, QSlider, QSpinBox, QWidget

from app.core.setting import Setting
from app.ui.labels import Label
from app.ui.theme import Theme, TypeRole, tabular

_DECIMALS = 2
_LARGEST_OF_QT = 2**31 - 1


class _Whole(QSpinBox):
    """A whole number."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page."""
        event.ignore()


class _Broken(QDoubleSpinBox):
    """A number with decimals."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page."""
        event.ignore()


class _Slider(QSlider):
    """The same number as a length."""

    def wheelEvent(self, event: QWheelEvent) -> None:
        """The wheel scrolls the page."""
        event.ignore()


class NumberBox(QWidget):
    """Told by arrows at once, and by typing when Enter is pressed or the focus leaves.

    Signals:
        number_chosen(object): an int or a float, as the setting is.
    """

    number_chosen = Signal(object)

    def __init__(self, theme: Theme, setting: Setting[int] | Setting[float]) -> None:
        super().__init__()
        self._theme = theme
        self._setting = setting
        self.spin: QSpinBox | QDoubleSpinBox
        is_whole = isinstance(setting.default, int)
        fits = (setting.highest or 0) <= _LARGEST_OF_QT  # a seed doesn't
        self.spin = _Whole() if is_whole and fits else _Broken()
        self._decimals = 0 if is_whole else _DECIMALS
        self.slider: QSlider | None = None
        self._fill_spin()
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        if setting.unit == "%":
            self._add_slider()
        self._layout.addWidget(self.spin)
        self._layout.addStretch(1)
        self.spin.valueChanged.connect(self._take_number)
        theme.changed.connect(self._take_theme)
        self._take_theme()

    def show_number(self, number: float) -> None:
        """The number in force."""
        for control in (self.spin, self.slider):
            if control is not None:
                control.blockSignals(True)
                control.setValue(number)  # type: ignore[arg-type]
                control.blockSignals(False)

    def _fill_spin(self) -> None:
        setting, spin = self._setting, self.spin
        low, high = setting.lowest or 0, setting.highest or 0
        if isinstance(spin, QDoubleSpinBox):
            spin.setDecimals(self._decimals)
            spin.setRange(low, high)
            spin.setSingleStep(setting.step)
        else:
            spin.setRange(round(low), round(high))
            spin.setSingleStep(round(setting.step))
            spin.setGroupSeparatorShown(setting.unit != "" and setting.unit != "%")
        spin.setKeyboardTracking(False)
        spin.setAccessibleName(setting.title)
        spin.setAlignment(Qt.AlignmentFlag.AlignRight)
        spin.setSpecialValueText(setting.lowest_label)
        spin.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        if setting.unit:
            spin.setSuffix(f" {setting.unit}")

    def _add_slider(self) -> None:
        slider = _Slider(Qt.Orientation.Horizontal)
        slider.setRange(round(self._setting.lowest or 0), round(self._setting.highest or 100))
        slider.setSingleStep(round(self._setting.step))
        slider.setPageStep(round(self._setting.step))
        slider.setAccessibleName(f"{self._setting.title}, slider")
        slider.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        slider.valueChanged.connect(self._take_number)
        self.slider = slider
        self._layout.addWidget(Label(self._theme, "A", TypeRole.SMALL, "text2"))
        self._layout.addWidget(slider)
        self._layout.addWidget(Label(self._theme, "A", TypeRole.H1, "text2"))

    @Slot(int)
    @Slot(float)
    def _take_number(self, number: float) -> None:
        if isinstance(self._setting.default, float):
            number = round(number, _DECIMALS)
        else:
            number = round(number)
        self.show_number(number)
        self.number_chosen.emit(number)

    @Slot()
    def _take_theme(self) -> None:
        theme, spin = self._theme, self.spin
        self._layout.setSpacing(theme.gap(12))
        spin.setFont(tabular(theme.font(TypeRole.BODY)))
        side = theme.gap(8)
        spin.lineEdit().setTextMargins(0, 0, side, 0)
        metrics = QFontMetrics(spin.font())
        widest = max(metrics.horizontalAdvance(text) for text in self._texts())
        spin.setFixedWidth(max(widest + 2 * side + theme.gap(22), theme.px(84)))
        if self.slider is not None:
            self.slider.setFixedWidth(theme.px(176))

    def _texts(self) -> list[str]:
        """The widest texts that may stand in it."""
        setting, spin = self._setting, self.spin
        ends = (setting.lowest or 0, min(setting.highest or 0, 1_000_000))
        texts = [f"{end:,.0f}{spin.suffix()}" for end in ends]
        return [*texts, setting.lowest_label, "-0.00"]
